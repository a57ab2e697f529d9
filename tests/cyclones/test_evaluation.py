from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import fbeta_score, precision_score, recall_score

from twinlib.cyclones.evaluation import Localisation, findings, places, threshold_of
from twinlib.cyclones.targets import Target

BASINS, CATEGORIES = ("none", "WP", "EP", "NA"), ("none", "TD", "TS", "1", "2", "3", "4", "5")
ABSENT = (-1, -1)
SURE, NO = 9.0, -9.0  # logits


def patches(*rows, encoding=None):
    """A dataset of patches, each given as origin, true position, basin and category."""
    origin, position, basin, category = zip(*rows, strict=True)
    columns = {
        "origin": np.array(origin, np.float32),
        "position": np.array(position, np.float32),
        "basin": np.array([BASINS.index(name) for name in basin]),
        "category": np.array([CATEGORIES.index(name) for name in category]),
    }
    schema = {"basin": SimpleNamespace(classes=BASINS), "category": SimpleNamespace(classes=CATEGORIES)}
    return SimpleNamespace(columns=lambda split: columns, schema=schema, encoding=encoding or Target("detection"))


WEST, EAST = (30, 120), (30, 220)  # origins of patches in WP and EP
FIVE = patches(
    (WEST, (10, 20), "WP", "TS"),  # found, one point too far south
    (WEST, (10, 20), "WP", "4"),  # found too far away
    (EAST, (5, 5), "EP", "TS"),  # missed
    (WEST, ABSENT, "none", "none"),  # false alarm
    (EAST, ABSENT, "none", "none"),  # rightly empty
)
SAID = np.array([(SURE, 11, 20), (SURE, 30, 20), (NO, 5, 5), (SURE, 0, 0), (NO, 0, 0)], np.float32)


STEP = 6371 * np.radians(0.25)  # km between two points of a meridian


def test_a_table_worked_by_hand():
    metrics = Localisation()(FIVE, "test", SAID, np.empty(0))
    assert metrics == pytest.approx(
        {
            "distance_km": 10.5 * STEP,
            "median_distance_km": 10.5 * STEP,
            "hit_rate": 2 / 3,
            "pod": 1 / 3,
            "far": 2 / 3,
            "f2": 5 / (5 + 4 * 2 + 2),
            "distance_km_WP": 10.5 * STEP,
            "median_distance_km_WP": 10.5 * STEP,
            "hit_rate_WP": 1,
            "pod_WP": 1 / 2,
            "far_WP": 2 / 3,
            "f2_WP": 5 / (5 + 4 * 1 + 2),
            "hit_rate_EP": 0,
            "pod_EP": 0,
            "f2_EP": 0,
            "distance_km_cat_TS": STEP,
            "median_distance_km_cat_TS": STEP,
            "hit_rate_cat_TS": 1 / 2,
            "pod_cat_TS": 1 / 2,
            "distance_km_cat_4": 20 * STEP,
            "median_distance_km_cat_4": 20 * STEP,
            "hit_rate_cat_4": 1,
            "pod_cat_4": 0,
        },
        rel=1e-6,
    )
    assert {type(value) for value in metrics.values()} == {float}


def test_settings_move_what_counts():
    assert Localisation(within=20.5 * STEP)(FIVE, "test", SAID, np.empty(0))["pod"] == 2 / 3
    unsure = SAID * np.array([0.1, 1, 1])  # a logit of 0.9 is a probability of 0.71
    assert Localisation(threshold=0.72)(FIVE, "test", unsure, np.empty(0))["hit_rate"] == 0
    assert Localisation(threshold=0.70)(FIVE, "test", unsure, np.empty(0))["hit_rate"] == 2 / 3


def test_as_sklearn_where_every_place_is_near_enough():
    rng = np.random.default_rng(0)
    there, said = rng.random((2, 400)) < 0.4
    dataset = patches(
        *((WEST, rng.uniform(0, 39, 2), "WP", "1") if yes else (WEST, ABSENT, "none", "none") for yes in there)
    )
    predictions = np.column_stack([np.where(said, SURE, NO), rng.uniform(0, 39, (400, 2))])
    metrics = Localisation(within=1e5)(dataset, "test", predictions, np.empty(0))
    assert metrics["pod"] == metrics["hit_rate"] == pytest.approx(recall_score(there, said))
    assert metrics["far"] == pytest.approx(1 - precision_score(there, said))
    assert metrics["f2"] == pytest.approx(fbeta_score(there, said, beta=2))


@pytest.mark.parametrize("label", ["NONE", "ZERO_3"])
def test_a_position_says_present_as_the_original_does(label):
    """Row and column at least -0.1; above 39 it is the last point."""
    encoding = Target("position", label)
    dataset = patches(*[(WEST, (0, 39), "WP", "TS")] * 5, encoding=encoding)
    predictions = np.array([(-0.099, 39), (0, 45), (-0.101, 39), (20, -0.11), (encoding.label,) * 2], np.float32)
    found = findings(dataset, "test", predictions)
    assert found.said.tolist() == [True, True, False, False, False]
    assert found.distance[:2] == pytest.approx(0, abs=1e-6)
    assert threshold_of(Target("density")) == threshold_of(Target("detection")) == 0.5


def test_nothing_to_find_and_nothing_found():
    empty = patches((WEST, ABSENT, "none", "none"))
    assert Localisation()(empty, "test", SAID[-1:], np.empty(0)) == {}
    assert Localisation()(empty, "test", SAID[:1], np.empty(0)) == {"far": 1, "f2": 0}
    metrics = Localisation()(FIVE, "test", SAID[[2]], np.empty(0))  # the first sample only: it is missed
    assert {key: metrics[key] for key in ("pod", "hit_rate", "f2")} == {"pod": 0, "hit_rate": 0, "f2": 0}
    assert not {"far", "distance_km", "pod_EP"} & set(metrics)


def test_a_density_map_is_evaluated_too():
    encoding = Target("density", sigma=5.0)
    dataset = patches((WEST, (12.3, 20.7), "WP", "2"), (WEST, ABSENT, "none", "none"), encoding=encoding)
    exact = encoding.encode(dataset.columns("test")["position"])
    metrics = Localisation()(dataset, "test", exact, exact)
    assert (metrics["pod"], metrics["far"]) == (1, 0)
    assert metrics["distance_km"] < 0.05 * STEP


def test_rows_go_south_and_columns_east_over_greenwich():
    latitude, longitude = places(np.array([[30, 359.5]]), np.array([[4.0, 3.0]]))
    assert (latitude[0], longitude[0]) == (29.0, 0.25)
