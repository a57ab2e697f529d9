import pickle
from dataclasses import replace

import numpy as np
import pytest

from twinlib.cyclones import noise
from twinlib.cyclones.noise import RedNoise

STILL = RedNoise(
    seed=3, stream=0, shape=(120, 400), spacing=0.25, slope=3.0, longest=20.0, shortest=1.0, persistence=24, drift=0.0
)


def spectrum(fields, spacing):
    """Variance by wave number along the rows, averaged; the ends of a row are tapered."""
    taper = np.hanning(fields.shape[-1])
    power = np.abs(np.fft.rfft(fields * taper, axis=-1)) ** 2
    return np.fft.rfftfreq(fields.shape[-1], spacing)[1:], power.mean(axis=tuple(range(fields.ndim - 1)))[1:]


@pytest.mark.parametrize("slope", [5 / 3, 3.0, 5.0])
def test_spectrum_falls_with_its_slope(slope):
    one = replace(STILL, slope=slope, longest=1000.0)
    k, power = spectrum(np.stack([one.at(240 * n) for n in range(20)]), one.spacing)
    within = (k > 1 / 12) & (k < 1 / 2)
    assert np.polyfit(np.log(k[within]), np.log(power[within]), 1)[0] == pytest.approx(-slope, abs=0.25)
    assert power[k > 1.3].max() < 1e-3 * power[within].min()  # nothing is left below the shortest wavelength


def test_spectrum_is_the_same_in_both_directions():
    one = replace(STILL, shape=(240, 240))
    fields = np.stack([one.at(240 * n) for n in range(20)])
    k, along = spectrum(fields, one.spacing)
    _, across = spectrum(np.swapaxes(fields, 1, 2), one.spacing)
    within = (k > 1 / 12) & (k < 1)
    assert np.log(along[within] / across[within]).mean() == pytest.approx(0, abs=0.1)


def test_mean_0_variance_1_and_normal():
    fields = np.stack([STILL.at(240 * n) for n in range(200)]).astype(np.float64)
    assert fields.mean() == pytest.approx(0, abs=0.05)
    assert fields.var() == pytest.approx(1, abs=0.08)
    assert (fields**4).mean() / fields.var() ** 2 == pytest.approx(3, abs=0.2)
    halfway = np.stack([STILL.at(240 * n + 12) for n in range(200)])
    assert halfway.var() == pytest.approx(1, abs=0.08)


def test_correlation_fades_with_time():
    def correlation(hours):
        return np.mean([(STILL.at(480 * n) * STILL.at(480 * n + hours)).mean() for n in range(60)])

    assert correlation(6) == pytest.approx(np.cos(np.pi / 8), abs=0.08)
    assert correlation(12) == pytest.approx(np.cos(np.pi / 4), abs=0.08)
    assert correlation(48) == pytest.approx(0, abs=0.08)


def test_weather_drifts_east():
    moving = replace(STILL, drift=0.5, persistence=10_000)
    before, after = moving.at(100), moving.at(106)  # by 3 degrees, 12 points
    mixed = np.cos(np.pi / 2 * 6 / 10_000)
    np.testing.assert_allclose(after[:, 12:], before[:, :-12] * mixed, atol=0.02)


def test_a_time_gives_the_same_numbers_in_any_order_and_process():
    times = [0, 6, 400_000, -6, 12]
    forward = [STILL.at(hour) for hour in times]
    noise._draw.cache_clear()
    noise._amplitude.cache_clear()
    again = pickle.loads(pickle.dumps(STILL))
    backward = [again.at(hour) for hour in reversed(times)][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forward, backward, strict=True))
    assert forward[0].dtype == np.float32 and forward[0].shape == STILL.shape


def test_seeds_and_streams_differ():
    field = STILL.at(0)
    for other in (replace(STILL, seed=4), replace(STILL, stream=1)):
        assert abs(np.corrcoef(field.ravel(), other.at(0).ravel())[0, 1]) < 0.5
