import pytest

from twinlib.plots.learning_curve import learning_curve


def lines(axes):
    """The points of every labelled line."""
    return {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in axes.get_lines()}


def test_a_panel_for_loss_and_one_for_each_metric(history, figures, tmp_path):
    learning_curve(history, tmp_path / "c.png", title="mnist (real data)")
    loss, accuracy = figures["c.png"].axes
    assert figures["c.png"].get_suptitle() == "mnist (real data)"
    assert (loss.get_ylabel(), accuracy.get_ylabel(), loss.get_xlabel()) == ("loss", "accuracy", "epoch")
    assert lines(loss)["training"] == [(row["epoch"], row["train_loss"]) for row in history]
    assert lines(loss)["validation"] == [(row["epoch"], row["val_loss"]) for row in history]
    assert lines(accuracy) == {"validation": [(row["epoch"], row["val_accuracy"]) for row in history]}


def test_the_best_epoch_is_marked(history, figures, tmp_path):
    learning_curve(history, tmp_path / "c.png", best_epoch=3.0)
    for axes, value in zip(figures["c.png"].axes, (1 / 3, 1 - 0.5 / 3), strict=True):
        assert [point[0] for point in lines(axes)["best epoch: 3"]] == [3.0, 3.0]
        rings = [line for line in axes.get_lines() if line.get_fillstyle() == "none"]
        assert [(ring.get_xdata()[0], ring.get_ydata()[0]) for ring in rings] == [(3, pytest.approx(value))]


def test_one_epoch_is_seen(history, figures, tmp_path):
    learning_curve(history[:1], tmp_path / "c.png")
    assert figures["c.png"].axes[0].get_lines()[0].get_marker() == "o"


@pytest.mark.parametrize(("factor", "scale"), [(1.0, "linear"), (1e-3, "log"), (-1.0, "linear")])
def test_losses_over_decades_are_drawn_on_a_logarithmic_axis(factor, scale, history, figures, tmp_path):
    history[-1]["val_loss"] *= factor
    learning_curve(history, tmp_path / "c.png")
    assert figures["c.png"].axes[0].get_yscale() == scale


def test_more_metrics_than_a_row_holds(history, figures, tmp_path):
    rows = [{**row, **{f"val_m{n}": row["val_loss"] for n in range(3)}} for row in history]
    learning_curve(rows, tmp_path / "c.png")
    shown = [axes.get_ylabel() for axes in figures["c.png"].axes if axes.axison]
    assert shown == ["loss", "accuracy", "m0", "m1", "m2"]
