"""The shapes of a problem's geometry, read from its nodes.

`{shape: rectangle, x: [0, 1], y: [0, 2]}`, or out of others, by their names or nodes: `{difference: [channel, chip]}`.
Numbers may be formulas of the parameters. A shape's coordinates are the names that its node uses for the axes, in
alphabetical order: a config has none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinlib.config.mistakes import nearest
from twinlib.errors import UserError
from twinlib.physics.boxes import Box
from twinlib.physics.combined import Combined, Difference, Intersection, Union
from twinlib.physics.geometry import Formula, Line, Shape
from twinlib.physics.mesh import Mesh
from twinlib.physics.moved import Moved
from twinlib.physics.polygons import Polygon, require_simple
from twinlib.physics.rounds import Ball, Ellipse
from twinlib.physics.solids import Cone, Cylinder, Torus
from twinlib.physics.table import file_of

MOVES = ("scale", "rotate", "shift", "about")  # keys that any node may have
COMBINED: dict[str, type[Combined]] = {"union": Union, "intersection": Intersection, "difference": Difference}


@dataclass(frozen=True)
class Settings:
    """What stands beside `shape` in a node."""

    name: str
    values: Mapping[str, Any]
    formula: Callable[[Any, str], Formula]  # of a text or number, and the key for messages
    where: str

    def axes(self, count: int, *options: str) -> tuple[str, ...]:
        """The names of the coordinates: all keys but the options."""
        found = sorted(str(key) for key in self.values if key not in options)
        if len(found) != count:
            number = ("one coordinate", "two coordinates", "three coordinates")[count - 1]
            shown = f" and {', '.join(options)}" if options else ""
            raise UserError(f"{self.where}: a {self.name} has {number}{shown}; here stand {', '.join(found) or 'none'}")
        return tuple(found)

    def number(self, key: str) -> Formula:
        if key not in self.values:
            raise UserError(f"{self.where}.{key}: is missing")
        return self.formula(self.values[key], f"{self.where}.{key}")

    def numbers(self, key: str, count: int | None, what: str) -> list[Formula]:
        values = self.values.get(key)
        if not isinstance(values, list | tuple) or (len(values) != count if count else len(values) < 3):
            raise UserError(f"{self.where}.{key}: give {what}")
        return [self.formula(value, f"{self.where}.{key}") for value in values]

    def size(self, key: str) -> Formula:
        """A number that is greater than 0; one that depends on parameters is looked at with these."""
        found = self.number(key)
        if found.expression.is_number and not found.expression > 0:
            raise UserError(f"{self.where}.{key}: is {self.values[key]}; must be greater than 0")
        return found

    def interval(self, key: str, downward: bool = False) -> tuple[Formula, Formula]:
        start, end = self.numbers(key, 2, "the two ends, as [0, 1]")
        length = end.expression - start.expression
        if length.is_number and (length == 0 or (length < 0 and not downward)):
            raise UserError(f"{self.where}.{key}: {start.expression} is not less than {end.expression}")
        return start, end

    def long(self, axes: tuple[str, ...]) -> str:
        """The coordinate with two ends."""
        found = [axis for axis in axes if isinstance(self.values[axis], list | tuple)]
        if len(found) != 1:
            raise UserError(f"{self.where}: give one coordinate two ends, as z: [0, 1], and the others one number")
        return found[0]

    def others(self, axes: tuple[str, ...], axis: str) -> dict[str, Formula]:
        return {each: self.number(each) for each in axes if each != axis}

    def choice(self, key: str, among: tuple[str, ...]) -> str:
        value = str(self.values.get(key, among[0]))
        if value not in among:
            raise UserError(f"{self.where}.{key}: no coordinate {value}{nearest(value, among)}")
        return value


def line(node: Settings) -> Shape:
    """`{shape: line, x: [0, 1]}`."""
    (axis,) = node.axes(1)
    return Line(axis, *node.interval(axis))


def rectangle(node: Settings) -> Shape:
    """`{shape: rectangle, x: [0, 1], y: [0, 2]}`."""
    return Box({axis: node.interval(axis) for axis in node.axes(2)})


def box(node: Settings) -> Shape:
    """`{shape: box, x: [0, 1], y: [0, 2], z: [0, 3]}`."""
    return Box({axis: node.interval(axis) for axis in node.axes(3)})


def channel(node: Settings) -> Shape:
    """`{shape: channel, x: [0, 5], y: [0, 1], along: x}`, with z as well in space."""
    axes = node.axes(3 if len(node.values) > 3 else 2, "along")
    return Box({axis: node.interval(axis) for axis in axes}, node.choice("along", axes))


def circle(node: Settings) -> Shape:
    """`{shape: circle, x: 0, y: 0, radius: 1}`."""
    return Ball({axis: node.number(axis) for axis in node.axes(2, "radius")}, node.size("radius"))


def sphere(node: Settings) -> Shape:
    """`{shape: sphere, x: 0, y: 0, z: 0, radius: 1}`."""
    return Ball({axis: node.number(axis) for axis in node.axes(3, "radius")}, node.size("radius"))


def ellipse(node: Settings) -> Shape:
    """`{shape: ellipse, x: 0, y: 0, radii: [2, 1]}`, in the order of the coordinates."""
    axes = node.axes(2, "radii")
    radii = node.numbers("radii", 2, "the radii along both coordinates, as [2, 1]")
    for axis, radius in zip(axes, radii, strict=True):
        if radius.expression.is_number and not radius.expression > 0:
            raise UserError(f"{node.where}.radii: {radius.expression} along {axis}; must be greater than 0")
    return Ellipse({axis: node.number(axis) for axis in axes}, dict(zip(axes, radii, strict=True)))


def polygon(node: Settings) -> Shape:
    """`{shape: polygon, x: [0, 2, 2, 1], y: [0, 0, 1, 2]}`: the corners one after the other."""
    axes = node.axes(2)
    corners = {axis: node.numbers(axis, None, "three corners or more") for axis in axes}
    if len({len(each) for each in corners.values()}) > 1:
        raise UserError(f"{node.where}: has not as many numbers for {axes[0]} as for {axes[1]}")
    return _checked(corners, node.where)


def triangle(node: Settings) -> Shape:
    """`{shape: triangle, x: [0, 1, 0], y: [0, 0, 1]}`."""
    return _checked({axis: node.numbers(axis, 3, "three corners") for axis in node.axes(2)}, node.where)


def _checked(corners: Mapping[str, list[Formula]], where: str) -> Polygon:
    if all(each.expression.is_number for several in corners.values() for each in several):
        require_simple(np.array([[float(each({})) for each in several] for several in corners.values()]).T, where)
    return Polygon(corners)


def cylinder(node: Settings) -> Shape:
    """`{shape: cylinder, x: 0, y: 0, z: [0, 2], radius: 1}`: along the coordinate that has two ends."""
    axes = node.axes(3, "radius")
    axis = node.long(axes)
    return Cylinder(axes, axis, node.others(axes, axis), node.interval(axis), node.size("radius"))


def cone(node: Settings) -> Shape:
    """`{shape: cone, x: 0, y: 0, z: [0, 2], radius: 1}`: from its base to its tip; `[2, 0]` points downwards."""
    axes = node.axes(3, "radius")
    axis = node.long(axes)
    return Cone(axes, axis, node.others(axes, axis), *node.interval(axis, downward=True), node.size("radius"))


def torus(node: Settings) -> Shape:
    """`{shape: torus, x: 0, y: 0, z: 0, axis: z, radius: 2, tube: 0.5}`."""
    axes = node.axes(3, "axis", "radius", "tube")
    axis = node.choice("axis", axes[::-1])
    radius, tube = node.size("radius"), node.size("tube")
    hole = radius.expression - tube.expression
    if hole.is_number and not hole > 0:
        raise UserError(f"{node.where}.tube: is {tube.expression}; must be less than the radius")
    return Torus(axes, axis, node.others(axes, axis), node.number(axis), radius, tube)


SHAPES: dict[str, Callable[[Settings], Shape]] = {
    "line": line,
    "rectangle": rectangle,
    "circle": circle,
    "ellipse": ellipse,
    "triangle": triangle,
    "polygon": polygon,
    "channel": channel,
    "box": box,
    "sphere": sphere,
    "cylinder": cylinder,
    "cone": cone,
    "torus": torus,
}


class Shapes:
    """The shapes of a geometry by name.

    Parameters
    ----------
    geometry
        Nodes by name.
    formula
        Makes a function of the parameters out of a text or number, and the key it stands at.

    Raises
    ------
    UserError
        No such shape, not its settings, a name that is not there, or one that is made of itself.
    """

    def __init__(self, geometry: Mapping[str, Any], formula: Callable[[Any, str], Formula]) -> None:
        self._geometry = geometry
        self._formula = formula
        self._open: list[str] = []
        self.parts: set[str] = set()  # what others are made of
        self.by_name: dict[str, Shape] = {}
        for name in geometry:
            self._named(name, "data.geometry")

    def _named(self, name: str, where: str) -> Shape:
        if name in self.by_name:
            return self.by_name[name]
        if name not in self._geometry:
            raise UserError(f"{where}: no geometry {name}{nearest(name, self._geometry)}")
        if name in self._open:
            raise UserError(f"data.geometry.{name}: is made of itself")
        self._open.append(name)
        self.by_name[name] = self._read(self._geometry[name], f"data.geometry.{name}")
        self._open.remove(name)
        return self.by_name[name]

    def _read(self, node: Any, where: str) -> Shape:
        if isinstance(node, str):
            self.parts.add(node)
            return self._named(node, where)
        if not isinstance(node, Mapping):
            raise UserError(f"{where}: is {node!r}; give a shape, as {{shape: line, x: [0, 1]}}, or the name of one")
        moves = {key: node[key] for key in MOVES if key in node}
        rest = {str(key): value for key, value in node.items() if key not in moves}
        rule = next((key for key in COMBINED if key in node), None)
        if "stl" in rest:
            found = _from_file(rest, where)
        else:
            found = self._combined(rule, rest, where) if rule else self._shape(rest, where)
        return self._moved(found, moves, where) if moves else found

    def _shape(self, node: Mapping[str, Any], where: str) -> Shape:
        name = str(node.get("shape", ""))
        if name not in SHAPES:
            kinds = {**SHAPES, **{key: key for key in (*COMBINED, "stl")}}
            what = f"no shape {name}" if name else "is missing"
            raise UserError(f"{where}.shape: {what}{nearest(name, SHAPES if name else kinds)}")
        values = {str(key): value for key, value in node.items() if key != "shape"}
        return SHAPES[name](Settings(name, values, self._formula, where))

    def _moved(self, found: Shape, moves: Mapping[str, Any], where: str) -> Shape:
        settings = Settings("shape", moves, self._formula, where)
        axes, shift = found.coordinates, moves.get("shift", {})
        if not isinstance(shift, Mapping) or not set(shift) <= set(axes):
            raise UserError(f"{where}.shift: give how far by coordinate, as {{{axes[0]}: 1}}")
        angle, axis = self._rotation(moves["rotate"], axes, f"{where}.rotate") if "rotate" in moves else (None, None)
        about = settings.numbers("about", len(axes), "a number for each coordinate") if "about" in moves else None
        scale = settings.size("scale") if "scale" in moves else None
        shifts = {name: self._formula(value, f"{where}.shift.{name}") for name, value in shift.items()}
        return Moved(found, scale, angle, axis, shifts, about)

    def _rotation(self, value: Any, axes: tuple[str, ...], where: str) -> tuple[Formula, str | None]:
        if len(axes) == 2 and not isinstance(value, Mapping):
            return self._formula(value, where), None
        if len(axes) == 3 and isinstance(value, Mapping) and len(value) == 1 and set(value) <= set(axes):
            ((axis, angle),) = value.items()
            return self._formula(angle, where), str(axis)
        raise UserError(f"{where}: give an angle, as pi/4, in space by the axis, as {{z: pi/4}}; a line has none")

    def _combined(self, rule: str, node: Mapping[str, Any], where: str) -> Shape:
        if other := [str(key) for key in node if key != rule]:
            raise UserError(f"{where}.{other[0]}: a {rule} has no such key")
        if not isinstance(node[rule], list | tuple) or len(node[rule]) < 2:
            raise UserError(f"{where}.{rule}: give two shapes or more, as [channel, chip]")
        parts = [self._read(part, f"{where}.{rule}") for part in node[rule]]
        for part in parts:
            if part.coordinates != parts[0].coordinates:
                first, own = (", ".join(each.coordinates) for each in (parts[0], part))
                raise UserError(f"{where}.{rule}: one part has the coordinates {first}, another {own}")
        return COMBINED[rule](parts)


def _from_file(node: Mapping[str, Any], where: str) -> Shape:
    """`{stl: part.stl, coordinates: [x, y, z]}`."""
    axes = node.get("coordinates")
    if not isinstance(axes, list | tuple) or len(set(map(str, axes))) != 3 or set(node) != {"stl", "coordinates"}:
        raise UserError(f"{where}: a part of a file is {{stl: part.stl, coordinates: [x, y, z]}}")
    return Mesh(file_of(node, where, "stl"), [str(axis) for axis in axes], f"{where}.stl")
