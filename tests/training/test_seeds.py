from twinlib.training.seeds import epoch_seed


def test_each_process_draws_its_own_numbers_in_each_epoch():
    found = {epoch_seed(seed, epoch, rank) for seed in range(9) for epoch in range(9) for rank in range(9)}
    assert len(found) == 9**3
    assert all(0 <= seed < 2**32 for seed in found)


def test_the_seed_is_pinned():
    """A change here changes every result with dropout that was ever recorded."""
    assert epoch_seed(0, 1) == epoch_seed(0, 1, 0) == 1921337475
