import numpy as np
import pytest

from twinlib.physics.problem import Problem
from twinlib.plots.equations import solution, training

ROD = {
    "name": "rod",
    "geometry": {"rod": {"shape": "line", "x": [0, 1]}},
    "fields": {"u": {"range": [-0.2, 0]}},
    "conditions": {
        "balance": {"type": "interior", "equation": "diff(u, x, 2) = 1", "points": 16},
        "ends": {"type": "dirichlet", "values": {"u": 0}},
    },
    "reference": {"u": "x*(x - 1)/2"},
}


def test_a_curve_beside_its_reference_and_their_difference(figures, tmp_path):
    problem = Problem(**ROD)
    exact = problem.columns("test")["solution"]
    solution(exact + 0.01, problem, tmp_path / "solution.png")
    left, right = figures["solution.png"].axes
    found, reference, samples = left.lines
    np.testing.assert_allclose(found.get_ydata() - reference.get_ydata(), 0.01)
    np.testing.assert_allclose(right.lines[0].get_ydata(), 0.01)
    assert len(samples.get_xdata()) == 16 + 2
    assert figures["solution.png"].get_suptitle() == "rod"


def test_a_map_of_two_inputs(figures, tmp_path):
    tree = {**ROD, "parameters": {"l": [1, 2]}, "geometry": {"rod": {"shape": "line", "x": [0, "l"]}}}
    problem = Problem(**tree)
    solution(problem.columns("test")["solution"] * 1.1, problem, tmp_path / "solution.png")
    panels = figures["solution.png"].axes
    assert [panel.get_title() for panel in panels[:3]] == ["u, solution", "u, reference", "u - reference"]
    assert panels[0].get_xlabel() == "x" and panels[0].get_ylabel() == "l"


@pytest.mark.parametrize("known", [True, False])
def test_the_training_over_iterations_with_unknown_numbers(figures, tmp_path, known):
    measured = {"type": "observations", "values": {"u": "x"}, "points": 5}
    tree = {**ROD, "unknowns": {"q": 2}, "conditions": {**ROD["conditions"], "seen": measured}}
    tree["conditions"]["balance"] = {"type": "interior", "equation": "diff(u, x, 2) = q", "points": 16}
    tree["reference"] = {"q": 1} if known else {}
    names = ("train_loss", "val_loss", "train_balance", "train_ends", "train_seen")
    history = [{"epoch": epoch, **dict.fromkeys(names, 1 / epoch), "q": 1 + 1 / epoch} for epoch in (1, 2, 3)]
    training(history, Problem(**tree), tmp_path / "training.png", iterations=10)
    loss, unknown = figures["training.png"].axes
    assert [line.get_label() for line in loss.lines][2:] == ["balance", "ends", "seen"]
    assert loss.lines[0].get_xdata().tolist() == [10, 20, 30]
    assert unknown.lines[0].get_ydata().tolist() == [2, 1.5, 1 + 1 / 3]
    assert len(unknown.lines) == (2 if known else 1)
    assert figures["training.png"].get_suptitle() == "rod (synthetic data)"
