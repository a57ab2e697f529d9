import pytest

from twinlib.training.watch import Watch


def follow(values, direction="minimize", patience=None, min_delta=0.0):
    watch = Watch(direction, patience, min_delta)
    best = []
    for epoch, value in enumerate(values, start=1):
        best.append(watch.see(epoch, value))
        if watch.stop:
            break
    return watch, best


@pytest.mark.parametrize(
    ("values", "options", "best_epoch", "epochs"),
    [
        ([3, 2, 1], {}, 3, 3),
        ([1, 2, 3], {}, 1, 3),
        ([1, 2, 3], {"direction": "maximize"}, 3, 3),
        ([1, 1, 1, 1], {"patience": 2}, 1, 3),  # the same again is no progress, and not better
        ([3, 4, 2, 5, 6, 1], {"patience": 2}, 3, 5),
        ([3, 4, 2, 5, 6, 1], {"patience": 3}, 6, 6),
        ([5, 4], {"patience": 1}, 2, 2),
        ([1.0, 0.9, 0.8], {"patience": 1, "min_delta": 0.15}, 2, 2),  # better, but too little to go on
        ([1.0, 0.9, 0.8, 0.7], {"patience": 2, "min_delta": 0.15}, 4, 4),  # two small steps are one of progress
        ([0.5, 0.6, 0.62], {"direction": "maximize", "patience": 1, "min_delta": 0.05}, 3, 3),
        ([-1, -3, -2], {}, 2, 3),
    ],
)
def test_best_epoch_and_end(values, options, best_epoch, epochs):
    watch, best = follow(values, **options)
    assert (watch.best_epoch, len(best)) == (best_epoch, epochs)


def test_tells_each_time_that_it_is_the_best_so_far():
    assert follow([3, 4, 2, 2, 1])[1] == [True, False, True, False, True]
