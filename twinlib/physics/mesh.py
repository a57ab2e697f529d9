"""A body whose surface is a file of triangles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.geometry import Array, Face, Shape, Values, stacked


class Mesh(Shape):
    """What a closed surface of triangles encloses.

    Parameters
    ----------
    file
        In the format STL.
    coordinates
        Names of the three axes of the file, in its order.
    where
        The key of the file, for messages.

    Raises
    ------
    UserError
        The file cannot be read, or the surface has holes.
    """

    def __init__(self, file: Path, coordinates: Sequence[str], where: str) -> None:
        self.coordinates = tuple(sorted(coordinates))
        order = [list(coordinates).index(name) for name in self.coordinates]
        surface = _read(file, where)
        # The library's tolerances are lengths: they are for a surface of size 1.
        self._middle = surface.bounds.mean(axis=0)[order]
        self._size = float(np.ptp(surface.bounds, axis=0).max())
        surface.vertices = (surface.vertices[:, order] - self._middle) / self._size
        if np.linalg.det(np.eye(3)[order]) < 0:
            surface.invert()  # another order of the axes turns a right hand into a left one
        self._surface = surface
        self._areas = np.cumsum(surface.area_faces)

    def box(self, parameters: Values) -> tuple[Array, Array]:
        lower, upper = self._middle + self._size * self._surface.bounds
        return lower[None], upper[None]

    def distance(self, points: Values) -> Array:
        from trimesh.proximity import signed_distance

        place = (stacked(self, points) - self._middle) / self._size
        return np.asarray(self._size * signed_distance(self._surface, place))

    def faces(self) -> Sequence[Face]:
        return [Face(lambda parameters: np.array([self._areas[-1] * self._size**2]), self._place)]

    def _place(self, unit: Array, parameters: Values) -> tuple[Array, Array]:
        areas = self._surface.area_faces
        at = unit[:, 0] * self._areas[-1]
        chosen = np.minimum(np.searchsorted(self._areas, at, side="right"), len(areas) - 1)
        rest = np.clip((at - self._areas[chosen] + areas[chosen]) / areas[chosen], 0, 1)
        from_tip = np.sqrt(rest)[:, None]  # where the triangle is wide there are more
        one, two, three = np.swapaxes(np.asarray(self._surface.triangles)[chosen], 0, 1)
        points = (1 - from_tip) * one + from_tip * ((1 - unit[:, 1:]) * two + unit[:, 1:] * three)
        return self._middle + self._size * points, np.array(self._surface.face_normals[chosen])


def _read(file: Path, where: str) -> Any:
    import rtree  # noqa: F401  trimesh finds the nearest triangles with it, so its version counts
    import trimesh

    if file.suffix.lower() != ".stl":
        raise UserError(f"{where}: {file} is no .stl file")
    if not file.is_file():
        raise UserError(f"{where}: there is no file {file}")
    try:
        surface = trimesh.load_mesh(str(file), file_type="stl")
    except Exception as error:  # the library raises whatever its parts do
        raise UserError(f"{where}: {file} cannot be read: {' '.join(str(error).split())}") from None
    if not surface.is_watertight or not surface.is_winding_consistent:
        raise UserError(f"{where}: {file}: the surface is not closed; repair it where it was drawn")
    if surface.volume < 0:
        surface.invert()
    return surface
