"""The points of a grid are those of Hydra's basic sweeper; what cannot be a grid is refused before anything runs."""

import subprocess
import sys

import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode

from twinlib.config.compose import compose, resolved
from twinlib.config.schema import register
from twinlib.errors import UserError
from twinlib.sweep.compose import Composer
from twinlib.sweep.grid import Point, compose_points, split, sweep

SWEEPS = [
    ["lr=1e-3,1e-4", "model=cnn,linear"],
    ["model=cnn,linear", "lr=1e-3,1e-4", "seed=3"],
    ["seed=range(3)"],
    ["seed=range(1,10,4)", "model.dropout=[0,0],[0.1,0.2]"],
    ["lr=range(0.1,0.4,0.1)"],
    ["name='a,b','c d',\"e\\\"f\""],
    ["optimizer=glob(*)", "lr=choice(1,2)"],
    ["model=glob(*,exclude=l*)"],
    ["+inputs.a=x,y", "~schedule.warmup"],
    ["experiment=mnist/cnn_keras,mnist/linear_keras"],
    ["early_stopping={patience:1},{patience:2,min_delta:0.1}"],
    ["name=${lr},x", "clip_norm=null,1"],
    ["lr=1,2", "seed=1", "lr=3,4"],
    ["lr=sort(3,1,2)", "export=null"],
    [],
]


@pytest.fixture
def hydra(root, tmp_path, monkeypatch):
    """Hydra's application object for the project, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    register()
    with initialize_config_dir(config_dir=str(root / "conf"), version_base="1.3"):
        yield GlobalHydra.instance().hydra


def master(hydra, *overrides):
    return hydra.compose_config("config", list(overrides), RunMode.MULTIRUN, with_log_configuration=False)


class Launcher:
    """Takes composed points, as the launchers of twinlib do."""

    def launch_points(self, points):
        self.points = points
        return "launched"


@pytest.mark.parametrize("arguments", SWEEPS, ids=" ".join)
def test_points_and_their_order_equal_hydra(hydra, arguments):
    parser = OverridesParser.create(config_loader=hydra.config_loader)
    (expected,) = BasicSweeper.split_arguments(parser.parse_overrides(arguments), max_batch_size=None)
    assert split(arguments, hydra.config_loader) == [tuple(point) for point in expected]


def test_last_argument_varies_fastest(hydra):
    assert split(["lr=1e-3,1e-4", "model=cnn,linear"], hydra.config_loader) == [
        ("lr=0.001", "model=cnn"),
        ("lr=0.001", "model=linear"),
        ("lr=0.0001", "model=cnn"),
        ("lr=0.0001", "model=linear"),
    ]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("lr=range(1,1)", r"lr=range\(1,1\): an empty range"),
        ("lr=range(0.5,0.1,0.1)", "an empty range"),
        ("lr=range(1,3,0)", "must not be zero"),
        ("lr=interval(0,1)", r"lr=interval\(0,1\): a grid cannot list an interval"),
        ("model=glob(x*)", r"model=glob\(x\*\): no choice matches"),
    ],
)
def test_no_grid_one_line(hydra, argument, words):
    with pytest.raises(UserError, match=words) as error:
        split(["seed=1,2", argument], hydra.config_loader)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("combinations", "words"),
    [
        (["lrr=1", "lrr=2"], "lrr: no such key; did you mean lr"),
        (["model=liner"], "model=liner: no such model; did you mean linear"),
    ],
)
def test_a_mistake_in_every_point_is_one_line(root, combinations, words):
    with pytest.raises(UserError, match=words):
        compose_points([(line,) for line in combinations], Composer(root), [])


def test_a_mistake_in_one_point_stays_with_it(root):
    good, bad = compose_points([("batch_size=8",), ("batch_size=0",)], Composer(root), ["seed=5"])
    assert good == Point(("batch_size=8",), compose(["seed=5", "batch_size=8"], root), None)
    assert bad == Point(("batch_size=0",), None, "batch_size=0: must be at least 1")


def test_launcher_of_points_gets_them_composed(hydra, root):
    launcher = Launcher()
    overrides = ["hydra.verbose=true", "hydra/launcher=basic", "seed=1,2", "model=linear"]
    config = master(hydra, *overrides)
    assert sweep(["seed=1,2", "model=linear"], config, hydra.config_loader, launcher) == "launched"
    assert [point.overrides for point in launcher.points] == [("seed=1", "model=linear"), ("seed=2", "model=linear")]
    assert launcher.points[1].config == Composer(root).compose(["seed=2", "model=linear"])


def test_search_path_counts(hydra, tmp_path):
    (tmp_path / "more" / "model").mkdir(parents=True)
    (tmp_path / "more" / "model" / "tiny.yaml").write_text("_target_: twinlib.models.cnn_torch.cnn\ndense: 1\n")
    launcher = Launcher()
    config = master(hydra, f"hydra.searchpath=[{tmp_path / 'more'}]", "model=tiny,cnn")
    sweep(["model=tiny,cnn"], config, hydra.config_loader, launcher)
    assert [point.config["model"]["dense"] for point in launcher.points] == [1, 128]


def multirun(hydra, *overrides):
    """What Hydra's own launcher ran: each point's config."""
    configs = []
    hydra.multirun("config", lambda config: configs.append(resolved(config)), list(overrides))
    return configs


def test_runs_what_hydra_runs(hydra):
    arguments = ["hydra/launcher=basic", "lr=1,2", "model=cnn,linear"]
    with_grid = multirun(hydra, "hydra/sweeper=grid", *arguments)
    assert len(with_grid) == 4
    assert with_grid == multirun(hydra, "hydra/sweeper=basic", *arguments)


def test_params_of_the_sweeper_come_first_and_the_command_line_wins(hydra):
    params = ["+hydra.sweeper.params.seed='1,2'", "+hydra.sweeper.params.lr='range(1,1)'"]
    configs = multirun(hydra, "hydra/sweeper=grid", "hydra/launcher=basic", *params, "epochs=3,4", "lr=5")
    points = [(config["seed"], config["lr"], config["epochs"]) for config in configs]
    assert points == [(1, 5, 3), (1, 5, 4), (2, 5, 3), (2, 5, 4)]


def test_with_a_launcher_of_hydra_one_mistake_stops_the_sweep_before_it_runs(hydra):
    configs = []
    overrides = ["hydra/sweeper=grid", "hydra/launcher=basic", "seed=1", "batch_size=8,0"]
    with pytest.raises(UserError, match=r"batch_size=0: must be at least 1 \(in the point seed=1 batch_size=0\)"):
        hydra.multirun("config", configs.append, overrides)
    assert configs == []


def test_a_failing_run_of_a_launcher_of_hydra_is_raised(hydra):
    def fail(config):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hydra.multirun("config", fail, ["hydra/sweeper=grid", "hydra/launcher=basic", "seed=1"])


def test_hydra_itself_cannot_be_swept(hydra):
    with pytest.raises(ConfigCompositionException, match="not supported"):
        hydra.multirun("config", print, ["hydra/sweeper=grid", "hydra.verbose=true,false"])


def test_plugin_imports_nothing_but_hydra(root):
    # Hydra imports it at every start.
    code = (
        "import sys; from hydra._internal.core_plugins import basic_sweeper; before = set(sys.modules);"
        "import hydra_plugins.twin_grid.grid_sweeper; print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    names = ["hydra_plugins", "hydra_plugins.twin_grid", "hydra_plugins.twin_grid.grid_sweeper"]
    assert result.stdout.split() == names
