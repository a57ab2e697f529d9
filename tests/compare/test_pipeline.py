import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from twinlib.compare import pipeline
from twinlib.compare.pipeline import FRESH, HIT, MISS, SEARCH, STALE, UNKNOWN, WRONG, Node
from twinlib.config import compose

DVC = """
stages:
  measure: {cmd: mkdir -p data && cp seed.txt data/x.txt, deps: [seed.txt], outs: [data]}
  train:
    foreach: [slope, steep]
    do:
      cmd: echo python train.py experiment=lab/${item} > ${item}.txt
      deps: [data]
      outs: ["${item}.txt"]
"""


def write_experiments(root, **rates):
    (root / "experiments" / "lab").mkdir(parents=True)
    (root / "conf" / "experiment").symlink_to("../experiments")
    config = (root / "conf" / "config.yaml").read_text()
    (root / "conf" / "config.yaml").write_text(config.replace("_self_,", "_self_, {experiment: null},"))
    for name, rate in rates.items():
        (root / "experiments" / "lab" / f"{name}.yaml").write_text(f"# @package _global_\nlr: {rate}\n")


@pytest.fixture
def repo(lab):
    """The lab with DVC and two experiments, its data not made yet."""
    shutil.rmtree(lab.root / "data")
    (lab.root / "seed.txt").write_text("1\n2\n")
    (lab.root / "dvc.yaml").write_text(DVC)
    write_experiments(lab.root, slope=0.1, steep=0.2)
    dvc(lab, "init", "--no-scm", "--quiet")
    return lab


def dvc(lab, *words):
    subprocess.run([sys.executable, "-m", "dvc", *words], cwd=lab.root, check=True, capture_output=True)


def states(lab):
    return {node.name: node.state for node in pipeline.pipeline(lab.root)}


@pytest.mark.slow
def test_states_follow_what_is_done(repo):
    assert states(repo) == {
        **{"measure": STALE, "train@slope": STALE, "train@steep": STALE},
        **{"lab/slope": WRONG, "lab/steep": WRONG},  # there are no data
    }
    dvc(repo, "repro", "--quiet")
    nodes = {node.name: node for node in pipeline.pipeline(repo.root)}
    assert {name: node.state for name, node in nodes.items()} == {
        **{"measure": FRESH, "train@slope": FRESH, "train@steep": FRESH},
        **{"lab/slope": MISS, "lab/steep": MISS},
    }
    assert nodes["lab/slope"].after == ("stage measure",)
    assert nodes["train@slope"].after == ("experiment lab/slope",)
    subprocess.run(
        [sys.executable, str(repo.root / "train.py"), "experiment=lab/slope"], cwd=repo.root, check=True, timeout=60
    )
    (repo.root / "slope.txt").unlink()
    nodes = {node.name: node for node in pipeline.pipeline(repo.root)}
    assert (nodes["lab/slope"].state, nodes["lab/steep"].state) == (HIT, MISS)
    assert (nodes["train@slope"].state, nodes["train@steep"].state) == (STALE, FRESH)
    assert "slope.txt" in nodes["train@slope"].note


@pytest.mark.slow
def test_a_stage_can_ask_while_dvc_runs_it(repo):
    command = f"{sys.executable} -m twinlib.cli.twin graph > graph.txt"
    (repo.root / "dvc.yaml").write_text(f"{DVC}  report: {{cmd: '{command}', deps: [data], outs: [graph.txt]}}\n")
    dvc(repo, "repro", "--quiet", "report")
    lines = [line.split()[1:3] for line in (repo.root / "graph.txt").read_text().splitlines()]
    assert ["report", "running"] in lines and ["measure", "fresh"] in lines and ["train@slope", "stale"] in lines


def test_without_dvc_the_experiments_are_there(lab, capsys):
    write_experiments(lab.root, slope=0.3)
    (node,) = pipeline.pipeline(lab.root)
    assert (node.kind, node.state) == ("experiment", MISS)
    assert "dvc failed" in capsys.readouterr().err


def test_each_experiment_is_composed_once(lab, monkeypatch):
    """To compose is most of the time that a page or a graph takes."""
    write_experiments(lab.root, slope=0.3, steep=0.4)
    asked = []
    once = compose.compose
    monkeypatch.setattr(compose, "compose", lambda overrides, root: asked.append(overrides) or once(overrides, root))
    assert states(lab) == {"lab/slope": MISS, "lab/steep": MISS}
    assert asked == [["experiment=lab/slope"], ["experiment=lab/steep"]]


def test_a_search_is_no_run_that_could_be_missed(lab, capsys):
    write_experiments(lab.root, slope=0.3)
    search = "# @package _global_\nsweeper: {space: {lr: 'interval(0,1)', seed: '1,2'}}\n"
    (lab.root / "experiments" / "lab" / "search.yaml").write_text(search)
    nodes = {node.name: node for node in pipeline.pipeline(lab.root)}
    assert (nodes["lab/slope"].state, nodes["lab/search"].state) == (MISS, SEARCH)
    assert nodes["lab/search"].note == "lr, seed: python train.py -m experiment=lab/search"
    drawn = pipeline.mermaid(list(nodes.values())), pipeline.svg(list(nodes.values()))
    assert all("search" in drawing for drawing in drawn)


NODES = [
    Node("stage", "fetch", FRESH),
    Node("experiment", 'lab/"a"&<b>', HIT, "runs/<x>", ("stage fetch",)),
    Node("stage", "a_stage_with_a_name_of_many_many_letters", STALE, "changed deps: x", ('experiment lab/"a"&<b>',)),
    Node("stage", "other", UNKNOWN),
]


def test_text():
    first, *_, last = pipeline.text(NODES).splitlines()
    assert first.split() == ["stage", "fetch", "fresh"]
    assert last.split() == ["experiment", 'lab/"a"&<b>', "hit", "after", "fetch", "runs/<x>"]


def test_mermaid():
    lines = pipeline.mermaid(NODES).splitlines()
    assert lines[0] == "flowchart LR"
    assert '  n0["fetch<br/>fresh"]:::fresh' in lines
    assert '  n1(["lab/#34;a#34;#38;#60;b#62;<br/>hit"]):::hit' in lines
    assert "  n0 --> n1" in lines and "  n1 --> n2" in lines


def test_svg_is_xml_with_every_node_in_a_place_of_its_own():
    tree = ElementTree.fromstring(pipeline.svg(NODES))
    space = "{http://www.w3.org/2000/svg}"
    texts = [node.text for node in tree.iter(f"{space}text")]
    assert 'lab/"a"&<b>' in texts and "stale" in texts
    places = {(node.get("x"), node.get("y")) for node in tree.iter(f"{space}rect")}
    assert len(places) == len(NODES)
    assert len(list(tree.iter(f"{space}path"))) == 2


def test_a_stage_that_asks_is_running(monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "report")
    assert pipeline._stage("report", (), [{"changed outs": {"a": "deleted"}}]).state == "running"
    assert pipeline._stage("other", (), []).state == FRESH
    assert pipeline._stage("other", (), ["always changed"]).note == "always changed"
    assert pipeline._stage("other", (), None).state == UNKNOWN
