import shutil
from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path

CONF = Path(__file__).parents[2] / "conf"
SEARCH = '''
"""The training of `lab`, with ways to go wrong."""
import os
import time
from pathlib import Path

from lab import train as as_usual


def train(*, config, does, **rest):
    if does == "fail one" and config["seed"] == 1:
        does = "fail"
    if does == "first is slow" and not Path("first" * 1).exists():
        Path("first" * 1).touch()
        ends = time.monotonic() + 40
        log = Path("trainings.log" * 1)
        while not log.exists() or len(log.read_text().splitlines()) < 5:
            if time.monotonic() > ends:
                raise TimeoutError("the others wait for me")
            time.sleep(0.02)
    known = ("fail", "wait")
    return as_usual(config=config, does=does if does in known else "nothing", **rest)
'''


@pytest.fixture
def lab(lab):
    """The small project, with twinlib's launchers and sweepers; `lr` is not searched unless a test asks for it."""
    for group in ("launcher", "sweeper"):
        shutil.copytree(CONF / group, lab.root / "conf" / group)
    (lab.root / "search.py").write_text(SEARCH)
    config = lab.root / "conf" / "config.yaml"
    text = config.read_text().replace("launcher: {}\n", "").replace("lab.train", "search.train")
    groups = "{launcher: local}, {sweeper: optuna}, _self_"
    ours = "{override hydra/launcher: twin}, {override hydra/sweeper: '${sweeper}'}"
    config.write_text(text.replace("schema, _self_", f"schema, {groups}, {ours}"))
    return lab


@pytest.fixture(scope="session")
def loader():
    """Hydra's loader of the real `conf/`."""
    return ConfigLoaderImpl(create_config_search_path(str(CONF)))
