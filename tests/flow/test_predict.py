from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from tests.flow import tiny
from twinlib.config.build import build
from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.flow.predict import predict, read_mask
from twinlib.predict import Twin

ROOT = Path(__file__).parents[2]


def trained(experiment, folder, *settings):
    """A twin of one step."""
    tiny.write(folder / "flow")
    config = compose(
        [f"experiment=flow/{experiment}", "epochs=1", "strategy.accelerator=cpu", *tiny.SETTINGS, *settings], ROOT
    )
    dataset = build({**config["data"], "path": str(folder / "flow")})
    build(config["trainer"])(config=config, dataset=dataset, folder=folder, steps=1)
    module = config["trainer"]["_target_"].rpartition(".")[0]
    model = build({"_target_": f"{module}.predictor"}, config, folder)
    return Twin(SimpleNamespace(folder=folder), config, dataset.preprocess, model)


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    return trained("unet_gated_lightning", tmp_path_factory.mktemp("unet"), "model.network.filters=[4,6]")


@pytest.fixture(scope="module")
def connected(tmp_path_factory):
    return trained("fc3_lightning", tmp_path_factory.mktemp("fc"), "model.network.hidden=[4]")


def mask(rows=tiny.ROWS, columns=tiny.COLUMNS):
    """An obstacle in the lower half."""
    fluid = np.ones((rows, columns), bool)
    fluid[rows // 4 : rows // 2 - 2, columns // 4 : columns // 3] = False
    return fluid


def png(fluid, path, shade=0.0):
    """As a person would draw it: the first row at the top."""
    matplotlib.image.imsave(path, np.where(fluid, 1.0, shade)[::-1], cmap="gray", vmin=0, vmax=1, format="png")
    return path


def test_a_drawn_mask_becomes_a_flow(unet, tmp_path):
    said = predict(unet, png(mask(), tmp_path / "mask.png"), tmp_path / "out" / "flow.npz")
    flow = np.load(tmp_path / "out" / "flow.npz")
    np.testing.assert_array_equal(flow["fluid"], mask())
    assert flow["velocity"].shape == (tiny.ROWS, tiny.COLUMNS, 2)
    assert not flow["velocity"][~mask()].any() and flow["velocity"][mask()].any()
    assert (flow["sdf"] > 0).tolist() == mask().tolist()
    assert (tmp_path / "out" / "flow.png").stat().st_size > 1000
    assert said.startswith(f"flow of 64 x 32 cells in {tmp_path / 'out' / 'flow.npz'}")
    assert "trained on" not in said


def test_it_is_what_the_twin_says_of_the_same_boundary(unet, tmp_path):
    from twinlib.flow.signed_distance import signed_distance

    np.save(tmp_path / "mask.npy", mask())
    predict(unet, tmp_path / "mask.npy", tmp_path / "flow.npy")
    raw = np.stack([signed_distance(mask()) / (tiny.ROWS / 2), mask()], axis=-1)
    np.testing.assert_allclose(np.load(tmp_path / "flow.npy"), unet.predict(raw)[0], atol=1e-6)


def test_a_u_net_takes_another_size_and_says_so(unet, tmp_path):
    said = predict(unet, png(mask(48, 96), tmp_path / "mask.png"), tmp_path / "flow.npy")
    assert np.load(tmp_path / "flow.npy").shape == (48, 96, 2)
    assert "trained on 64 x 32" in said


def test_the_same_in_keras(tmp_path):
    twin = trained("unet_gated_keras", tmp_path, "model.network.filters=[4,6]")
    predict(twin, png(mask(48, 96), tmp_path / "mask.png"), tmp_path / "flow.npy")
    assert np.load(tmp_path / "flow.npy").shape == (48, 96, 2)


def test_other_networks_take_their_own_size_only(connected, tmp_path):
    predict(connected, png(mask(), tmp_path / "mask.png"), tmp_path / "flow.npy")
    with pytest.raises(UserError, match="takes 64 x 32 only"):
        predict(connected, png(mask(48, 96), tmp_path / "mask.png"), tmp_path / "flow.npy")


def test_what_no_flow_reaches_is_solid(unet, tmp_path):
    fluid = np.ones((tiny.ROWS, tiny.COLUMNS), bool)
    fluid[10:20, 20:30] = False
    fluid[13:16, 23:26] = True  # a hollow
    said = predict(unet, png(fluid, tmp_path / "mask.png"), tmp_path / "flow.npz")
    assert "9 cells that no flow reaches are solid" in said
    assert not np.load(tmp_path / "flow.npz")["fluid"][14, 24]


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (slice(None), slice(20, 22), "close the channel"),
        (slice(10, 12), slice(0, 3), "an obstacle at the inlet"),
    ],
)
def test_masks_that_no_flow_passes(unet, tmp_path, rows, columns, said):
    fluid = np.ones((tiny.ROWS, tiny.COLUMNS), bool)
    fluid[rows, columns] = False
    with pytest.raises(UserError, match=said):
        predict(unet, png(fluid, tmp_path / "mask.png"), tmp_path / "flow.npz")


def test_another_aspect_ratio(unet, tmp_path):
    with pytest.raises(UserError, match=r"64 x 48 pixels .* another aspect ratio than the twin's 64 x 32"):
        predict(unet, png(mask(48, 64), tmp_path / "mask.png"), tmp_path / "flow.npz")


@pytest.mark.parametrize(
    ("name", "said"), [("flow.csv", ".npz or a .npy"), ("mask.npz", "picture of the flow would replace it")]
)
def test_targets_that_cannot_be(unet, tmp_path, name, said):
    with pytest.raises(UserError, match=said):
        predict(unet, png(mask(), tmp_path / "mask.png"), tmp_path / name)


def test_grey_pictures_need_a_threshold(tmp_path):
    path = png(mask(), tmp_path / "grey.png", shade=0.4)
    with pytest.raises(UserError, match=r"30 of 2048 pixels are neither black nor white; predict.threshold=0.5"):
        read_mask(path, None)
    np.testing.assert_array_equal(read_mask(path, 0.5), mask())
    assert read_mask(path, 0.3).all()


def test_what_is_transparent_is_white(tmp_path):
    picture = np.zeros((4, 6, 4))
    picture[0, 1, 3] = 1  # one black pixel, at the top
    matplotlib.image.imsave(tmp_path / "mask.png", picture)
    expected = np.ones((4, 6), bool)
    expected[3, 1] = False
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", None), expected)


def test_files_that_are_no_mask(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    np.save(tmp_path / "cube.npy", np.ones((2, 3, 4)))
    np.save(tmp_path / "counts.npy", np.arange(6).reshape(2, 3))
    for name, said in {
        "none.png": "none.png is missing",
        "text.png": "text.png is no PNG",
        "cube.npy": "two axes",
        "counts.npy": "0 is an obstacle, 1 is fluid",
    }.items():
        with pytest.raises(UserError, match=said):
            read_mask(tmp_path / name, None)
