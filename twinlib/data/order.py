"""In which order samples are fed, and reading them ahead of need."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from twinlib.data.dataset import Dataset

Batch = tuple[np.ndarray, np.ndarray]


def batches(size: int, batch_size: int, seed: int | None = None, epoch: int = 0) -> Iterator[np.ndarray]:
    """The rows of each batch of one epoch; the last batch may be smaller.

    With a seed the rows are shuffled: a function of the seed and the epoch, and of nothing else. Without one they
    come as they are stored.
    """
    if seed is None:
        rows = np.arange(size)
    else:
        rows = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,))).permutation(size)
    for start in range(0, size, batch_size):
        yield rows[start : start + batch_size]


def parts_of(samples: int, count: int) -> list[slice]:
    """`count` slices, one after the other, that cut `samples` into parts whose sizes differ by one at most."""
    return [slice(*edge) for edge in pairwise(samples * part // count for part in range(count + 1))]


def read(
    dataset: Dataset,
    split: str,
    batch_size: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
    workers: int = 1,
    rank: int = 0,
    size: int = 1,
) -> Iterator[Batch]:
    """The batches of one epoch, `(inputs, targets)` as `Dataset.batch` gives them, read ahead by threads.

    Neither the order nor the numbers depend on `workers`; 0 reads in the calling thread. With a seed a subclass's
    `batch` gets a random generator of its own for each batch. An error in a thread is raised here, at its batch.
    The threads end with the iterator, also when it is closed early.

    Of `size` processes that share each batch, number `rank` gets its part, which may be empty. Where nothing is drawn
    it reads no more than that; else the whole batch, so that a sample looks the same whoever gets it.
    """
    draws = seed is not None and type(dataset).batch is not Dataset.batch  # a generator costs as much as a small batch

    def load(index: int, rows: np.ndarray) -> Batch:
        part = parts_of(len(rows), size)[rank]
        if not draws:
            return dataset.batch(split, rows[part], None)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch, index)))
        inputs, targets = dataset.batch(split, rows, rng)
        return inputs[part], targets[part]

    order = enumerate(batches(dataset.size(split), batch_size, seed, epoch))
    if not workers:
        yield from (load(index, rows) for index, rows in order)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    ahead: deque[Future[Batch]] = deque()
    try:
        for index, rows in order:
            ahead.append(pool.submit(load, index, rows))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
