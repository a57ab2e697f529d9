"""Synthetic obstacles as polygons, and seeded arrangements of them in a channel of height 1.

Sizes and places are in parts of the channel's height, x along the channel from the inlet on, y across it from its lower
wall on; so an arrangement is the same on every grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinlib.errors import UserError

ATTEMPTS = 1000  # to place the obstacles of one arrangement
Polygon = np.ndarray  # float64, shape (corners, 2), x and y, in order, not closed


@dataclass(frozen=True)
class Room:
    """Where obstacles may be: parts of the channel's height."""

    length: float  # of the part of the channel that is looked at
    inlet: float = 0.3  # free behind the inlet
    outlet: float = 0.2  # free at the end
    wall: float = 0.1  # free at each wall
    gap: float = 0.12  # free between two obstacles


def ellipse(rng: np.random.Generator) -> Polygon:
    """Semi-axes 0.07 to 0.16, any direction."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    a, b = rng.uniform(0.07, 0.16, 2)
    return turned(np.stack([a * np.cos(angle), b * np.sin(angle)], axis=1), rng.uniform(0, np.pi))


def rectangle(rng: np.random.Generator) -> Polygon:
    """Half sides 0.06 to 0.14, sheared by up to a half, any direction."""
    a, b = rng.uniform(0.06, 0.14, 2)
    shear = rng.uniform(-0.5, 0.5)
    corners = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
    corners[:, 0] += shear * corners[:, 1]
    return turned(corners, rng.uniform(0, np.pi))


def polygon(rng: np.random.Generator) -> Polygon:
    """Three to seven corners at 0.08 to 0.16 from the middle, at angles that are nearly even."""
    corners = int(rng.integers(3, 8))
    angle = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) / corners
    radius = rng.uniform(0.6, 1.0, corners) * rng.uniform(0.13, 0.16)
    return turned(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), rng.uniform(0, 2 * np.pi))


def airfoil(rng: np.random.Generator) -> Polygon:
    """NACA 4-digit: camber 0 to 6 %, at 30 to 50 %, thickness 12 to 24 %; chord 0.35 to 0.6, up to 15 degrees."""
    chord = rng.uniform(0.35, 0.6)
    outline = naca(rng.uniform(0, 0.06), rng.uniform(0.3, 0.5), rng.uniform(0.12, 0.24))
    return turned(chord * (outline - [0.5, 0]), -np.deg2rad(rng.uniform(-15, 15)))


def car(rng: np.random.Generator) -> Polygon:
    """A car-like silhouette, seen from the side, length 0.4 to 0.65: bonnet, screen, roof, rear, two wheels."""
    length, height = rng.uniform(0.4, 0.65), rng.uniform(0.24, 0.34)
    bonnet, belt = rng.uniform(0.2, 0.32), rng.uniform(0.5, 0.65)
    roof, rear = bonnet + rng.uniform(0.1, 0.18), rng.uniform(0.68, 0.95)
    radius, base = rng.uniform(0.07, 0.09), 0.25 * height
    front, back = rng.uniform(0.17, 0.22), rng.uniform(0.76, 0.82)
    above = [[0, base], [0, 0.45 * height], [0.03, (belt - 0.05) * height], [bonnet, belt * height], [roof, height]]
    above += [[rear - 0.06, height], [rear, belt * height], [1, (belt - 0.05) * height], [1, base]]
    angle = np.linspace(0, -np.pi, 9)
    wheels = [
        np.stack([middle + radius * np.cos(angle), base + radius * np.sin(angle)], axis=1) for middle in (back, front)
    ]
    outline = np.concatenate([above, *wheels])
    if rng.random() < 0.5:
        outline = outline[::-1] * [-1, 1] + [1, 0]
    return length * (outline - [0.5, height / 2])


SHAPES: dict[str, Callable[[np.random.Generator], Polygon]] = {
    "ellipse": ellipse,
    "rectangle": rectangle,
    "polygon": polygon,
    "airfoil": airfoil,
    "car": car,
}


def naca(camber: float, position: float, thickness: float) -> Polygon:
    """The outline of a NACA 4-digit airfoil of chord 1 with a closed trailing edge, nose at (0, 0).

    Jacobs, Ward and Pinkerton (1933), NACA report 460; x is spaced by a cosine.
    """
    x = (1 - np.cos(np.linspace(0, np.pi, 41))) / 2
    half = 5 * thickness * (0.2969 * np.sqrt(x) - 0.1260 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1036 * x**4)
    ahead = x < position
    scale = np.where(ahead, position, 1 - position)
    line = camber / scale**2 * np.where(ahead, 2 * position * x - x**2, 1 - 2 * position + 2 * position * x - x**2)
    slope = np.arctan(2 * camber / scale**2 * (position - x))
    normal = half[:, None] * np.stack([-np.sin(slope), np.cos(slope)], axis=1)
    middle = np.stack([x, line], axis=1)
    return np.concatenate([(middle + normal)[::-1], (middle - normal)[1:-1]])


def turned(outline: Polygon, angle: float) -> Polygon:
    """Rotated about (0, 0), against the clock where y points up."""
    c, s = np.cos(angle), np.sin(angle)
    return outline @ np.array([[c, s], [-s, c]])


def arrangement(rng: np.random.Generator, families: Sequence[str], count: int, room: Room) -> list[Polygon]:
    """`count` obstacles, each of a family drawn from `families`, that touch neither each other nor the walls.

    Raises
    ------
    UserError
        A family is unknown, or there is no room for so many.
    """
    for family in families:
        if family not in SHAPES:
            raise UserError(f"families: {family} is unknown; there are {', '.join(SHAPES)}")
    placed: list[Polygon] = []
    for attempt in range(ATTEMPTS):
        if len(placed) == count:
            return placed
        if attempt % 100 == 99:
            placed = []  # what is placed may leave no room for the rest
        shape = SHAPES[families[int(rng.integers(len(families)))]](rng)
        low = np.array([room.inlet, room.wall]) - shape.min(axis=0)
        high = np.array([room.length - room.outlet, 1 - room.wall]) - shape.max(axis=0)
        place = rng.uniform(size=2)
        if (low > high).any():
            continue
        moved = shape + low + place * (high - low)
        if all(distance(moved, other) >= room.gap for other in placed):
            placed.append(moved)
    raise UserError(f"obstacles: no room for {count} in a channel of length {room.length:g} (in heights); use fewer")


def distance(one: Polygon, other: Polygon) -> float:
    """Between two outlines; 0 where one lies in the other."""
    if inside(other, one[:1])[0] or inside(one, other[:1])[0]:
        return 0.0
    # Outlines that cross without a corner of one in the other are near to each other in their corners or have none.
    return 0.0 if _cross(one, other) else float(min(_to_edges(one, other).min(), _to_edges(other, one).min()))


def inside(outline: Polygon, points: np.ndarray) -> np.ndarray:
    """Whether points, shape (n, 2), lie within the outline: whether a ray along x crosses it an odd number of times."""
    x, y = points[:, 0, None], points[:, 1, None]
    (x0, y0), (x1, y1) = outline.T, np.roll(outline, -1, axis=0).T
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    crosses = ((y0 > y) != (y1 > y)) & (x < crossing)
    return crosses.sum(axis=1) % 2 == 1


def mask(outlines: Sequence[Polygon], rows: int, columns: int) -> np.ndarray:
    """bool, shape (rows, columns), False where a cell's centre lies in an obstacle; row 0 is at the lower wall."""
    y, x = (np.mgrid[:rows, :columns] + 0.5) / rows
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    fluid = np.ones(rows * columns, dtype=bool)
    for outline in outlines:
        near = ((points >= outline.min(axis=0)) & (points <= outline.max(axis=0))).all(axis=1)
        fluid[near] &= ~inside(outline, points[near])
    return fluid.reshape(rows, columns)


def _to_edges(points: np.ndarray, outline: Polygon) -> np.ndarray:
    """Distance of points to the edges of an outline, shape (points, edges)."""
    edge = np.roll(outline, -1, axis=0) - outline
    offset = points[:, None] - outline
    along = np.clip((offset * edge).sum(axis=2) / (edge**2).sum(axis=1), 0, 1)
    nearest: Any = offset - along[..., None] * edge
    return np.hypot(nearest[..., 0], nearest[..., 1])


def _cross(one: Polygon, other: Polygon) -> bool:
    """Whether an edge of one outline crosses one of the other."""

    def sides(a: Polygon, b: Polygon) -> np.ndarray:
        edge = np.roll(a, -1, axis=0) - a
        offset = b[None] - a[:, None]
        side = np.sign(edge[:, None, 0] * offset[..., 1] - edge[:, None, 1] * offset[..., 0])
        return side * np.roll(side, -1, axis=1) < 0  # edge of b on both sides of the line of a

    return bool((sides(one, other) & sides(other, one).T).any())
