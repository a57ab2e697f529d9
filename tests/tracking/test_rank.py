import json

import pytest

from twinlib.tracking.rank import is_first

CLUSTER = {"worker": ["a:1", "b:1"]}


def tf(cluster, kind, index):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(
    ("environ", "first"),
    [
        ({}, True),
        ({"RANK": "0"}, True),
        ({"RANK": "1"}, False),
        ({"RANK": "10"}, False),
        # torchrun within a Slurm step: its own rank counts
        ({"RANK": "0", "SLURM_PROCID": "3"}, True),
        ({"RANK": "8", "SLURM_PROCID": "0"}, False),
        ({"SLURM_PROCID": "0"}, True),
        ({"SLURM_PROCID": "2"}, False),
        # the processes that Lightning starts
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        (tf(CLUSTER, "worker", 0), True),
        (tf(CLUSTER, "worker", 1), False),
        (tf({**CLUSTER, "chief": ["c:1"]}, "worker", 0), False),
        (tf({**CLUSTER, "chief": ["c:1"]}, "chief", 0), True),
        (tf({**CLUSTER, "ps": ["d:1"]}, "ps", 0), False),
        ({**tf(CLUSTER, "worker", 0), "SLURM_PROCID": "4"}, True),
        ({"TF_CONFIG": "{}"}, True),
    ],
)
def test_first_process(environ, first):
    assert is_first(environ) is first
