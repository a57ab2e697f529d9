import pickle

import numpy as np
import pytest

from twinlib.cyclones import noise
from twinlib.cyclones.fields import REGION, grid, open_fields
from twinlib.cyclones.tracks import Tracks
from twinlib.cyclones.variables import DRIVERS, VARIABLES
from twinlib.cyclones.vortex import GUST, HOURLY, WEAKEST
from twinlib.errors import UserError

TIME = np.datetime64("2010-09-01T06")
SMALL = {"north": 30.0, "south": 10.0, "west": 140.0, "east": 160.0}


def tracks(*storms, time=TIME):
    """Records (latitude, longitude, wind, pressure), all at one time and standing still."""
    n = len(storms)
    latitude, longitude, wind, pressure = np.array(storms, dtype=float).T
    text = np.array([f"S{i}" for i in range(n)])
    still, no = np.zeros(n), np.zeros(n, bool)
    return Tracks(
        storm=text, name=text, season=np.full(n, 2010), basin=np.full(n, "WP"), time=np.full(n, time, "datetime64[h]"),
        longitude=longitude, latitude=latitude, wind=wind, pressure=pressure, eastward=still, northward=still,
        wind_filled=no, pressure_filled=no,
    )  # fmt: skip


def opened(storms=(), region=SMALL, variables=DRIVERS, seed=0):
    return open_fields(
        "synthetic", variables=variables, region=region, tracks=tracks(*storms) if storms else None, seed=seed
    )


def difference(*storms, region=SMALL, variables=tuple(VARIABLES)):
    """What storms add to the maps, one for each variable."""
    with_storms, without = (opened(some, region, variables).at(TIME) for some in (storms, ()))
    return dict(zip(variables, np.moveaxis(with_storms - without, -1, 0), strict=True))


def test_the_default_region_is_7_by_22_patches():
    latitude, longitude = grid(REGION)
    assert (len(latitude), len(longitude)) == (7 * 40, 22 * 40)
    assert (latitude[0], latitude[-1], longitude[0], longitude[-1]) == (70, 0.25, 100, 319.75)
    assert (np.diff(latitude) == -0.25).all() and (np.diff(longitude) == 0.25).all()


def test_fields_say_what_they_are():
    fields = opened(variables=("sst", "fg10"))
    assert fields.kind == "synthetic" and "synthetic" in fields.source
    assert fields.variables == ("sst", "fg10") and fields.units == ("K", "m s**-1")
    assert fields.times is None
    assert fields.at(TIME).shape == (81, 81, 2) and fields.at(TIME).dtype == np.float32


def test_pressure_falls_to_the_records_at_the_centre():
    fields = opened()
    environment = fields._background.environment(20.0, 150.0, TIME.astype(int))
    added = difference((20.0, 150.0, 50.0, 95_000.0))
    assert added["msl"][40, 40] == added["msl"].min()
    assert added["msl"][40, 40] == pytest.approx(95_000 - environment, abs=0.05)
    assert 100_500 < environment < 101_500


def test_a_record_as_high_as_its_environment_is_the_weakest_storm():
    assert difference((20.0, 150.0, 13.0, 102_000.0))["msl"].min() == pytest.approx(-WEAKEST, abs=0.05)


def test_gusts_vorticity_and_warm_core_of_a_storm():
    added = difference((20.0, 150.0, 50.0, 95_000.0))
    ring = added["fg10"].max()
    assert ring > 0.6 * 50 * HOURLY * GUST["fg10"]
    row, column = np.unravel_index(added["fg10"].argmax(), added["fg10"].shape)
    assert 0 < np.hypot(row - 40, column - 40) < 3  # not at the centre, but near
    assert added["i10fg"].max() == pytest.approx(ring * GUST["i10fg"] / GUST["fg10"], rel=1e-5)
    assert added["t_300"][40, 40] > added["t_500"][40, 40] > 3
    assert added["vo_850"].max() > 1e-3
    assert not added["sst"].any()


def test_far_from_storms_nothing_changes():
    added = difference((20.0, 141.0, 50.0, 95_000.0))
    for field in added.values():
        assert not field[:, 48:].any()  # from 152 degrees east


