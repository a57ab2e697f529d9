"""Tables that stand for what the stages of equations compute: a few points, with the middle of each field's range."""

import numpy as np

from twinlib.physics.vocabulary import Vocabulary

POINTS = 24


def write(data, folder):
    """The part `data` of an experiment with its files, of references and observations, replaced by tables."""
    nodes = [data["reference"], *data["conditions"].values()]
    for number, node in enumerate(node for node in nodes if node and "file" in node):
        node["file"] = str(folder / f"table_{number}.csv")
        _table(data, node["file"])


def _table(data, path):
    parts = ("geometry", "time", "parameters", "constants", "unknowns", "fields")
    words = Vocabulary(*(data[part] for part in parts))
    rng = np.random.default_rng(0)
    domain = next(iter(words.domains.values()))
    points = domain.interior(POINTS, lambda count: rng.random((count, len(words.inputs)))).inputs
    fields = [np.full(len(points), low + 0.7 * (high - low)) for low, high in words.ranges.values()]
    header = ",".join([*words.inputs, *words.fields])
    np.savetxt(path, np.column_stack([points, *fields]), delimiter=",", header=header, comments="")
