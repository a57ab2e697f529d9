"""Steady incompressible flow in two dimensions by finite elements: references for networks that solve the same.

Taylor and Hood's elements (velocity quadratic, pressure linear on triangles) from scikit-fem, and Newton's method.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray


def chip(target: Path, viscosity: float, cells: int, spacing: float) -> str:
    """The flow over a chip on the floor of a channel, into `target`.

    Channel -2.5 < x < 2.5, -0.5 < y < 0.5; chip -1 < x < 0 below y = 0.1. At the inlet a parabola whose greatest
    velocity is 1.5, at the outlet p = 0 and v_x = 0, on the walls no velocity.

    Parameters
    ----------
    cells
        Of the mesh along y; they shrink towards the corners of the chip, where pressure and shear are not bounded.
    spacing
        Of the points of the table: middles of squares, so that none is a corner.
    """
    points, found, coarse = _over_chip(viscosity, cells, spacing, 1.0, 0.6)
    write(target, ("x", "y", "u", "v", "p"), np.column_stack([points, found]))
    return (
        f"{target}: {len(points):,} points; from the solution with half as many cells a side: {_apart(found, coarse)}"
    )


def chip_sizes(target: Path, viscosity: float, cells: int, spacing: float, sizes: Sequence[tuple[float, float]]) -> str:
    """The same for chips of several sizes, each from x = -1 on, in one table; width and height are its columns w and h.

    Parameters
    ----------
    sizes
        (width, height) of each; multiples of `spacing`, so that no point of the table is at a corner.
    """
    rows, coarse, said = [], [], []
    for width, height in sizes:
        points, found, less = _over_chip(viscosity, cells, spacing, width, height)
        rows.append(np.column_stack([points, np.tile([width, height], (len(points), 1)), found]))
        coarse.append(less)
        said.append(f"  width {width:g}, height {height:g}: {_apart(found, less)}")
    table = np.concatenate(rows)
    write(target, ("x", "y", "w", "h", "u", "v", "p"), table)
    whole = f"{target}: {len(table):,} points; from the solutions with half as many cells a side: "
    return "\n".join([whole + _apart(table[:, 4:], np.concatenate(coarse)), *said])


def cavity(target: Path, reynolds: float, cells: int, points: int) -> str:
    """The flow in a unit square whose lid y = 1 moves with velocity 1, into `target`: u and v.

    At the corners of the lid the pressure grows so fast that its square has no mean, so there is no error of it.

    Parameters
    ----------
    cells
        Of the mesh along each side; they shrink towards the corners.
    points
        Of the table along each side: middles of squares.
    """
    place = (np.arange(points) + 0.5) / points
    at = np.column_stack([each.ravel() for each in np.meshgrid(place, place, indexing="ij")])
    found, coarse = (Flow(cavity_mesh(n), 1 / reynolds).cavity_flow(at)[:, :2] for n in (cells, cells // 2))
    write(target, ("x", "y", "u", "v"), np.column_stack([at, found]))
    return f"{target}: {len(at):,} points; from the solution with half as many cells a side: {_apart(found, coarse)}"


class Flow:
    """Steady Navier-Stokes equations on a mesh.

    Parameters
    ----------
    mesh
        Of triangles.
    viscosity
        Kinematic; the density is 1.
    """

    def __init__(self, mesh: Any, viscosity: float) -> None:
        from skfem import Basis, ElementTriP1, ElementTriP2, ElementVector

        self.viscosity = viscosity
        self.velocity = Basis(mesh, ElementVector(ElementTriP2()), intorder=5)
        self.pressure = self.velocity.with_element(ElementTriP1())

    def chip_flow(self, points: Array, factors: Array | Sequence[float] = (1.0,)) -> Array:
        """u, v, p at points, shape (n, 3); for `factors` see `solve`."""
        y = self.velocity.doflocs[1]
        fixed = self._on_boundary(lambda x, y: np.abs(x - 2.5) > 1e-9)
        values = np.zeros(self.velocity.N)
        inlet = np.intersect1d(self._on_boundary(lambda x, y: np.abs(x + 2.5) < 1e-9, ("u^1",)), fixed)
        values[inlet] = 1.5 * (1 - 4 * y[inlet] ** 2)
        return self.at(self.solve(fixed, values, None, lambda x: np.abs(x[0] - 2.5) < 1e-9, factors=factors), points)

    def cavity_flow(self, points: Array) -> Array:
        """u, v, p at points, shape (n, 3); p = 0 in the middle of the floor."""
        fixed = self._on_boundary(lambda x, y: np.ones_like(x, dtype=bool))
        values = np.zeros(self.velocity.N)
        values[self._on_boundary(lambda x, y: y > 1 - 1e-9, ("u^1",))] = 1.0
        px, py = self.pressure.doflocs
        middle = int(np.argmin((px - 0.5) ** 2 + py**2))
        return self.at(self.solve(fixed, values, pinned=middle), points)

    def solve(
        self,
        fixed: Array,
        values: Array,
        pinned: int | None = None,
        outlet: Callable[[Array], Array] | None = None,
        tolerance: float = 1e-10,
        factors: Array | Sequence[float] = (1.0,),
    ) -> Array:
        """All unknown numbers: those of the velocity, then those of the pressure.

        Parameters
        ----------
        fixed, values
            Numbers of the velocity that are given, and all of them with the given ones set.
        pinned
            A number of the pressure that is 0; None where an outlet fixes it.
        outlet
            Tells the part of the boundary, across x, where p = 0 and v_x = 0.
        factors
            On the viscosity, the last of them 1: Newton's method begins where it ended with the one before, as it
            does not find a fast flow from rest.

        Raises
        ------
        ArithmeticError
            Newton's method does not converge.
        """
        import scipy.sparse as sparse
        from scipy.sparse.linalg import spsolve
        from skfem import BilinearForm, LinearForm
        from skfem.helpers import ddot, div, dot, grad

        def carried(u: Any, w: Any) -> Any:
            """(w . grad) u."""
            return np.einsum("ij...,j...->i...", grad(u), w)

        @BilinearForm  # type: ignore[untyped-decorator,unused-ignore]
        def momentum(u: Any, v: Any, w: Any) -> Any:
            old = w["old"]
            return w["nu"] * ddot(grad(u), grad(v)) + dot(carried(u, old) + carried(old, u), v)

        @BilinearForm  # type: ignore[untyped-decorator,unused-ignore]
        def continuity(u: Any, q: Any, w: Any) -> Any:
            return -q * div(u)

        @LinearForm  # type: ignore[untyped-decorator,unused-ignore]
        def left(v: Any, w: Any) -> Any:
            old = w["old"]
            return w["nu"] * ddot(grad(old), grad(v)) + dot(carried(old, old), v)

        @BilinearForm  # type: ignore[untyped-decorator,unused-ignore]
        def stretched(u: Any, v: Any, w: Any) -> Any:
            return -grad(u)[0, 0] * v[0]

        b = continuity.assemble(self.velocity, self.pressure)
        # What the weak form has there by itself is p = nu u_x.
        pulled = stretched.assemble(self.velocity.boundary(outlet)) if outlet else 0 * b.T @ b
        size = self.velocity.N
        given = fixed if pinned is None else np.append(fixed, size + pinned)
        free = np.setdiff1d(np.arange(size + self.pressure.N), given)
        solution = np.concatenate([values, np.zeros(self.pressure.N)])
        for nu in self.viscosity * np.array(factors):
            for _ in range(30):
                old = self.velocity.interpolate(solution[:size])
                a = momentum.assemble(self.velocity, old=old, nu=nu) + nu * pulled
                right = left.assemble(self.velocity, old=old, nu=nu) + nu * pulled @ solution[:size]
                residual = np.concatenate([right + b.T @ solution[size:], b @ solution[:size]])
                matrix = sparse.bmat([[a, b.T], [b, None]]).tocsc()[free][:, free]
                step = spsolve(matrix, -residual[free])
                solution[free] += step
                if np.abs(step).max() < tolerance * np.abs(solution).max():
                    break
            else:
                raise ArithmeticError("Newton's method does not converge: take a finer mesh or a lower Reynolds number")
        return solution

    def at(self, solution: Array, points: Array) -> Array:
        """u, v, p at points, shape (n, 3)."""
        size = self.velocity.N
        velocity = self.velocity.probes(points.T) @ solution[:size]
        pressure = self.pressure.probes(points.T) @ solution[size:]
        return np.column_stack([*velocity.reshape(2, -1), pressure])

    def _on_boundary(self, where: Callable[[Array, Array], Array], names: Sequence[str] = ("u^1", "u^2")) -> Array:
        mesh = self.velocity.mesh
        facets = mesh.boundary_facets()
        middle = mesh.p[:, mesh.facets[:, facets]].mean(axis=1)
        dofs = self.velocity.get_dofs(facets[where(*middle)])
        return dofs.all(list(names))


def chip_mesh(cells: int, width: float = 1.0, height: float = 0.6) -> Any:
    """Triangles of the channel without the chip, small at the corners of the chip."""
    from skfem import MeshTri

    top, end = height - 0.5, width - 1
    low = round(cells * (0.25 + height / 2))
    y = np.concatenate(
        [-0.5 + height * _towards(low, both=True), top + (0.5 - top) * _towards(cells - low, both=True)[1:]]
    )
    before, over, behind = round(0.9 * cells), round(0.9 * cells * width), round(1.3 * cells)
    x = np.concatenate(
        [
            -2.5 + 1.5 * _towards(before, both=False),
            -1 + width * _towards(over, both=True)[1:],
            end + (2.5 - end) * (1 - _towards(behind, both=False))[::-1][1:],
        ]
    )
    mesh = MeshTri.init_tensor(x, y)
    middle = mesh.p[:, mesh.t].mean(axis=1)
    return mesh.remove_elements(np.flatnonzero((middle[0] > -1) & (middle[0] < end) & (middle[1] < top)))


def cavity_mesh(cells: int) -> Any:
    """Triangles of the unit square, small at its sides."""
    from skfem import MeshTri

    return MeshTri.init_tensor(_towards(cells, both=True), _towards(cells, both=True))


def write(target: Path, names: Sequence[str], columns: Array) -> None:
    """A table, CSV with a header."""
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(target, columns, delimiter=",", header=",".join(names), comments="", fmt="%.10g")


def _over_chip(viscosity: float, cells: int, spacing: float, width: float, height: float) -> tuple[Array, Array, Array]:
    """Points around a chip, and u, v, p there on a mesh and on one with half as many cells a side."""
    across, along = (np.arange(start + spacing / 2, end, spacing) for start, end in ((-0.5, 0.5), (-2.5, 2.5)))
    x, y = (each.ravel() for each in np.meshgrid(along, across, indexing="ij"))
    outside = ~((x > -1) & (x < width - 1) & (y < height - 0.5))
    points = np.column_stack([x, y])[outside]
    factors = 2 ** np.arange(2, -0.1, -0.25) if height > 0.7 else (1.0,)
    found, coarse = (
        Flow(chip_mesh(number, width, height), viscosity).chip_flow(points, factors) for number in (cells, cells // 2)
    )
    return points, found, coarse


def _apart(found: Array, coarse: Array) -> str:
    """The relative L2 difference of each field."""
    changes = np.linalg.norm(found - coarse, axis=0) / np.linalg.norm(found, axis=0)
    return ", ".join(f"{name} {change:.0e}" for name, change in zip("uvp", changes, strict=False))


def _towards(cells: int, both: bool) -> Array:
    """0 … 1 in cells that shrink like a square towards 1, or towards both ends."""
    s = np.linspace(0, 1, cells + 1)
    return (1 - np.cos(np.pi * s)) / 2 if both else np.sin(np.pi * s / 2)