def test_a_storm_outside_reaches_into_the_map():
    added = difference((20.0, 139.5, 50.0, 95_000.0))
    assert added["msl"][40, 0] < -500 and added["msl"].min() == added["msl"][40, 0]
    assert not any(field.any() for field in difference((50.0, 139.5, 50.0, 95_000.0)).values())


def test_a_storm_on_the_date_line_is_whole():
    region = {"north": 30.0, "south": 10.0, "west": 170.0, "east": 190.0}
    here = difference((20.0, 180.0, 50.0, 95_000.0), region=region, variables=("msl", "t_300"))
    assert here["msl"] == pytest.approx(here["msl"][:, ::-1], abs=0.05)
    assert here["t_300"][40, 40] > 5


def test_two_storms_add_up():
    first, second = (19.0, 147.0, 40.0, 97_000.0), (22.0, 152.0, 45.0, 96_000.0)
    both = difference(first, second, variables=("msl",))["msl"]
    apart = difference(first, variables=("msl",))["msl"] + difference(second, variables=("msl",))["msl"]
    assert both == pytest.approx(apart, abs=0.1)


def test_a_weak_storm_is_hidden_in_the_weather():
    """A strong one exceeds all the weather of its latitudes, a weak one does not in any variable."""
    drivers = opened()
    weather = np.stack([drivers.at(TIME + np.timedelta64(240 * n, "h"))[30:50] for n in range(20)])
    most = np.abs(weather - weather.mean(axis=0)).max(axis=(0, 1, 2))
    weak = difference((20.0, 150.0, 13.0, 100_800.0), variables=DRIVERS)
    strong = difference((20.0, 150.0, 60.0, 94_000.0), variables=DRIVERS)
    for name, extreme in zip(DRIVERS, most, strict=True):
        assert np.abs(weak[name]).max() < 0.8 * extreme
        assert np.abs(strong[name]).max() > extreme


def test_a_time_gives_the_same_map_in_any_order_and_process():
    storms = ((20.0, 150.0, 50.0, 95_000.0),)
    times = [TIME + np.timedelta64(hours, "h") for hours in (0, 6, 1200, 12)]
    fields = opened(storms)
    forward = [fields.at(time) for time in times]
    noise._draw.cache_clear()
    again = pickle.loads(pickle.dumps(fields))
    backward = [again.at(time) for time in times[::-1]][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forward, backward, strict=True))
    assert not np.array_equal(forward[0], opened(storms, seed=1).at(TIME))
    alone = opened(storms, variables=("t_300",)).at(TIME)
    assert np.array_equal(alone[..., 0], forward[0][..., DRIVERS.index("t_300")])


def test_weather_goes_on_between_two_maps():
    fields = opened(variables=("msl",))
    maps = [fields.at(TIME + np.timedelta64(hours, "h")).astype(float) for hours in (0, 6, 240)]
    step, later = (np.abs(other - maps[0]).mean() for other in maps[1:])
    assert step < 0.6 * later


def test_only_hours_of_the_tracks():
    with pytest.raises(UserError, match="2010-09-01T07: synthetic fields, as the tracks, are of 00, 06, 12 and 18 UTC"):
        opened().at(np.datetime64("2010-09-01T07"))


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"north": 30.0, "south": 10.0}, "region has north, south; give north, south, west, east"),
        (SMALL | {"north": 5.0}, "south below north"),
        (SMALL | {"east": 130.0}, "west below east"),
        (SMALL | {"west": -10.0}, "needs -90 … 90 and 0 … 359.75"),
        (SMALL | {"north": 30.1}, "not all on the 0.25-degree grid"),
    ],
)
def test_a_region_that_is_none_is_refused(region, message):
    with pytest.raises(UserError, match=message):
        opened(region=region)


@pytest.mark.parametrize(
    ("variables", "message"),
    [(("msl", "mslp"), "no mslp; there are fg10, msl"), (("msl", "msl"), "each once"), ((), "none")],
)
def test_variables_that_are_none_are_refused(variables, message):
    with pytest.raises(UserError, match=message):
        opened(variables=variables)
