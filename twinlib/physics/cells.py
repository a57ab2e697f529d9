"""Lines, triangles or tetrahedra between points, where these lie in a domain."""

import numpy as np

from twinlib.physics.domain import Domain
from twinlib.physics.geometry import Array

_DEPTH = 0.2  # of the distance between points: how far a cell may reach out of the domain
_LONGEST = 2  # steps of a grid: how long a side of a cell may be that reaches out of the domain at all
_ALONG = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)  # places along a side at which that is looked
_FULL = 4  # at most so many times as many places as points has a grid


def cells(domain: Domain, points: Array, columns: tuple[int, ...]) -> Array:
    """The corners of cells without gaps between points, by row, shape (cells, columns + 1); none in holes and hollows.

    Parameters
    ----------
    points
        With all inputs, shape (n, inputs); the cells lie in the plane, say, of some of them, the others are constant.
    columns
        These inputs: one, two or three.
    """
    place = points[:, columns]
    spans = np.ptp(place, axis=0)
    if len(columns) == 1:
        order = np.argsort(place[:, 0], kind="stable")
        corners = np.column_stack([order[:-1], order[1:]])
    else:
        from scipy.spatial import Delaunay

        corners = np.asarray(Delaunay(place / spans).simplices, dtype=np.int64)
    if domain.shape is None:
        return corners
    # Chords of a round hole lie in it, a little; how much that is depends on how far apart the points are.
    apart = (np.prod(spans) / len(place)) ** (1 / len(columns))
    corners = corners[_depth(domain, points, corners, (0.5,)) <= _DEPTH * apart]
    # From one corner of a hole a cell may reach far along its side, and none is as far from the next point of a grid.
    far = _longest(place, corners) > _LONGEST * _step(place)
    far[far] = _depth(domain, points, corners[far], _ALONG) > 1e-9 * spans.max()
    return corners[~far]


def _depth(domain: Domain, points: Array, corners: Array, along: tuple[float, ...]) -> Array:
    """How far the middle of each cell, or a place along one of its sides, lies outside, shape (cells,); 0 or more."""
    assert domain.shape is not None
    depth = -domain.shape.distance(domain.named(points[corners].mean(axis=1)))
    for one, other in np.transpose(np.triu_indices(corners.shape[1], 1)):
        for part in along:
            between = (1 - part) * points[corners[:, one]] + part * points[corners[:, other]]
            depth = np.maximum(depth, -domain.shape.distance(domain.named(between)))
    return np.maximum(depth, 0.0)


def _longest(place: Array, corners: Array) -> Array:
    """The longest side of each cell."""
    pairs = np.transpose(np.triu_indices(corners.shape[1], 1))
    sides = [np.square(place[corners[:, one]] - place[corners[:, other]]).sum(axis=1) for one, other in pairs]
    return np.asarray(np.sqrt(np.max(sides, axis=0)))


def _step(place: Array) -> float:
    """The longest step of a regular grid from which some points may be missing; infinite where there is no grid."""
    spans = np.ptp(place, axis=0)
    lines = [span * np.unique(np.round(column / span, 9)) for column, span in zip(place.T, spans, strict=True)]
    if np.prod([len(each) for each in lines]) > _FULL * len(place) or min(map(len, lines)) < 2:
        return np.inf
    return max(float(np.diff(each).max()) for each in lines)
