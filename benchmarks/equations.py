"""The problems of docs/equations.md: error, wanted error and time of each, as one table.

    python benchmarks/equations.py [problem …]    the seven small ones by default; all: every one

What has a record already is taken from there, as always; the others are trained: the small ones take about ten seconds
each on one core, the others a minute or, flows, several. A reference that is computed is made first. The error is the
relative L2 error of the field that is worst; the time is the whole run's, with its pictures.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "poisson_1d": 1e-5,
    "poisson_parameterised": 1e-5,
    "inverse_source": 1e-3,
    "composite_bar": 1e-5,
    "bar_parameterised": 1e-5,
    "coupled_springs": 1e-5,
    "inverse_springs": 1e-5,
}
LARGER = {
    "heat": 1e-6,
    "wave": 1e-5,
    "helmholtz_2d": 1e-5,
    "kovasznay": 1e-5,
    "burgers": 1e-4,
    "allen_cahn": 1e-3,
    "cavity_re100": 5e-2,
    "chip_2d": 5e-2,
}
MADE = {  # by stages: the table and the command after python -m stages
    "burgers": ("burgers", "burgers equations"),
    "allen_cahn": ("allen_cahn", "allen_cahn equations"),
    "cavity_re100": ("cavity_re100", "cavity steady_flow"),
    "chip_2d": ("chip_2d", "chip steady_flow"),
}
UNKNOWN = 1e-5  # wanted of an unknown number


def record(name: str) -> dict[str, object]:
    table, stage = MADE.get(name, ("", ""))
    if table and not (ROOT / "data/equations" / f"{table}.csv").is_file():
        _run("-m", "stages", *stage.split())
    said = _run("train.py", f"experiment=equations/{name}", "tracking=none", "progress=false")
    folder = ROOT / said.split()[1]
    return json.loads((folder / "record.json").read_text())  # type: ignore[no-any-return]


def main() -> None:
    wanted = SMALL | LARGER
    names = list(wanted) if sys.argv[1:] == ["all"] else sys.argv[1:] or list(SMALL)
    if strange := [name for name in names if name not in wanted]:
        sys.exit(f"no problem {strange[0]}; there are {', '.join(wanted)}, or all of them: all")
    print("| problem | error | wanted | error / wanted | seconds |")
    print("|---|---|---|---|---|")
    total = 0.0
    for name in names:
        found = record(name)
        metrics = found["metrics"]
        assert isinstance(metrics, dict)
        error, seconds = metrics["test_relative_l2"], float(str(found["seconds"]))
        total += seconds
        print(f"| {name} | {error:.1e} | {wanted[name]:.0e} | {error / wanted[name]:.2f} | {seconds:.0f} |", flush=True)
        for key in sorted(key for key in metrics if key.startswith("test_error_")):
            number = f"{name}: {key.removeprefix('test_error_')}"
            print(f"| {number} | {metrics[key]:.1e} | {UNKNOWN:.0e} | {metrics[key] / UNKNOWN:.2f} | |")
        fields = {key.removeprefix("test_relative_l2_"): value for key, value in metrics.items() if "_l2_" in key}
        if name in LARGER and len(fields) > 1:
            for field, value in fields.items():
                print(f"| {name}: {field} | {value:.1e} | {wanted[name]:.0e} | {value / wanted[name]:.2f} | |")
    print(f"all together {total:.0f} s")


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
