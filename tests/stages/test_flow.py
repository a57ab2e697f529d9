import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages import flow
from stages.flow import prepare, solve
from twinlib.data import arrow
from twinlib.errors import UserError
from twinlib.flow import channel
from twinlib.flow.fields import FAMILIES, fields
from twinlib.flow.signed_distance import signed_distance

PROJECT = Path(__file__).parents[2]
SPLIT = {"flows": 3, "families": ["ellipse", "polygon"], "obstacles": [1, 2], "reynolds": [30, 30]}
SETTINGS = {"rows": 24, "columns": 48, "outflow": 16, "u_max": 0.1, "steps": 20_000, "tolerance": 1e-4, "seed": 0}
SPLITS = {
    "train": SPLIT,
    "test": SPLIT | {"flows": 2},
    "test_unseen": SPLIT | {"flows": 2, "families": ["car"], "reynolds": [10, 40]},
}


def hashes(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Seven flows, solved in this process. Tests copy what they change."""
    folder = tmp_path_factory.mktemp("flow") / "raw"
    said = solve(folder, **SETTINGS, splits=SPLITS, processes=1)
    assert said == f"{folder}: 7 flows, 7 of them solved now; all became steady"
    return folder


@pytest.fixture
def raw(solved, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for file in solved.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_the_bytes_do_not_depend_on_the_processes(solved, tmp_path):
    solve(tmp_path / "two", **SETTINGS, splits=SPLITS, processes=2)
    assert hashes(tmp_path / "two") == hashes(solved)


def test_only_new_flows_are_solved(raw):
    before = {file: file.stat().st_mtime_ns for file in raw.glob("*.npz")}
    more = SPLITS | {"train": SPLIT | {"flows": 5}}
    assert "9 flows, 2 of them solved now" in solve(raw, **SETTINGS, splits=more, processes=1)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert "7 flows, 0 of them solved now" in solve(raw, **SETTINGS, splits=SPLITS, processes=1)
    assert len(list(raw.glob("*.npz"))) == 9


def test_a_damaged_or_lost_flow_is_solved_again(raw, solved):
    cut, changed, lost = sorted(raw.glob("*.npz"))[:3]
    cut.write_bytes(cut.read_bytes()[:-100])
    (raw / f".{lost.stem}.99999").write_bytes(b"half")  # what a process left that was killed
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    lost.unlink()
    with pytest.raises(UserError, match=r"is (missing|damaged); solve the flows again"):
        prepare(raw, raw.with_name("out"), license="none")
    assert "7 flows, 3 of them solved now" in solve(raw, **SETTINGS, splits=SPLITS, processes=1)
    assert hashes(raw) == hashes(solved)


def test_an_interrupted_generation_goes_on(tmp_path):
    """An interrupt ends the command and its workers; what they had done stays, and the rest follows."""
    many = {"train": SPLIT | {"flows": 200}}
    about = {"flow": {"solve": {"target": str(tmp_path / "raw"), **SETTINGS, "splits": many}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(about))
    command = [sys.executable, "-m", "stages", "solve", "flow", "--params", str(tmp_path / "params.yaml")]
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while len(list((tmp_path / "raw").glob("*.npz"))) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    assert process.wait(30) != 0
    assert "SpawnProcess" not in process.stderr.read().decode()  # no worker's traceback
    process.stderr.close()
    there = len(list((tmp_path / "raw").glob("*.npz")))
    assert 3 <= there < 200
    fewer = {"train": SPLIT | {"flows": 20}}
    said = solve(tmp_path / "raw", **SETTINGS, splits=fewer, processes=1)
    assert int(said.split(" flows, ")[1].split()[0]) < 20
    solve(tmp_path / "new", **SETTINGS, splits=fewer, processes=1)
    new = hashes(tmp_path / "new")
    assert {name: value for name, value in hashes(tmp_path / "raw").items() if name in new} == new


def test_the_name_says_what_a_flow_depends_on(solved, tmp_path, monkeypatch):
    names = {file.name for file in solved.glob("*.npz")}
    case = flow._case(
        flow._split("train", SPLIT), "train", 0, 0, rows=24, columns=48, outflow=16, u_max=0.1, steps=9, tolerance=1
    )
    name = case.name("code")
    for key, value in {
        "reynolds": 31.0,
        "outflow": 17,
        "u_max": 0.05,
        "steps": 10,
        "tolerance": 2,
        "fluid": ~case.fluid,
    }.items():
        assert flow.Case(**(vars(case) | {key: value})).name("code") != name
    assert flow.Case(**(vars(case) | {"family": 3})).name("code") == name
    assert case.name("other code") != name

    comment, change = tmp_path / "comment.py", tmp_path / "change.py"
    source = Path(channel.__file__).read_text()
    comment.write_text(source + "# A comment.\n")
    change.write_text(source.replace("CHECK = 1000", "CHECK = 2000"))
    assert flow._code(channel.__file__) == flow._code(str(comment)) != flow._code(str(change))
    assert len(names) == 7


def test_the_dataset_is_what_was_solved(solved, tmp_path):
    schema = prepare(solved, tmp_path / "flow", license="CC0-1.0")
    assert (schema.kind, dict(schema.splits)) == ("synthetic", {"train": 3, "test": 2, "test_unseen": 2})
    assert schema.source.endswith("all became steady")
    assert [field.name for field in schema.fields] == [field.name for field in fields(24, 48)]
    arrays = arrow.open(tmp_path / "flow").arrays
    index = json.loads((solved / flow.INDEX).read_text())
    for split, columns in arrays.items():
        for row, entry in enumerate(index[split]):
            kept = np.load(solved / f"{entry['file']}.npz")
            assert (columns["fluid"][row, ..., 0] == kept["fluid"]).all()
            assert (columns["velocity"][row] == kept["velocity"]).all()
            assert (columns["sdf"][row, ..., 0] == signed_distance(kept["fluid"])).all()
            assert columns["reynolds"][row] == np.float32(entry["reynolds"])
            assert columns["drag"][row] == kept["drag"] > 0
            assert FAMILIES[columns["family"][row]] == entry["family"]
        assert (columns["velocity"][(columns["fluid"] == 0)[..., 0]] == 0).all()
    assert set(arrays["test_unseen"]["family"]) == {FAMILIES.index("car")}
    assert np.ptp(arrays["test_unseen"]["reynolds"]) > 0
    prepare(solved, tmp_path / "again", license="CC0-1.0")
    assert hashes(tmp_path / "flow") == hashes(tmp_path / "again")


def test_no_shape_is_in_two_splits():
    """Also when the splits are described in the same words."""
    seen = set()
    for split in ("train", "val", "test"):
        for number in range(100):
            case = flow._case(
                flow._split(split, SPLIT),
                split,
                0,
                number,
                rows=24,
                columns=48,
                outflow=0,
                u_max=0.1,
                steps=1,
                tolerance=1,
            )
            seen.add(case.fluid.tobytes())
    assert len(seen) == 300


def test_what_does_not_settle_is_dropped_and_counted(tmp_path, monkeypatch):
    real = channel.solve

    def sometimes(fluid, reynolds, **settings):
        if reynolds == 50:
            raise channel.Unsteady("it goes on and on")
        return real(fluid, reynolds, **settings)

    monkeypatch.setattr(channel, "solve", sometimes)
    wild = {"train": SPLIT, "test": SPLIT | {"flows": 1}, "test_more": SPLIT | {"reynolds": [50, 50], "flows": 1}}
    raw = tmp_path / "raw"
    said = "dropped because they did not become steady: test_more 1"
    assert solve(raw, **SETTINGS, splits=wild, processes=1).endswith(said)
    assert "0 of them solved now" in solve(raw, **SETTINGS, splits=wild, processes=1)  # it is not tried again
    with pytest.raises(UserError, match="no flow of test_more became steady"):
        prepare(raw, tmp_path / "out", license="none")
    wild["test_more"] = SPLIT | {"flows": 1}
    assert solve(raw, **SETTINGS, splits=wild, processes=1).endswith("all became steady")


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"flow": 3}, "splits.train: .*unexpected keyword argument 'flow'"),
        ({"obstacles": [3, 1]}, "splits.train.obstacles is"),
        ({"obstacles": [30, 30]}, "no room for 30"),
        ({"families": ["elipse"]}, "elipse is unknown"),
        ({"reynolds": [100, 1e6]}, "reynolds 1e.06 on 24 rows: the relaxation time"),
    ],
)
def test_wrong_settings_are_said_before_the_work(about, message, tmp_path):
    with pytest.raises(UserError, match=message):
        solve(tmp_path / "raw", **SETTINGS, splits={"train": SPLIT | about}, processes=1)
    assert not (tmp_path / "raw").exists()


def test_nothing_solved(tmp_path):
    with pytest.raises(UserError, match="solve the flows first"):
        prepare(tmp_path, tmp_path / "out", license="none")
