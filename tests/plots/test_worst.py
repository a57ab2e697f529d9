import numpy as np

from twinlib.plots.worst import worst

IMAGES = np.random.default_rng(0).random((6, 4, 5, 1), dtype=np.float32)
TARGETS = np.array([0, 1, 2, 0, 1, 2])
# Rows 1, 3 and 5 are wrong; 3 is the surest, then 5.
PREDICTIONS = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.0, 0.004, 0.996], [0.1, 0.9, 0.0], [0.1, 0.75, 0.15]]
)


def shown(figure):
    return [axes.get_title() for axes in figure.axes if axes.images]


def test_the_surest_mistakes_come_first(figures, tmp_path):
    worst(IMAGES.__getitem__, TARGETS, PREDICTIONS, tmp_path / "w.png", title="digits (real data)")
    assert shown(figures["w.png"]) == [
        "true 0\npredicted 2 (99.6%)",
        "true 2\npredicted 1 (75%)",
        "true 1\npredicted 0 (60%)",
    ]
    assert figures["w.png"].get_suptitle() == "digits (real data)\n3 of 6 samples wrong"
    image = figures["w.png"].axes[0].images[0].get_array()
    assert np.argmax(image) == np.argmax(IMAGES[3])


def test_only_what_is_drawn_is_read(figures, tmp_path):
    asked = []

    def images(rows):
        asked.extend(rows.tolist())
        return IMAGES[rows]

    worst(images, TARGETS, PREDICTIONS, tmp_path / "w.png", most=2, names=("a", "b", "c"))
    assert asked == [3, 5]
    assert shown(figures["w.png"])[0] == "true a\npredicted c (99.6%)"
    assert figures["w.png"].get_suptitle() == "3 of 6 samples wrong; the 2 surest mistakes"


def test_no_mistake(figures, tmp_path):
    path = worst(IMAGES.__getitem__, TARGETS, np.eye(3)[TARGETS], tmp_path / "w.png")
    assert path.stat().st_size > 0
    assert figures["w.png"].get_suptitle() == "0 of 6 samples wrong"
    assert not figures["w.png"].axes


def test_certainty_is_not_claimed(figures, tmp_path):
    worst(IMAGES.__getitem__, TARGETS, np.eye(3)[(TARGETS + 1) % 3] * 0.99999, tmp_path / "w.png")
    assert shown(figures["w.png"])[0].endswith("(99.9%)")


def test_colour_and_any_scaling(figures, tmp_path):
    colour = np.random.default_rng(1).normal(100, 50, (6, 4, 5, 3))
    worst(colour.__getitem__, TARGETS, PREDICTIONS, tmp_path / "w.png")
    pages = [axes.images[0].get_array() for axes in figures["w.png"].axes if axes.images]
    assert pages[0].shape == (4, 5, 3)
    assert (min(page.min() for page in pages), max(page.max() for page in pages)) == (0, 1)
