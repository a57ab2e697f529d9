from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

EXPERIMENTS = {
    # Values that other values read: by name, relatively, through a node that is itself read.
    "links": """
        model: {width: 64, dense: "${model.width}", again: "${.dense}", whole: "${early_stopping}"}
        optimizer: {depth: 64, same: "${.depth}", up: "${..workers}", other: {up: "${..side}"}, side: 1}
        schedule: {steps: [1, 2], first: "${schedule.steps.0}"}
        data: {alias: "${model}", deep: "${data.alias.width}", list: ["${model.filters.0}", "${lr}"]}
        inputs: {a: "x-${seed}-${name}", b: '\\${seed}'}
        """,
    "nested": """
        model: {pick: first, first: 1, second: 2, value: "${model.${model.pick}}"}
        """,
    "resolver": """
        inputs: {home: "${oc.env:TWIN_NOT_SET,none}", seed: "${oc.decode:'${seed}'}"}
        """,
    "missing": """
        model: {needed: ???}
        """,
    "wrong": """
        epochs: 0
        """,
    "plain": """
        model: {any: 1, text: a, none: null, flag: true, list: [1, a], rows: [[1, 2], [3]]}
        optimizer: {nodes: {x: 1, "3": 2, y: {}}}
        inputs: {mesh: a.vtk}
        """,
}


@pytest.fixture
def root():
    return ROOT


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A project with the real groups, and experiments that are hard to compose."""
    project = tmp_path_factory.mktemp("project")
    (project / "conf" / "experiment").mkdir(parents=True)
    for entry in (ROOT / "conf").iterdir():
        if entry.name != "experiment":
            (project / "conf" / entry.name).symlink_to(entry)
    (project / "conf" / "experiment" / "mnist").symlink_to(ROOT / "experiments" / "mnist")
    for name, text in EXPERIMENTS.items():
        lines = ["# @package _global_", *(line.strip() for line in text.strip().splitlines())]
        (project / "conf" / "experiment" / f"{name}.yaml").write_text("\n".join(lines) + "\n")
    return project
