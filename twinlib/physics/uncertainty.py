"""What the uncertainty of parameters makes of a solution: a polynomial chaos expansion at each point.

The trained network is evaluated at the nodes of a quadrature over the parameters and projected onto polynomials that
are orthogonal with respect to their distributions: D. Xiu and G. E. Karniadakis, "The Wiener-Askey polynomial chaos for
stochastic differential equations", SIAM J. Sci. Comput. 24 (2002). Moments and Sobol' indices are sums of squares of
its coefficients: B. Sudret, "Global sensitivity analysis using polynomial chaos expansions", Reliab. Eng. Syst. Saf. 93
(2008). Polynomials and nodes are those of chaospy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinlib.errors import UserError
from twinlib.physics.distributions import Distribution
from twinlib.physics.geometry import Array

QUANTILES = {"q05": 0.05, "q95": 0.95}
DRAWS = 32  # of the parameters, at which the expansion is compared with the network
_FULL = 3  # parameters: beyond these the nodes of a full grid are too many
DEGREES = 20  # at most: chaospy's polynomials are sums of powers
_SAMPLES = 2**13  # of the expansion, for the quantiles
_ROWS = 2**18  # of the network or of the samples at once; bounds the memory
_CONSTANT = 1e-12  # deviation over the greatest value of the field: nothing but rounding

Function = Callable[[Array, Array], Array]


class Expansion:
    """Polynomials of uncertain parameters, up to a total degree.

    Raises
    ------
    UserError
        chaospy is not installed, or the degree is none.
    """

    def __init__(self, distributions: Mapping[str, Distribution], degree: int) -> None:
        try:
            import chaospy
            import numpoly
        except ImportError:
            raise UserError("predict.uncertain: chaospy is not installed; pip install 'twinlib[uncertainty]'") from None
        if isinstance(degree, bool) or not isinstance(degree, int) or not 1 <= degree <= DEGREES:
            raise UserError(f"predict.degree={degree}: the order of an expansion is a whole number from 1 to {DEGREES}")
        self.degree = degree
        self._distributions = list(distributions.values())
        # In units of its deviation, so that powers of large or of hardly varying numbers do not cancel.
        standard = [
            chaospy.Uniform(-1, 1)
            if each.kind == "uniform"
            else chaospy.TruncNormal(lower=each.low, upper=each.high, mu=0, sigma=1)
            for each in self._distributions
        ]
        made = [chaospy.generate_expansion(degree, each, normed=False, retall=True) for each in standard]
        self._polynomials = [polynomials for polynomials, _ in made]
        self.indices: np.ndarray = numpoly.glexindex(0, degree + 1, dimensions=len(standard))  # (terms, parameters)
        self.norms = np.prod([made[at][1][column] for at, column in enumerate(self.indices.T)], axis=0)
        self._standard = chaospy.J(*standard)
        # Exact for the products of any two of the polynomials.
        self.nodes, self.weights = chaospy.generate_quadrature(
            degree, self._standard, rule="gaussian", sparse=len(standard) > _FULL
        )

    def terms(self, standard: Array) -> Array:
        """Each polynomial at parameters in their standard form, (parameters, n) -> (terms, n)."""
        alone = [np.asarray(each(column)) for each, column in zip(self._polynomials, standard, strict=True)]
        return np.asarray(np.prod([alone[at][column] for at, column in enumerate(self.indices.T)], axis=0))

    def parameters(self, standard: Array) -> Array:
        """Parameters out of their standard form, (parameters, n) -> (n, parameters)."""
        return np.column_stack([
            each.centre + each.scale * column for each, column in zip(self._distributions, standard, strict=True)
        ])  # fmt: skip

    def draw(self, count: int, seed: int) -> Array:
        """Parameters in their standard form as they are distributed, evenly: scrambled Sobol' points."""
        from scipy.stats import qmc

        unit = qmc.Sobol(len(self._distributions), rng=np.random.default_rng(seed)).random(count)
        return np.asarray(self._standard.inv(unit.T)).reshape(len(self._distributions), count)


