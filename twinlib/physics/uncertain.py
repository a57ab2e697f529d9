"""What `twin predict` does with a solution whose parameters are uncertain: statistics of its fields at points."""

import itertools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.distributions import Distribution, distributions
from twinlib.physics.geometry import Array
from twinlib.physics.table import read_table, table_names
from twinlib.physics.uncertainty import DEGREES, DRAWS, Expansion, Uncertainty, propagate

if TYPE_CHECKING:
    from twinlib.physics.problem import Problem

_ACCURATE = 0.01  # difference between expansion and network, above which a user is warned
_WORTH_SAYING = 1e-4  # how much of a distribution is cut off


def predict_uncertain(
    problem: "Problem", solution: Callable[[Array], Array], source: Path, target: Path, uncertain: Any, degree: int = 6
) -> str:
    """Write mean, deviation, quantiles and Sobol' indices of each field, and where it can be drawn a picture.

    Parameters
    ----------
    solution
        Points with all inputs, shape (n, inputs) -> fields, shape (n, fields).
    source
        A column for each input that is not uncertain.
    target
        `.csv`, with the points, or `.npy`, without them. A statistic of a field is no number at points that do not lie
        in the domain of the field for all values of the parameters.
    uncertain
        Texts by name of the parameter, such as `uniform(1, 2)`: see `twinlib.physics.distributions`.

    Raises
    ------
    UserError
        A distribution or a file cannot be used, or there is no point at which a field has statistics.
    """
    words = problem.words
    if target.suffix not in (".csv", ".npy"):
        raise UserError(f"{target}: with predict.uncertain the output is a .csv or .npy file")
    known = distributions(uncertain, words.parameters)
    names = [name for name in words.inputs if name in known]
    known = {name: known[name] for name in names}
    certain = [name for name in words.inputs if name not in known]
    if source.suffix == ".csv" and (both := [name for name in names if name in table_names(source, "input")]):
        raise UserError(
            f"input: {source} has a column {both[0]}, which predict.uncertain has too; leave one of them out"
        )
    points, _ = read_table(source, certain, (), "input")
    where = [words.inputs.index(name) for name in (*certain, *names)]

    def fields_at(some: Array, parameters: Array) -> Array:
        return solution(_all_inputs(some, parameters, where))

    expansion = Expansion(known, degree)
    ends = np.array(list(itertools.product(*(each.ends for each in known.values()))))
    values = np.concatenate([ends, expansion.parameters(expansion.nodes)])
    inside = np.column_stack([_always(home.contains, points, values, where) for home in words.homes.values()])
    for field, own in zip(words.homes, inside.T, strict=True):
        if not own.any():
            raise UserError(
                f"input: {source}: no point lies in the domain of {field} for all values of {', '.join(names)}; give "
                "other points, or narrower distributions"
            )
    found = propagate(fields_at, points, expansion, inside)
    columns = {
        f"{field}_{name}": values
        for number, field in enumerate(words.fields)
        for name, values in found.columns(number, names).items()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    table = np.column_stack(list(columns.values()))
    if target.suffix == ".npy":
        np.save(target, table)
    else:
        header = ",".join([*certain, *columns])
        np.savetxt(target, np.column_stack([points, table]), delimiter=",", header=header, comments="", fmt="%.16g")
    drawn = _draw(problem, points, found, expansion, where, target)
    return _report(known, list(words.fields), len(points), found, expansion, [target, *drawn])


def _report(
    known: Mapping[str, Distribution], fields: list[str], count: int, found: Uncertainty, expansion: Expansion,
    files: list[Path],
) -> str:  # fmt: skip
    """What was done, one line each; a warning where the expansion is not accurate."""
    lines = [
        f"{name}: {100 * each.cut:.2g} % of the distribution are cut off, where nothing was trained"
        for name, each in known.items()
        if each.cut > _WORTH_SAYING
    ]
    if missing := int(np.isnan(found.mean).any(axis=1).sum()):
        lines.append(f"{missing:,} of {count:,} points lie outside for some value of {', '.join(known)}: nan there")
    worst = int(np.argmax(found.differences))
    difference = found.differences[worst]
    lines.append(
        f"expansion of order {expansion.degree} from {len(expansion.weights):,} values of {', '.join(known)}; at "
        f"{DRAWS} others it differs from the network by at most {difference:.1e} of the greatest {fields[worst]}"
    )
    if difference > _ACCURATE:
        warnings.warn(
            f"the expansion is {100 * difference:.0f} % of the greatest {fields[worst]} away from the solution; "
            f"predict.degree={min(expansion.degree + 4, DEGREES)} or narrower distributions may help",
            stacklevel=2,
        )
    lines.append(f"statistics of {', '.join(fields)} at {count:,} points in {', '.join(map(str, files))}")
    return "\n".join(lines)


def _draw(
    problem: "Problem", points: Array, found: Uncertainty, expansion: Expansion, where: list[int], target: Path
) -> list[Path]:
    """A picture beside the output, over one coordinate or two."""
    varying = [where[column] for column in range(points.shape[1]) if np.ptp(points[:, column]) > 0]
    if len(points) < 2 or varying not in ([0], [0, 1]):
        return []
    from twinlib.plots import uncertainty as plots

    middle = expansion.parameters(np.zeros((expansion.indices.shape[1], 1)))
    whole = _all_inputs(points, np.tile(middle, (len(points), 1)), where)
    drawn = plots.curves if varying == [0] else plots.maps
    return drawn(found, problem, whole, target.with_suffix(".png"))


def _all_inputs(points: Array, parameters: Array, where: list[int]) -> Array:
    """Points with all inputs in the order of the problem."""
    whole = np.empty((len(points), len(where)))
    whole[:, where] = np.column_stack([points, parameters])
    return whole


def _always(contains: Callable[[Array], Array], points: Array, values: Array, where: list[int]) -> Array:
    """Which points lie inside for all rows of parameters, shape (n,)."""
    inside = np.ones(len(points), dtype=bool)
    for row in values:
        inside &= contains(_all_inputs(points, np.tile(row, (len(points), 1)), where))
    return inside
