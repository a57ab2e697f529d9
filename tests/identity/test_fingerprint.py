import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from twinlib.config.compose import compose
from twinlib.errors import UserError
from twinlib.identity.config import as_json
from twinlib.identity.fingerprint import PARTS, Identity, identify
from twinlib.identity.stat_cache import StatCache

Scratch = Any  # conftest.py
ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted(
    str(path.relative_to(ROOT / "experiments").with_suffix("")) for path in (ROOT / "experiments").rglob("*.yaml")
)


def test_the_fingerprint_covers_every_part(scratch: Scratch) -> None:
    whole = scratch.identify()
    assert len(whole.fingerprint) == 64
    assert set(whole.parts) == set(PARTS)
    for part in PARTS:
        other = Identity.from_json(whole.to_json() | {part: {}})
        assert other.fingerprint != whole.fingerprint
        assert [name for name in PARTS if other.parts[name] != whole.parts[name]] == [part]


def test_doubts_and_single_files_are_no_part_of_it(scratch: Scratch) -> None:
    whole = scratch.identify()
    assert Identity.from_json(whole.to_json() | {"doubts": ["x"], "data_files": {}}).fingerprint == whole.fingerprint


def test_an_identity_survives_json(scratch: Scratch) -> None:
    scratch.set("lr", float("inf"))
    whole = scratch.identify()
    again = Identity.from_json(json.loads(json.dumps(whole.to_json())))
    assert again == whole
    assert (again.fingerprint, again.data_files) == (whole.fingerprint, whole.data_files)


def test_what_the_parts_hold(scratch: Scratch) -> None:
    found = scratch.identify()
    assert found.config["model"] == scratch.config["model"]
    assert "workers" not in found.config
    assert {"net", "net.model", "file:tables/gain.csv", "file:solver/flux.f90"} < set(found.code)
    assert "unused" not in found.code
    assert sorted(found.data) == ["data.path", "inputs.mesh", "start"]
    assert list(found.environment) == ["thirdparty", "python", "fingerprint"]
    assert sorted(found.data_files["data.path"])[0] == "images/1.png"
    assert list(found.data_files["inputs.mesh"]) == ["."]


def test_the_files_belong_to_the_hash(scratch: Scratch) -> None:
    found = scratch.identify()
    scratch.write("data/images/1.png", "another")
    with pytest.raises(UserError, match=r"data\.path: .*data has changed meanwhile"):
        found.to_json()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.path", "nowhere", "nowhere cannot be read: No such file"),
        ("inputs", {"mesh": "nowhere"}, "nowhere cannot be read"),
        ("code_deps", ["nowhere"], "code_deps: nowhere is neither a module nor a file"),
        ("code_deps", "net", "code_deps: 'net' is no list of texts"),
    ],
)
def test_what_a_user_can_put_right(key: str, value: Any, said: str, scratch: Scratch) -> None:
    scratch.set(key, value)
    with pytest.raises(UserError, match=said):
        scratch.identify()


def test_a_config_of_a_few_keys_is_enough(tmp_path: Path) -> None:
    found = identify({"lr": 1}, tmp_path)
    assert (found.config, found.code, found.data, found.doubts) == ({"lr": 1}, {}, {}, ())


def test_only_the_texts_of_a_config_lead_to_code_and_data(scratch: Scratch) -> None:
    scratch.write("net/pair.py", "def e(): ...\n")
    scratch.edit("net/model.py", "from net.stars import *\n", "import net.pair\n")
    one = scratch.identify()
    for number in (1e-5, 1e300, True, None, 7):
        scratch.set("lr", number)
        other = scratch.identify()
        assert (other.code, other.data, other.environment) == (one.code, one.data, one.environment)


def test_a_file_that_lies_in_an_input_is_not_counted_twice(scratch: Scratch) -> None:
    scratch.set("start", "data/images/1.png")
    scratch.set("model.folder", "data/images")
    found = scratch.identify()
    assert sorted(found.data) == ["data.path", "inputs.mesh"]
    assert found.doubts == ()


def test_two_processes_agree(scratch: Scratch) -> None:
    """Nothing depends on the seed of Python's hashes."""
    script = (
        "import json, sys; from pathlib import Path; from twinlib.identity.fingerprint import identify; "
        "print(identify(json.loads(sys.argv[1]), Path(sys.argv[2])).fingerprint)"
    )
    command = [sys.executable, "-c", script, json.dumps(scratch.config), str(scratch.root)]
    said = {
        subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> StatCache:
    return StatCache(tmp_path_factory.mktemp("cache"))


def shipped(experiment: str, cache: StatCache) -> Identity:
    config = compose([f"experiment={experiment}"], ROOT)
    config["data"].pop("path", None)  # may not be there yet
    config["inputs"] = {}
    return identify(config, ROOT, cache)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_nothing_that_cannot_change_a_result_is_in_a_shipped_experiment(experiment: str, cache: StatCache) -> None:
    outside = (
        "store",
        "tracking",
        "cli",
        "plots",
        "run",
        "worker",
        "launcher",
        "sweep",
        "identity",
        "predict",
        "export",
    )
    found = shipped(experiment, cache)
    assert any(module.startswith("twinlib.training.") for module in found.code)
    for module in found.code:
        assert not module.startswith(("hydra_plugins", "stages", "train", *(f"twinlib.{name}" for name in outside)))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_shipped_experiment_can_be_cached(experiment: str, cache: StatCache) -> None:
    assert shipped(experiment, cache).doubts == ()


def test_shipped_experiments_are_different_runs(cache: StatCache) -> None:
    assert len({shipped(experiment, cache).fingerprint for experiment in EXPERIMENTS}) == len(EXPERIMENTS) > 1


def test_identifying_imports_next_to_nothing(scratch: Scratch) -> None:
    script = (
        "import json, sys; from pathlib import Path; from twinlib.identity.fingerprint import identify; "
        "identify(json.loads(sys.argv[1]), Path(sys.argv[2])).fingerprint; print(*sys.modules)"
    )
    command = [sys.executable, "-S", "-c", script, json.dumps(scratch.config), str(scratch.root)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    loaded = {name.partition(".")[0] for name in said.split()}
    assert loaded - set(sys.stdlib_module_names) <= {"twinlib", "__main__", "sitecustomize"}


def test_parts_are_hashes_of_their_text(scratch: Scratch) -> None:
    import hashlib

    found = scratch.identify()
    assert found.parts["config"] == hashlib.sha256(as_json(found.config).encode()).hexdigest()