@dataclass(frozen=True)
class Uncertainty:
    """What is known of fields at points, each of shape (n, fields); the indices (parameters, n, fields).

    Indices are no numbers where a field does not vary. `differences` has, for each field, the greatest difference
    between expansion and network at random parameters, over the greatest value of the field.
    """

    mean: Array
    deviation: Array
    quantiles: dict[str, Array]
    first: Array
    total: Array
    differences: Array

    def columns(self, field: int, parameters: Iterable[str]) -> dict[str, Array]:
        """All that is known of one field by name, each of shape (n,)."""
        found = {"mean": self.mean, "std": self.deviation, **self.quantiles}
        for at, name in enumerate(parameters):
            found |= {f"first_{name}": self.first[at], f"total_{name}": self.total[at]}
        return {name: values[:, field] for name, values in found.items()}


def propagate(function: Function, points: Array, expansion: Expansion, inside: Array | None = None) -> Uncertainty:
    """Expand fields in uncertain parameters.

    Parameters
    ----------
    function
        Points, shape (n, certain), and parameters, shape (n, uncertain) -> fields, shape (n, fields).
    points
        Shape (n, certain).
    inside
        Which fields are defined where, shape (n, fields); the others are no numbers. None: all of them.
    """
    projection = (expansion.terms(expansion.nodes) * expansion.weights).T / expansion.norms  # (nodes, terms)
    at_nodes, at_samples = expansion.parameters(expansion.nodes), expansion.terms(expansion.draw(_SAMPLES, 0))
    drawn = expansion.draw(DRAWS, 1)
    at_drawn, drawn = expansion.terms(drawn), expansion.parameters(drawn)
    parts: list[dict[str, Any]] = []
    for rows in _parts(len(points), max(len(at_nodes), _SAMPLES)):
        part = points[rows]
        defined = np.where(inside[rows], 1.0, np.nan) if inside is not None else 1.0
        coefficients = np.einsum("qpf,qt->tpf", _on_all(function, part, at_nodes) * defined, projection)
        exact = _on_all(function, part, drawn) * defined
        away = np.abs(np.einsum("tpf,td->dpf", coefficients, at_drawn) - exact)
        sampled = np.einsum("tpf,ts->spf", coefficients, at_samples, optimize=True)
        parts.append({
            "coefficients": coefficients,
            "quantiles": np.quantile(sampled, list(QUANTILES.values()), axis=0),
            "away": np.nan_to_num(away).max(axis=(0, 1)),
            "size": np.abs(np.nan_to_num(exact)).max(axis=(0, 1)),
        })  # fmt: skip
    coefficients = np.concatenate([each["coefficients"] for each in parts], axis=1)
    quantiles = np.concatenate([each["quantiles"] for each in parts], axis=1)
    away, size = (np.max([each[key] for each in parts], axis=0) for key in ("away", "size"))
    shares = coefficients**2 * expansion.norms[:, None, None]
    variance = shares[1:].sum(axis=0)
    varies = np.sqrt(variance) > _CONSTANT * size
    of_parameter = expansion.indices[1:].T > 0  # which terms a parameter stands in
    alone = of_parameter & (of_parameter.sum(axis=0) == 1)
    divisor = np.where(varies, variance, np.nan)
    first, total = (
        np.einsum("kt,tpf->kpf", each.astype(float), shares[1:]) / divisor for each in (alone, of_parameter)
    )
    return Uncertainty(
        coefficients[0],
        np.sqrt(variance),
        dict(zip(QUANTILES, quantiles, strict=True)),
        first,
        total,
        away / np.where(size > 0, size, 1.0),
    )


def _parts(count: int, each: int) -> Iterator[slice]:
    step = max(1, _ROWS // each)
    for at in range(0, count, step):
        yield slice(at, at + step)


def _on_all(function: Function, points: Array, parameters: Array) -> Array:
    """The fields at each point for each row of parameters, shape (rows, n, fields)."""
    found = function(np.tile(points, (len(parameters), 1)), np.repeat(parameters, len(points), axis=0))
    return found.reshape(len(parameters), len(points), -1)
