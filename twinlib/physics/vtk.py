"""Solutions as files for ParaView and others: `.vtu` or `.vtk`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.cells import cells
from twinlib.physics.geometry import Array

if TYPE_CHECKING:
    from twinlib.physics.problem import Problem

SUFFIXES = (".vtu", ".vtk")
_CELLS = {1: "line", 2: "triangle", 3: "tetra"}


def write_vtk(path: Path, problem: "Problem", points: Array, values: Array) -> None:
    """Write the fields of a problem at points, joined by triangles or tetrahedra where the domain is.

    Parameters
    ----------
    points
        Shape (n, inputs), all of one time and of one value of each parameter.
    values
        Shape (n, fields). Where a field is not defined the file says: no number.

    Raises
    ------
    UserError
        There is no space, there are several times or parameters, the points are too few or lie in a line, or the
        library is not there.
    """
    try:
        import meshio
    except ImportError:
        raise UserError(f"{path}: meshio is not installed; pip install 'twinlib[vtk]'") from None
    words = problem.words
    space = len(words.normals)
    if space == 0:
        raise UserError(f"{path}: a problem in time alone has no points of space; write a .csv")
    for name, column in zip(words.inputs[space:], points[:, space:].T, strict=True):
        if np.ptp(column) > 0:
            raise UserError(f"{path}: is for one value of {name}; give points of one only")
    inside = {name: home.contains(points) for name, home in words.homes.items()}
    data = {name: np.where(inside[name], values[:, at], np.nan) for at, name in enumerate(words.fields)}
    place = np.zeros((len(points), 3))
    place[:, :space] = points[:, :space]
    corners = _joined(path, problem, points, tuple(range(space)))
    meshio.Mesh(place, [(_CELLS[space], corners)], data).write(path)


def _joined(path: Path, problem: "Problem", points: Array, columns: tuple[int, ...]) -> Array:
    found = []
    for domain in problem.words.domains.values():
        rows = np.flatnonzero(domain.contains(points))
        own = points[rows]
        if len(rows) and _spans(own[:, columns]):
            found.append(rows[cells(domain, own, columns)])
    if not found:
        raise UserError(f"{path}: the points that lie inside do not span a {_CELLS[len(columns)]}; give more of them")
    return np.concatenate(found)


def _spans(place: Array) -> bool:
    """Whether points do not lie in less than the space that they are in."""
    away = place - place.mean(axis=0)
    return bool(np.linalg.matrix_rank(away, tol=1e-9 * float(np.abs(away).max())) == place.shape[1])
