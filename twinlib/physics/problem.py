"""A problem as data: geometry, fields, equations, conditions, and where it is known the solution."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from twinlib.data.preprocess import Preprocess
from twinlib.data.schema import Field
from twinlib.physics.condition import whole_number
from twinlib.physics.conditions import Condition, condition
from twinlib.physics.domain import Domain, Samples
from twinlib.physics.exact import Form, Side, form, require_free, require_held
from twinlib.physics.geometry import Array
from twinlib.physics.reference import Reference
from twinlib.physics.sampling import sampler
from twinlib.physics.vocabulary import Vocabulary, require_names
from twinlib.physics.well_posed import require_defined, require_well_posed
from twinlib.physics.windows import in_window, require_windows

VALIDATION_POINTS = 256  # in each domain, where the solution is compared while training goes on


@dataclass(frozen=True)
class Origin:
    """What a dataset's schema says, of a problem: `kind` of what was measured (no, real, synthetic), and the splits."""

    kind: str
    splits: dict[str, int] = field(default_factory=dict)


class Problem:
    """A problem; `docs/equations.md` explains each part.

    It stands where other experiments have a dataset. Its splits are points: `train` and `val` those of the conditions,
    drawn with other seeds; `test` a regular grid. Whatever has a name is taken in the order of the names, so that equal
    configs give the same network and the same points.

    Parameters
    ----------
    geometry
        Shapes by name: `{bar: {shape: line, x: [0, l]}}`. Empty where there is only time.
    time
        Name and interval: `{t: [0, 10]}`.
    parameters
        Further inputs of the solution, with their ranges: `{l: [1, 2]}`.
    constants
        Numbers or expressions of other constants, by name.
    unknowns
        Numbers to be found, with first guesses.
    fields
        What is looked for: `{u: {in: bar, range: [0, 1]}}`. The range, of what is expected, gives the scale.
    conditions
        By name, each with a `type`: see `twinlib.physics.conditions`.
    reference
        Formulas of the fields, and values of the unknown numbers, as far as they are known. `file` is a table with a
        column for each input and for fields, `kind` says whether these are real or synthetic.
    sampler
        uniform, halton or sobol.
    test_points
        About how many the grid has.
    windows
        Into how many the time is cut, for one training after the other: see `twinlib.physics.marching`.

    Raises
    ------
    UserError
        One line that names the key: a name that is not declared, a text that cannot be read, a problem that has no
        single solution.
    """

    input = "point"
    target = "solution"
    classes = None

    def __init__(
        self,
        name: str,
        fields: Mapping[str, Any],
        conditions: Mapping[str, Any],
        geometry: Mapping[str, Any] | None = None,
        time: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        constants: Mapping[str, Any] | None = None,
        unknowns: Mapping[str, Any] | None = None,
        reference: Mapping[str, Any] | None = None,
        sampler: str = "sobol",
        test_points: int = 1000,
        windows: int = 1,
    ) -> None:
        self.name = name
        declared = (geometry or {}, time, parameters or {}, constants or {}, unknowns or {}, fields)
        self.words = Vocabulary(*map(_by_name, declared))
        require_names(conditions, "data.conditions", "{ends: {type: dirichlet, values: {u: 0}}}")
        self.conditions = [condition(self.words, key, node) for key, node in _by_name(conditions).items()]
        require_well_posed(self.words, self.conditions)
        whole_number({"test_points": test_points}, "test_points", "data")
        self.weighable = [item.name for item in self.conditions if item.residuals]
        if windows != 1:
            require_windows(self.words, self.conditions, windows)
        self.windows = windows
        self.window = windows - 1  # that is trained
        self._reference = Reference(self.words, _by_name(reference or {}))
        self.reference = self._reference.formulas
        self._sampler = str(sampler)
        self._test_points = test_points
        forms = self._exact_forms()
        networks = dict(zip(self.words.fields, self.networks, strict=True))
        self._forms = [forms[name](each) if name in forms else each for name, each in networks.items()]
        kinds = {self._reference.kind, *(item.kind for item in self.conditions)} - {"no"}
        self.schema = Origin("real" if "real" in kinds else "synthetic" if kinds else "no", {"test": self.size("test")})
        point = Field("point", (len(self.words.inputs),), ("channel",), "float64", "1", names=self.words.inputs)
        self.preprocess = Preprocess(point, "none")
        # A condition without a single point is seen here.
        require_defined(self.words, self.conditions, self.samples("train", 0))

    @property
    def inputs(self) -> Array:
        """Least and greatest value of each input over all domains, shape (inputs, 2)."""
        boxes = np.array([domain.box() for domain in self.words.domains.values()])
        return np.column_stack([boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)])

    @cached_property
    def periods(self) -> dict[int, tuple[float, float]]:
        """The inputs, by number, in which the network is periodic, and from where to where a period goes."""
        columns = (self.words.inputs.index(item.periodic) for item in self.conditions if item.periodic)
        return {column: (float(self.inputs[column, 0]), float(self.inputs[column, 1])) for column in columns}

    @property
    def network_inputs(self) -> Array:
        """As `inputs`, of what the network is given: see `twinlib.physics.periodic_inputs`."""
        plain = [row for column, row in enumerate(self.inputs) if column not in self.periods]
        return np.array(plain + [np.array([-1.0, 1.0])] * (2 * len(self.periods)))

    @property
    def outputs(self) -> Array:
        """The ranges of the fields, shape (fields, 2)."""
        return np.array(list(self.words.ranges.values()))

    @cached_property
    def networks(self) -> list[sympy.Expr]:
        """What the network gives for each field, as functions of the inputs."""
        return [sympy.Function(f"network__{name}", real=True)(*self.words.symbols) for name in self.words.fields]

    def formed(self, expression: sympy.Expr) -> sympy.Expr:
        """An expression of fields as one of what the network gives for them."""
        fields = dict(zip(self.words.fields.values(), self._forms, strict=True))
        return expression.subs(fields, simultaneous=True).doit()

    def magnitude(self, item: Condition, residual: sympy.Expr) -> float:
        """The size of a residual that makes it dimensionless."""
        ranges = self.words.ranges
        guesses = {symbol: max(map(abs, ranges[name])) for name, symbol in item.given.items()} | dict(item.extra)
        return self.words.magnitude(residual, guesses)

    def samples(self, split: str, seed: int) -> dict[str, Samples]:
        """The points of each condition that is not exact by construction, for `train` or `val`."""
        dimensions = len(self.words.inputs)
        found = {
            item.name: item.draw(sampler(self._sampler, dimensions, seed, split, item.name), split)
            for item in self.conditions
            if item.residuals
        }
        if self.windows > 1 and split != "test":
            column, time = self.time_column, self.words.inputs[self.time_column]
            for item in self.conditions:
                if item.name in found and item.along != time:
                    found[item.name] = in_window(found[item.name], column, self.borders, self.window)
        return found

    @property
    def time_column(self) -> int:
        """Which input the time is."""
        return len(next(iter(self.words.places.values())).coordinates)

    @property
    def borders(self) -> Array:
        """Where windows begin and end, shape (windows + 1,)."""
        start, end = self.inputs[self.time_column]
        return np.linspace(start, end, self.windows + 1)

    def stages(self) -> list["Problem"]:
        """What is trained one after the other: for each window the problem up to its end; without windows itself."""
        if self.windows == 1:
            return [self]
        stages = []
        for window in range(self.windows):
            stage = copy(self)
            stage.window = window
            stage.__dict__.pop("_columns", None)
            if window:  # begins where the window before has ended
                begins = self.words.inputs[self.time_column]
                stage.conditions = [
                    replace(item, residuals=()) if item.along == begins else item for item in self.conditions
                ]
            stages.append(stage)
        return stages

    def size(self, split: str) -> int:
        """Number of points of `columns`."""
        return len(self.columns(split)["point"])

    def columns(self, split: str) -> Mapping[str, Array]:
        """Points at which the solution is compared: for `test` the grids of all domains, for `val` others inside; where
        the reference is a file, its points, for `val` some of them.

        Returns
        -------
        `point`, shape (n, inputs); `inside`, bool of shape (n, fields), where each field is defined; and `solution`,
        shape (n, fields), 0 outside, not a number where no reference is known.
        """
        if split not in self._columns:
            points, known = self._compared(split)
            if self.window + 1 < self.windows:
                keep = points[:, self.time_column] <= self.borders[self.window + 1]
                points, known = points[keep], {name: values[keep] for name, values in known.items()}
            inside = np.column_stack([domain.contains(points) for domain in self.words.homes.values()])
            solution = np.full(inside.shape, np.nan)
            for column, name in enumerate(self.words.fields):
                if name in self.reference:
                    solution[:, column] = self._reference.at(name, self.named(points), inside[:, column])
                elif name in known:
                    solution[:, column] = known[name]
            self._columns[split] = {"point": points, "inside": inside, "solution": np.where(inside, solution, 0.0)}
        return self._columns[split]

    def named(self, points: Array) -> dict[str, Array]:
        """Columns of points by the names of the inputs."""
        return next(iter(self.words.domains.values())).named(points)

    @cached_property
    def _columns(self) -> dict[str, dict[str, Array]]:
        return {}

    def _compared(self, split: str) -> tuple[Array, Mapping[str, Array]]:
        """Points, and the fields that a file has there."""
        if self._reference.points is not None:
            return self._reference.some(None if split == "test" else VALIDATION_POINTS)
        return np.concatenate([self._compared_at(each, split).inputs for each in self.words.domains.values()]), {}

    def _compared_at(self, domain: Domain, split: str) -> Samples:
        if split == "test":
            return domain.grid(self._test_points)
        draw = sampler(self._sampler, len(domain.inputs), 0, "compared", domain.name)
        return domain.interior(VALIDATION_POINTS, draw)

    def _exact_forms(self) -> dict[str, Form]:
        exact = [item for item in self.conditions if item.sides]
        sides: dict[str, list[tuple[str, Side]]] = {}
        for item in exact:
            for name, several in item.sides.items():
                sides.setdefault(name, []).extend((f"data.conditions.{item.name}.exact", side) for side in several)
        forms = {name: form(several, name) for name, several in sides.items()}
        by_field = {self.words.fields[name]: found for name, found in forms.items()}
        for item in exact:
            where = f"data.conditions.{item.name}"
            at = item.draw(sampler("uniform", len(self.words.inputs), 0, "exact", item.name), "train")
            require_held(by_field, item.held, item.domain.named(at.inputs), where)
            inside = item.domain.interior(64, sampler("uniform", len(self.words.inputs), 0, "free", item.name))
            for name in item.sides:
                require_free(forms[name], item.domain.named(inside.inputs), f"{where}.exact")
        return forms


def _by_name(tree: Any) -> Any:
    """The same with all mappings in it in the order of their keys."""
    if isinstance(tree, Mapping):
        return {key: _by_name(tree[key]) for key in sorted(tree, key=str)}
    return [_by_name(each) for each in tree] if isinstance(tree, list | tuple) else tree
