import pytest

from twinlib.plots import style


@pytest.fixture
def figures(monkeypatch):
    """The figures as they were when they were written, by file name."""
    kept = {}
    save = style.save

    def keep(drawn, path):
        kept[path.name] = drawn
        return save(drawn, path)

    monkeypatch.setattr(style, "save", keep)
    return kept


@pytest.fixture
def history():
    return [
        {"epoch": epoch, "train_loss": 2 / epoch, "val_loss": 1 / epoch, "val_accuracy": 1 - 0.5 / epoch, "lr": 1e-3}
        for epoch in range(1, 6)
    ]
