"""What `twin predict` does with a solution: its fields at the points of a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.physics.table import read_table
from twinlib.physics.vtk import SUFFIXES, write_vtk
from twinlib.predict import Twin


def predict(
    twin: Twin, source: Path | str, target: Path, uncertain: Mapping[str, str] | None = None, degree: int = 6
) -> str:
    """Evaluate the fields of a problem at points.

    Parameters
    ----------
    source
        `.csv` with a column for each coordinate, time and parameter, or `.npy` of shape (n, inputs) in their order.
    target
        `.csv` or `.npy`, with the fields; the CSV has the points as well. Or `.vtu` or `.vtk`, where the points are the
        corners of triangles or tetrahedra.
    uncertain
        Distributions of parameters, by name, which are then no columns of `source`: see `twinlib.physics.uncertain`.
    degree
        Of the expansion in these.

    Raises
    ------
    UserError
        A file of another kind, a missing column, weights that do not fit, or a distribution that cannot be used.
    """
    from twinlib.training.physics import predictor

    if Path(source).suffix not in (".csv", ".npy"):
        raise UserError(f"{source}: the input is a .csv or .npy file")
    if target.suffix not in (".csv", ".npy", *SUFFIXES):
        raise UserError(f"{target}: the output is a .csv or .npy file, or {' or '.join(SUFFIXES)}")
    # Not through the twin, whose preprocessing is in float32.
    solution = predictor(twin.config, twin.record.folder)
    if uncertain is not None:
        from twinlib.physics.uncertain import predict_uncertain

        problem = build({**twin.config["data"], "reference": {}})
        return predict_uncertain(problem, solution, Path(source), target, uncertain, degree)
    inputs, fields = twin.preprocess.field.names, sorted(twin.config["data"]["fields"])
    points, _ = read_table(Path(source), inputs, (), "input")
    values = solution(points)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix in SUFFIXES:
        write_vtk(target, build(twin.config["data"]), points, values)
    elif target.suffix == ".npy":
        np.save(target, values)
    else:
        header = ",".join([*inputs, *fields])
        np.savetxt(target, np.column_stack([points, values]), delimiter=",", header=header, comments="", fmt="%.16g")
    return f"{', '.join(fields)} at {len(points):,} points in {target}"
