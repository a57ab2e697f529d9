import numpy as np
import pytest

from twinlib.cyclones.dataset import Patches
from twinlib.cyclones.patches import KINDS
from twinlib.cyclones.targets import Target
from twinlib.data import arrow
from twinlib.data.order import read
from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import Field, Schema
from twinlib.errors import UserError

NAMES = ("fg10", "msl", "t_500")
SETTINGS = {
    "drivers": NAMES,
    "target": "position",
    "patch_type": "NEAREST",
    "augment": True,
    "aug_type": "ONLY_TCS",
    "label_no_cyclone": "NONE",
    "target_scale": False,
    "coordinates": "patch_cyclone",
    "sigma": 5.0,
    "scaling": "none",
    "input_shape": [40, 40, 3],
}
# As the stage makes them: three NEAREST, five ALLADJACENT and one RANDOM for each cyclone.
KIND = np.array([KINDS.index(kind) for kind in ["NEAREST"] * 3 + ["CYCLONE"] + ["ALLADJACENT"] * 5 + ["RANDOM"]] * 4)
KIND = np.append(KIND, [KINDS.index("NOCYCLONE")] * 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random maps; each has its highest fg10 at the grid point of the centre, and msl says which sample it is."""
    folder = tmp_path_factory.mktemp("data") / "cyclones"
    rng = np.random.default_rng(0)

    def samples():
        size = len(KIND)
        fields = rng.uniform(0, 20, (size, 40, 40, 3)).astype(np.float32)
        fields[..., 1] = np.arange(size)[:, None, None]
        fields[..., 2] += 250
        position = np.full((size, 2), -1, np.float32)
        for sample in np.flatnonzero(KIND == 0):
            row, column = position[sample] = rng.integers(0, 40, 2)
            fields[sample, int(row), int(column), 0] = 60 + sample
        return {"fields": fields, "position": position, "kind": KIND}

    schema = Schema(
        (
            Field("fields", (40, 40, 3), ("row", "column", "channel"), "float32", "m s**-1, Pa, K", names=NAMES),
            Field("position", (2,), ("coordinate",), "float32", "grid points"),
            Field("kind", (), (), "int64", "class", classes=KINDS),
        ),
        kind="synthetic",
        source="random numbers",
        license="none",
    )
    arrow.write(folder, {split: [samples()] for split in ("train", "val", "test", "test_other")}, schema)
    return folder


def patches(folder, **changes):
    return Patches(str(folder), **{**SETTINGS, **changes})


def epoch(dataset, seed=0):
    """Inputs and targets of one training epoch."""
    batches = list(read(dataset, "train", 7, seed=seed, epoch=1, workers=0))
    return tuple(np.concatenate(arrays) for arrays in zip(*batches, strict=True))


@pytest.mark.parametrize(
    ("patch_type", "aug_type", "shares"),
    [
        # What the original's dataset chooses from, by the weights of its parts; of 4 cyclones here.
        ("NEAREST", None, {"CYCLONE": 4, "NEAREST": 12, "RANDOM": 4}),
        ("NEAREST", "ONLY_TCS", {"CYCLONE": 16, "NEAREST": 12, "RANDOM": 4}),  # 50, 37.5 and 12.5 %
        ("NEAREST", "ALL_PATCHES", {"CYCLONE": 16, "NEAREST": 48, "RANDOM": 16}),
        ("ALLADJACENT", "ONLY_TCS", {"CYCLONE": 16, "NEAREST": 12, "ALLADJACENT": 20, "RANDOM": 4}),
        ("RANDOM", "ONLY_TCS", {"CYCLONE": 16, "RANDOM": 4}),
        ("CYCLONE", None, {"CYCLONE": 4}),
        ("NOCYCLONE", None, {"CYCLONE": 4, "NEAREST": 12, "ALLADJACENT": 20, "RANDOM": 4, "NOCYCLONE": 2}),
    ],
)
def test_what_is_learnt_from(folder, patch_type, aug_type, shares):
    dataset = patches(folder, patch_type=patch_type, augment=aug_type is not None, aug_type=aug_type or "ONLY_TCS")
    kinds = KIND[epoch(dataset)[0][:, 0, 0, 1].astype(int)]
    assert {kind: int((kinds == KINDS.index(kind)).sum()) for kind in shares} == shares
    assert len(kinds) == sum(shares.values()) == dataset.size("train")
    # Validation: the same patches, each once. Tests: all, whatever is learnt from.
    copies = {kind: 4 if aug_type and (kind == "CYCLONE" or aug_type == "ALL_PATCHES") else 1 for kind in shares}
    assert dataset.size("val") == sum(count // copies[kind] for kind, count in shares.items())
    assert dataset.size("test") == dataset.size("test_other") == len(KIND)


def test_every_orientation_once_an_epoch_and_the_target_goes_along(folder):
    dataset = patches(folder)
    stored = arrow.open(folder).arrays["train"]
    inputs, targets = epoch(dataset)
    which = inputs[:, 0, 0, 1].astype(int)
    for sample in np.flatnonzero(KIND == 0):
        mine = inputs[which == sample]
        image = stored["fields"][sample]
        expected = [image, image[::-1], image[:, ::-1], image[::-1, ::-1]]
        assert len(mine) == 4
        for orientation in expected:
            assert sum(np.array_equal(orientation, copy) for copy in mine) == 1
        for copy, target in zip(mine, targets[which == sample], strict=True):
            assert np.unravel_index(copy[..., 0].argmax(), (40, 40)) == tuple(target.astype(int))
    absent = KIND[which] != 0
    assert (targets[absent] == -1).all()
    np.testing.assert_array_equal(inputs[absent], stored["fields"][which[absent]])


def test_only_training_is_augmented_and_the_same_seed_gives_the_same(folder):
    dataset = patches(folder, aug_type="ALL_PATCHES")
    for split in ("val", "test"):
        stored = arrow.open(folder).arrays[split]
        for inputs, targets in read(dataset, split, 16, workers=0):
            which = inputs[:, 0, 0, 1].astype(int)
            np.testing.assert_array_equal(inputs, stored["fields"][which])
            np.testing.assert_array_equal(targets, stored["position"][which])
    for one, other in zip(epoch(dataset, 3), epoch(dataset, 3), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(epoch(dataset, 3)[0], epoch(dataset, 4)[0])


@pytest.mark.parametrize("scaling", ["none", "minmax", "standard"])
@pytest.mark.parametrize("drivers", [("msl",), ("t_500", "fg10"), NAMES])
def test_drivers_and_their_preprocessing(folder, scaling, drivers):
    dataset = patches(folder, drivers=list(drivers), input_shape=[40, 40, len(drivers)], scaling=scaling)
    order = [NAMES.index(driver) for driver in drivers]
    stored = arrow.open(folder)
    raw = stored.arrays["test"]["fields"][[5, 3]][..., order]
    whole = Preprocess(stored.schema["fields"], scaling)(stored.arrays["test"]["fields"][[5, 3]])[..., order]
    inputs = dataset.batch("test", np.array([5, 3]))[0]
    np.testing.assert_allclose(inputs, whole, atol=1e-6)
    np.testing.assert_array_equal(dataset.columns("test")["fields"][[5, 3]], raw)
    # What the record keeps is enough for a prediction, and says which variables in which order and units.
    kept = Preprocess.from_json(dataset.preprocess.to_json())
    np.testing.assert_array_equal(kept(raw), inputs)
    assert kept.field.names == drivers
    assert kept.field.units == ", ".join(("m s**-1", "Pa", "K")[channel] for channel in order)
    # Mirrored as well.
    train = dataset.columns("train")
    rows = np.arange(dataset.size("train"))
    mirrored = dataset.batch("train", rows, np.random.default_rng(0))[0]
    copies = train["kind"] == 0
    assert not np.array_equal(mirrored[copies], kept(train["fields"])[copies]) or drivers == ("msl",)
    np.testing.assert_allclose(mirrored.sum(axis=(1, 2)), kept(train["fields"]).sum(axis=(1, 2)), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("target", ["position", "detection", "density"])
def test_targets_are_those_of_the_settings(folder, target):
    dataset = patches(folder, target=target, label_no_cyclone="ZERO_3", target_scale=True, sigma=3.0)
    assert dataset.encoding == Target(target, "ZERO_3", True, 3.0)
    rows = np.arange(len(KIND))
    targets = dataset.batch("test", rows)[1]
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, dataset.encoding.encode(dataset.columns("test")["position"]))


def test_columns_are_those_of_the_samples_and_read_only(folder):
    dataset = patches(folder)
    stored = arrow.open(folder).arrays
    columns = dataset.columns("val")
    assert set(columns) == {"fields", "position", "kind"} and len(columns) == 3
    assert len(columns["kind"]) == dataset.size("val")
    np.testing.assert_array_equal(columns["position"], stored["val"]["position"][np.isin(KIND, [0, 1, 3])])
    for name in columns:
        assert not columns[name].flags.writeable and not dataset.columns("test")[name].flags.writeable
    # A split that is used as it is stored is not copied.
    assert dataset.columns("test")["fields"].base is not None
    with pytest.raises(UserError, match="no split dev; there are train, val, test, test_other"):
        dataset.columns("dev")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_type": "nearest"}, "data.patch_type is nearest; use one of CYCLONE, NEAREST, ALLADJACENT, RANDOM"),
        ({"aug_type": "NONE"}, "data.aug_type is NONE; use one of ONLY_TCS, ALL_PATCHES"),
        ({"augment": "no"}, "data.augment is no; use one of false, true"),
        ({"target": "mask"}, "data.target is mask; use one of position, detection, density"),
        ({"label_no_cyclone": "ZERO"}, "data.label_no_cyclone is ZERO; use one of NONE, ZERO_3, ONE"),
        ({"coordinates": "global_cyclone"}, "data.coordinates is global_cyclone; use one of patch_cyclone"),
        ({"target_scale": None}, "data.target_scale is null; use one of false, true"),
        ({"scaling": "zscore"}, "data.scaling is zscore; use one of none, unit, minmax, standard"),
        ({"drivers": ["fg10", "slp", "t_500"]}, "data.drivers: no variable slp; there are fg10, msl, t_500"),
        ({"drivers": ["fg10", "fg10", "msl"]}, "data.drivers .* none twice"),
        ({"drivers": []}, "data.drivers is .*; name one variable at least"),
        ({"drivers": ["fg10"]}, r"data.input_shape is \[40, 40, 3\]; with these drivers it is \[40, 40, 1\]"),
        ({"classes": 2}, "data.classes is 2; .* null"),
    ],
)
def test_settings_that_do_not_fit(folder, changes, message):
    with pytest.raises(UserError, match=message):
        patches(folder, **changes)


def test_a_dataset_without_such_patches_and_none_at_all(folder, tmp_path):
    schema = arrow.open(folder).schema
    columns = arrow.open(folder).arrays["train"]
    cyclones = {name: column[KIND == 0] for name, column in columns.items()}
    others = {name: column[KIND != 0] for name, column in columns.items()}
    arrow.write(tmp_path / "d", {"train": [cyclones], "val": [others], "test": [cyclones]}, schema)
    with pytest.raises(UserError, match=r"data\.patch_type CYCLONE: .* has no such patch in the split val"):
        patches(tmp_path / "d", patch_type="CYCLONE")
    with pytest.raises(UserError, match=r"nowhere/train\.arrow is missing"):
        patches(tmp_path / "nowhere")
