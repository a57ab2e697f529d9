"""The flow solver against solutions that are known: plane Poiseuille flow and the cylinder of Schäfer and Turek.

Prints the tables of docs/flow-solver.md and draws its pictures.

    python benchmarks/flow_validation.py [--cells 10 20 30 40] [-o docs]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from twinlib.flow.validation import DRAG, LENGTH, LIFT, Cylinder, cylinder, poiseuille  # noqa: E402
from twinlib.plots import style  # noqa: E402

ROWS = (8, 16, 32, 64)
MODELS = {"BGK, tau 0.8": 0.3**2, "TRT 1/4": 1 / 4, "TRT 3/16": 3 / 16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 20, 30, 40], help="across the cylinder")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs"), help="folder of the pictures")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    draw_poiseuille(options.output)
    draw_cylinder(options.cells, options.output)


def draw_poiseuille(folder: Path) -> None:
    errors = {name: [poiseuille(rows, magic=magic) for rows in ROWS] for name, magic in MODELS.items()}
    print("| rows | " + " | ".join(errors) + " |\n|---" * 1 + "|---" * len(errors) + "|")
    for place, rows in enumerate(ROWS):
        print(f"| {rows} | " + " | ".join(f"{error[place]:.1e}" for error in errors.values()) + " |")
    for name in list(errors)[:2]:
        order = -np.polyfit(np.log(ROWS), np.log(errors[name]), 1)[0]
        print(f"{name}: the error falls with the power {order:.2f} of the rows")
    drawn = style.figure(5, 3.4)
    axes = drawn.subplots()
    style.plain(axes)
    for (name, error), colour in zip(errors.items(), (style.BLUE, style.VERMILLION, style.GREY), strict=True):
        axes.loglog(ROWS, error, "o-", color=colour, label=name)
    axes.loglog(ROWS, 0.3 / np.array(ROWS) ** 2, "--", color="black", linewidth=0.8, label="second order")
    axes.set(xlabel="rows", ylabel="error (r.m.s.) / u_max", title="Plane Poiseuille flow")
    axes.set_xticks(ROWS, [str(rows) for rows in ROWS])
    axes.minorticks_off()
    axes.legend(frameon=False)
    print(style.save(drawn, folder / "flow-poiseuille.png"))


def draw_cylinder(cells: list[int], folder: Path) -> None:
    print("\n| cells | wall | drag | lift | length, m | steps | seconds |\n|---|---|---|---|---|---|---|")
    print(f"| published | | {DRAG[0]} … {DRAG[1]} | {LIFT[0]} … {LIFT[1]} | {LENGTH[0]} … {LENGTH[1]} | | |")
    found: dict[str, list[Cylinder]] = {"half-way": [], "interpolated": []}
    for size in cells:
        for wall, results in found.items():
            began = time.perf_counter()
            result = cylinder(size, interpolated=wall == "interpolated")
            took = time.perf_counter() - began
            results.append(result)
            print(
                f"| {size} | {wall} | {result.drag:.4f} | {result.lift:.5f} | {result.length:.5f} "
                f"| {result.flow.steps} | {took:.0f} |",
                flush=True,
            )
    drawn = style.figure(10, 5.6)
    above, below = drawn.subfigures(2, 1)
    for axes, (name, bounds) in zip(
        above.subplots(1, 3), {"drag": DRAG, "lift": LIFT, "length": LENGTH}.items(), strict=True
    ):
        style.plain(axes)
        axes.axhspan(*bounds, color="#dddddd", label="published")
        for (wall, results), colour in zip(found.items(), (style.BLUE, style.VERMILLION), strict=True):
            axes.plot(cells, [getattr(result, name) for result in results], "o-", color=colour, label=wall)
        axes.set(xlabel="cells across the cylinder", title=name if name != "length" else "recirculation length, m")
        axes.set_xticks(cells)
    axes.legend(frameon=False)
    show(below.subplots(), found["interpolated"][-1], cells[-1])
    print(style.save(drawn, folder / "flow-cylinder.png"))


def show(axes, result: Cylinder, cells: int) -> None:
    velocity = result.flow.velocity[:, : 12 * cells]
    rows, columns = velocity.shape[:2]
    speed = np.hypot(*np.moveaxis(velocity, -1, 0))
    speed[speed == 0] = np.nan  # the cylinder
    extent = (0, columns / cells / 10, 0, rows / cells / 10)
    axes.imshow(speed, origin="lower", extent=extent, cmap="viridis")
    y, x = ((np.arange(size) + 0.5) / cells / 10 for size in (rows, columns))
    axes.streamplot(x, y, *np.moveaxis(velocity, -1, 0), color="white", linewidth=0.5, arrowsize=0.5, density=(2, 1))
    axes.set(xlabel="m", ylabel="m", title=f"speed and streamlines, {cells} cells, interpolated wall")


if __name__ == "__main__":
    main()
