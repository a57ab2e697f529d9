"""Which samples train, which validate, which test."""

from collections.abc import Mapping

import numpy as np

from twinlib.errors import UserError


def stratified(labels: np.ndarray, sizes: Mapping[str, int], seed: int) -> dict[str, np.ndarray]:
    """Draw disjoint splits of exact sizes in which every class has its share.

    Each split takes from a class what the class's share of the remaining samples is, rounded down or up by the
    largest remainder. Samples that no split asks for stay out.

    Parameters
    ----------
    labels
        shape (n,), the class of each sample.
    sizes
        Samples in each split, such as {"train": 3500, "val": 500, "test": 1000}.

    Returns
    -------
    For each split the indices of its samples, shape (size,), in random order.

    Raises
    ------
    UserError
        The sizes ask for more samples than there are, or for none.
    """
    wanted = sum(sizes.values())
    if wanted > len(labels) or min(sizes.values()) < 1:
        asked = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise UserError(f"splits: {asked} do not fit {len(labels)} samples; each needs one, all at most these")
    random = np.random.default_rng(seed)
    left = [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    drawn = {}
    for name, size in sizes.items():
        shares = _shares(np.array([len(rows) for rows in left]), size)
        drawn[name] = random.permutation(np.concatenate([r[:k] for r, k in zip(left, shares, strict=True)]))
        left = [r[k:] for r, k in zip(left, shares, strict=True)]
    return drawn


def _shares(counts: np.ndarray, size: int) -> np.ndarray:
    """Whole numbers in proportion to `counts` that add up to `size`."""
    shares, remainders = np.divmod(counts * size, counts.sum())
    largest = np.argsort(-remainders, kind="stable")[: size - shares.sum()]
    shares[largest] += 1
    return shares
