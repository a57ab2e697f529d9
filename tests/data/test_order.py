import threading

import numpy as np
import pytest

from twinlib.data.dataset import Dataset
from twinlib.data.order import batches, parts_of, read


@pytest.fixture
def dataset(folder):
    return Dataset(str(folder), "weather", "storm", "standard", [4, 5, 2], 3)


class Noisy(Dataset):
    """Adds noise to the training split and says which threads read it."""

    def batch(self, split, rows, rng=None):
        self.threads = {*getattr(self, "threads", ()), threading.current_thread().name}
        inputs, targets = super().batch(split, rows)
        return (inputs if rng is None else inputs + rng.normal(size=inputs.shape)), targets


class Broken(Dataset):
    """Cannot read the row 25."""

    def batch(self, split, rows, rng=None):
        if 25 in rows:
            raise RuntimeError("row 25")
        return super().batch(split, rows)


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("read")]


def numbers(epoch):
    return np.concatenate([rows for rows in epoch])


def test_stored_order_without_a_seed():
    found = list(batches(10, 4))
    assert [rows.tolist() for rows in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_every_row_once_in_an_order_of_the_seed_and_the_epoch():
    orders = {(seed, epoch): tuple(numbers(batches(100, 7, seed, epoch))) for seed in range(3) for epoch in range(3)}
    assert all(sorted(order) == list(range(100)) for order in orders.values())
    assert len(set(orders.values())) == 9
    assert tuple(numbers(batches(100, 7, 1, 2))) == orders[1, 2]
    assert tuple(numbers(batches(100, 50, 1, 2))) == orders[1, 2]


def test_the_order_is_pinned():
    """A change here changes every result that was ever recorded."""
    assert numbers(batches(8, 8, seed=0, epoch=1)).tolist() == [6, 3, 4, 7, 2, 0, 1, 5]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_reading_ahead_changes_nothing(workers, dataset, samples):
    found = list(read(dataset, "train", 8, seed=5, epoch=2, workers=workers))
    for (inputs, targets), rows in zip(found, batches(50, 8, 5, 2), strict=True):
        np.testing.assert_array_equal(inputs, dataset.preprocess(samples["train"]["weather"][rows]))
        np.testing.assert_array_equal(targets, samples["train"]["storm"][rows])
    assert not readers()


@pytest.mark.parametrize("workers", [1, 3])
def test_noise_does_not_depend_on_the_threads(workers, folder):
    noisy = Noisy(str(folder), "weather", "storm", "standard", [4, 5, 2], 3)
    alone = [inputs for inputs, _ in read(noisy, "train", 8, seed=1, workers=0)]
    assert noisy.threads == {"MainThread"}
    ahead = [inputs for inputs, _ in read(noisy, "train", 8, seed=1, workers=workers)]
    assert any(name.startswith("read") for name in noisy.threads)
    for one, other in zip(alone, ahead, strict=True):
        np.testing.assert_array_equal(one, other)
    other_epoch = next(read(noisy, "train", 8, seed=1, epoch=1))[0]
    assert not np.array_equal(alone[0], other_epoch)


def test_no_noise_without_a_seed(folder):
    noisy = Noisy(str(folder), "weather", "storm", "standard", [4, 5, 2], 3)
    one, other = (np.concatenate([inputs for inputs, _ in read(noisy, "val", 3)]) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_comes_at_its_batch(workers, folder):
    epoch = read(Broken(str(folder), "weather", "storm", "standard", [4, 5, 2], 3), "train", 8, workers=workers)
    for _ in range(3):
        next(epoch)
    with pytest.raises(RuntimeError, match="row 25"):
        next(epoch)
    assert not readers()


def test_an_epoch_may_be_left_early(dataset):
    epoch = read(dataset, "train", 2, workers=3)
    next(epoch)
    assert readers()
    epoch.close()
    assert not readers()
    for _ in read(dataset, "train", 2, workers=3):
        break
    assert not readers()


@pytest.mark.parametrize(("samples", "count"), [(8, 1), (8, 3), (2, 3), (1, 4), (0, 2)])
def test_parts_cover_a_batch_in_order_and_are_nearly_equal(samples, count):
    parts = parts_of(samples, count)
    assert [row for part in parts for row in range(samples)[part]] == list(range(samples))
    sizes = [part.stop - part.start for part in parts]
    assert len(sizes) == count and max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kind", [Dataset, Noisy])
@pytest.mark.parametrize("size", [2, 3])
def test_processes_share_each_batch(kind, size, folder):
    """Together they have the same samples with the same noise; the last batch, of 2, leaves nothing to one of three."""
    dataset = kind(str(folder), "weather", "storm", "standard", [4, 5, 2], 3)
    options = {"seed": 5, "epoch": 2}
    shares = [list(read(dataset, "train", 8, rank=rank, size=size, **options)) for rank in range(size)]
    for number, (inputs, targets) in enumerate(read(dataset, "train", 8, **options)):
        np.testing.assert_array_equal(np.concatenate([share[number][0] for share in shares]), inputs)
        np.testing.assert_array_equal(np.concatenate([share[number][1] for share in shares]), targets)
    assert min(len(share[-1][0]) for share in shares) == 2 // size


def test_a_share_reads_no_more_than_it_needs(folder):
    read_rows = []

    dataset = Dataset(str(folder), "weather", "storm", "standard", [4, 5, 2], 3)
    plain = dataset.batch
    dataset.batch = lambda split, rows, rng=None: (read_rows.append(len(rows)), plain(split, rows, rng))[1]
    list(read(dataset, "train", 10, seed=1, workers=0, rank=1, size=2))
    assert read_rows == [5] * 5
