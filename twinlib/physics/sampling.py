"""Points of the unit cube, spread by a named rule, the same ones for the same seed."""

import warnings
import zlib
from collections.abc import Callable

import numpy as np

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError

Draw = Callable[[int], np.ndarray]  # how many -> shape (n, dimensions); each call goes on where the last one ended


def uniform(dimensions: int, seed: np.random.SeedSequence) -> Draw:
    """Independent points."""
    rng = np.random.default_rng(seed)
    return lambda count: rng.random((count, dimensions))


def halton(dimensions: int, seed: np.random.SeedSequence) -> Draw:
    """Halton's sequence, scrambled."""
    from scipy.stats.qmc import Halton

    return Halton(dimensions, rng=np.random.default_rng(seed)).random


def sobol(dimensions: int, seed: np.random.SeedSequence) -> Draw:
    """Sobol's sequence, scrambled; best in numbers that are powers of two."""
    from scipy.stats.qmc import Sobol

    sequence = Sobol(dimensions, rng=np.random.default_rng(seed))

    def draw(count: int) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The balance properties")
            return np.asarray(sequence.random(count))

    return draw


SAMPLERS: dict[str, Callable[[int, np.random.SeedSequence], Draw]] = {
    "uniform": uniform,
    "halton": halton,
    "sobol": sobol,
}


def sampler(name: str, dimensions: int, seed: int, *purpose: str) -> Draw:
    """The sampler of a name.

    Parameters
    ----------
    purpose
        What the points are for. Another purpose, other points; and none depend on those of another purpose.

    Raises
    ------
    UserError
        No such sampler.
    """
    if name not in SAMPLERS:
        raise UserError(f"data.sampler: no sampler {name}{nearest(name, SAMPLERS)}")
    words = [zlib.crc32(word.encode()) for word in purpose]
    return SAMPLERS[name](max(dimensions, 1), np.random.SeedSequence([seed, *words]))
