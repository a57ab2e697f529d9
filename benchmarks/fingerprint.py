"""What an unchanged folder costs: its content hash against a bare walk over the same stats.

python benchmarks/fingerprint.py            # 10,000 files, 1 GB, made in a temporary folder
python benchmarks/fingerprint.py --files 1000 --megabytes 10
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from twinlib.identity import stat_cache
from twinlib.identity.data import content_hash

REPEATS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="number of files (default: 10000)")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of all files together (default: 1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        write(data, options.files, options.megabytes * 1_000_000 // options.files)
        time.sleep(stat_cache.SETTLED_NS / 1e9)
        started = time.perf_counter()
        expected = fingerprint(data, Path(scratch))
        first = time.perf_counter() - started

        def unchanged() -> None:
            assert fingerprint(data, Path(scratch)) == expected

        walks, hashes = alternate(lambda: bare_walk(data), unchanged)
    print(f"{options.files} files, {options.megabytes} MB")
    print(f"first time, all content read  {first * 1e3:9.1f} ms")
    print(f"bare walk over the stats      {walks * 1e3:9.1f} ms")
    print(f"fingerprint, unchanged        {hashes * 1e3:9.1f} ms")
    print(f"ratio                         {hashes / walks:9.2f}")


def write(folder: Path, files: int, size: int) -> None:
    """`files` files of `size` random bytes each, a hundred to a folder."""
    random_bytes = random.Random(0).randbytes(size + files)
    for number in range(files):
        path = folder / f"{number // 100:04d}" / f"{number:06d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random_bytes[number : number + size])


def fingerprint(data: Path, scratch: Path) -> str:
    """What a new process does: the cache is read from disk."""
    cache = stat_cache.StatCache(scratch / ".twin")
    digest = content_hash(data, cache)
    cache.save()
    return digest


def bare_walk(folder: Path) -> int:
    """Total size in bytes, by nothing but scandir and stat."""
    total = 0
    pending = [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    total += entry.stat().st_size
    return total


def alternate(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of each, taken in turn so that both see the same machine."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for task, seconds in zip((first, second), times, strict=True):
            started = time.perf_counter()
            task()
            seconds.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
