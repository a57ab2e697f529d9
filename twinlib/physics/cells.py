"""Lines, triangles or tetrahedra between points, where these lie in a domain."""

import numpy as np

from twinlib.physics.domain import Domain
from twinlib.physics.geometry import Array

_DEPTH = 0.2  # of the distance between points: how far a cell may reach out of the domain


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
    middles = [points[corners].mean(axis=1)]
    middles += [points[corners[:, pair]].mean(axis=1) for pair in np.transpose(np.triu_indices(corners.shape[1], 1))]
    depth = np.min([domain.shape.distance(domain.named(each)) for each in middles], axis=0)
    return corners[depth >= -_DEPTH * apart]
