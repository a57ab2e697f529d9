"""Red noise on a grid: a random field with a power-law spectrum that drifts and changes with time."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

PADDING = 0.1  # of each side at least: the field is periodic, and what is cut from it shall not look so
EPOCH = 2**20  # blocks: keeps their number positive for any date


@dataclass(frozen=True)
class RedNoise:
    """A Gaussian field with mean 0 and variance 1, a function of the seed, the stream and the time alone.

    Its spectrum falls with wave number k like (k^2 + 1 / longest^2)^(-slope / 2), summed over all directions, down to
    the `shortest` wavelength. In time each mode passes from one draw to the next within `persistence`, and all of them
    move east: correlation fades, variance does not.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    spacing
        Of its points, degrees.
    slope
        Exponent of the one-dimensional spectrum.
    longest, shortest
        Wavelengths in degrees: where the power law begins, and where the field is cut off.
    persistence
        Hours between two independent draws.
    drift
        Degrees an hour, to the east.
    """

    seed: int
    stream: int
    shape: tuple[int, int]
    spacing: float
    slope: float
    longest: float
    shortest: float
    persistence: float
    drift: float = 0.0

    def at(self, hour: int) -> npt.NDArray[np.float32]:
        """The field at an hour since 1970-01-01, shape `shape`."""
        from scipy.fft import ifft, irfft

        rows, columns = _period(self.shape)
        block, part = divmod(hour, self.persistence)
        angle = np.pi / 2 * part / self.persistence
        first, second = _draw(self, int(block)), _draw(self, int(block) + 1)
        # Turned in float64: a date in hours times a wave number is too much for float32.
        turns = np.arange(first.shape[1]) * (self.drift * hour / (columns * self.spacing) % 1)
        phase = np.exp(-2j * np.pi * (turns % 1))
        modes = np.zeros((rows, first.shape[1]), np.complex64)
        north = first.shape[0] // 2 + 1
        mixed = first * (np.cos(angle) * phase).astype(np.complex64)
        mixed += second * (np.sin(angle) * phase).astype(np.complex64)
        modes[:north], modes[rows - north + 1 :] = mixed[:north], mixed[north:]
        # Only the columns that are not zero are transformed along the rows.
        along = ifft(modes, axis=0, norm="forward", overwrite_x=True)[: self.shape[0]]
        field: npt.NDArray[np.float32] = irfft(along, n=columns, axis=1, norm="forward")[:, : self.shape[1]]
        return field


def _period(shape: tuple[int, int]) -> tuple[int, int]:
    from scipy.fft import next_fast_len

    return tuple(next_fast_len(int(np.ceil(size * (1 + PADDING))), real=True) for size in shape)  # type: ignore[return-value]


@lru_cache(maxsize=32)
def _amplitude(noise: RedNoise) -> npt.NDArray[np.float32]:
    """Standard deviation of each mode: rows 0 … m, -m … -1, columns 0 … n of the transform."""
    rows, columns = _period(noise.shape)
    m = min(int(rows * noise.spacing / noise.shortest), (rows - 1) // 2)
    n = min(int(columns * noise.spacing / noise.shortest), (columns - 1) // 2)
    ky = np.concatenate([np.arange(m + 1), np.arange(-m, 0)])[:, np.newaxis] / (rows * noise.spacing)
    kx = np.arange(n + 1) / (columns * noise.spacing)
    square = kx**2 + ky**2
    # A ring of radius k has 2 pi k modes: one power less for each of them.
    density = np.where(square * noise.shortest**2 <= 1, (square + noise.longest**-2) ** (-(noise.slope + 1) / 2), 0)
    density[0, 0] = 0
    total = density[:, 0].sum() + 2 * density[:, 1:].sum()
    amplitude = np.sqrt(density / total)
    amplitude[:, 0] *= np.sqrt(2)  # their imaginary parts are lost in a real field
    return amplitude.astype(np.float32)


@lru_cache(maxsize=32)
def _draw(noise: RedNoise, block: int) -> npt.NDArray[np.complex64]:
    """Independent complex normal numbers for every mode, times its amplitude."""
    amplitude = _amplitude(noise)
    random = np.random.default_rng(np.random.SeedSequence(noise.seed, spawn_key=(noise.stream, EPOCH + block)))
    parts = random.standard_normal((*amplitude.shape, 2), dtype=np.float32)
    drawn: npt.NDArray[np.complex64] = parts.view(np.complex64)[..., 0] * (amplitude * np.float32(np.sqrt(0.5)))
    return drawn
