from types import SimpleNamespace

import numpy as np
import pytest

from tests.cyclones import tiny
from twinlib.cyclones.dataset import Patches
from twinlib.cyclones.evaluation import Localisation
from twinlib.plots.cyclones import draw

SETTINGS = {
    "drivers": ["msl", "fg10"],
    "target": "detection",
    "patch_type": "NOCYCLONE",
    "augment": False,
    "aug_type": "ONLY_TCS",
    "label_no_cyclone": "NONE",
    "target_scale": False,
    "coordinates": "patch_cyclone",
    "sigma": 5.0,
    "input_shape": [40, 40, 2],
    "name": "cyclones",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "cyclones"
    tiny.write(folder)
    return folder


@pytest.fixture
def said():
    """Of three cyclones one found exactly, one 10 points too far north, one missed; and a false alarm."""
    position = tiny.samples(2)["position"] - np.where(np.arange(8) == 1, 10, 0)[:, None] * np.array([1, 0])
    logit = np.array([4, 3, -2, -1, 2, -3, -4, -5])
    return SimpleNamespace(predictions=np.column_stack([logit, position]).astype(np.float32))


@pytest.mark.parametrize("scaling", ["minmax", "standard"])
def test_pages_of_patches(scaling, folder, said, figures, tmp_path):
    dataset = Patches(str(folder), scaling=scaling, **SETTINGS)
    assert draw(said, dataset, tmp_path) == [tmp_path / "patches.png", tmp_path / "localisation.png"]
    page = figures["patches.png"]
    assert page.get_suptitle().startswith("cyclones (synthetic fields), test split: msl (hPa)")
    lines = [axes.get_ylabel() for axes in page.axes if axes.get_ylabel()]
    assert lines == ["best", "typical", "worst", "missed", "false alarm"]
    shown = [axes for axes in page.axes if axes.images]
    # In units, whatever the scaling was.
    stored = tiny.samples(2)["fields"][0, ..., list(tiny.VARIABLES).index("msl")]
    np.testing.assert_allclose(shown[0].images[0].get_array(), stored / 100, atol=0.02)
    assert "category 1, 0 km" in shown[0].get_title() and "30°N 150°E" in shown[0].get_title()
    ring, cross = shown[0].lines
    truth = tiny.samples(2)["position"][0]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((truth[1], truth[0]))
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == pytest.approx((truth[1], truth[0]))
    assert "probability 0.88" in shown[-1].get_title()


def test_bars_say_what_the_metrics_say(folder, said, figures, tmp_path):
    dataset = Patches(str(folder), scaling="minmax", **SETTINGS)
    draw(said, dataset, tmp_path)
    metrics = Localisation()(dataset, "test", said.predictions, np.empty(0))
    distances, strength, place = figures["localisation.png"].axes
    assert distances.get_legend().get_texts()[1].get_text() == f"mean: {metrics['distance_km']:.0f} km"
    assert [bar.get_height() for bar in strength.patches] == [pytest.approx(metrics["pod_cat_1"])]
    assert [bar.get_height() for bar in place.patches] == pytest.approx([metrics["pod_WP"], metrics["far_WP"]])
    assert [text.get_text() for text in place.get_xticklabels()] == ["WP"]


def test_a_twin_that_finds_nothing(folder, said, figures, tmp_path):
    dataset = Patches(str(folder), scaling="minmax", **SETTINGS)
    draw(SimpleNamespace(predictions=said.predictions - np.array([9, 0, 0])), dataset, tmp_path)
    assert [axes.get_ylabel() for axes in figures["patches.png"].axes if axes.get_ylabel()] == ["missed"]
    assert figures["localisation.png"].axes[0].get_title() == "no cyclone was found"
