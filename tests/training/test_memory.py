import ctypes
import subprocess
import sys

import pytest

COUNT = """
import resource
from twinlib.training.memory import keep_freed_memory
keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = bytearray(b"1") * 40_000_000
    del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(), sum(faults() for _ in range(10)))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_freed_memory_is_used_again():
    answer = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True).stdout
    first, next_ten = map(int, answer.split())
    assert next_ten < first
