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
    "chip_parameterised": 5e-2,
}
WANTED = SMALL | LARGER
MADE = {  # by stages: the table and the command after python -m stages
    "burgers": ("burgers", "burgers equations"),
    "allen_cahn": ("allen_cahn", "allen_cahn equations"),
    "cavity_re100": ("cavity_re100", "cavity steady_flow"),
    "chip_2d": ("chip_2d", "chip steady_flow"),
    "chip_parameterised": ("chip_parameterised", "chip_sizes steady_flow"),
    "inverse_chip": ("chip_measured", "chip chip_measured"),
}
NUMBERS = {"inverse_springs": 1e-5, "inverse_chip": 1e-2}  # wanted of unknown numbers


def record(name: str) -> dict[str, object]:
    table, stage = MADE.get(name, ("", ""))
    if table and not (ROOT / "data/equations" / f"{table}.csv").is_file():
        _run("-m", "stages", *stage.split())
    said = _run("train.py", f"experiment=equations/{name}", "tracking=none", "progress=false")
    folder = ROOT / said.split()[1]
    return json.loads((folder / "record.json").read_text())  # type: ignore[no-any-return]


def main() -> None:
    every = dict.fromkeys([*WANTED, *NUMBERS])
    names = list(every) if sys.argv[1:] == ["all"] else sys.argv[1:] or list(SMALL)
    if strange := [name for name in names if name not in every]:
        sys.exit(f"no problem {strange[0]}; there are {', '.join(every)}, or all of them: all")
    print("| problem | error | wanted | error / wanted | seconds |")
    print("|---|---|---|---|---|")
    total = 0.0
    for name in names:
        found = record(name)
        metrics = found["metrics"]
        assert isinstance(metrics, dict)
        seconds = f"{float(str(found['seconds'])):.0f}"
        total += float(seconds)
        if name in WANTED:
            _row(name, metrics["test_relative_l2"], WANTED[name], seconds)
            seconds = ""
        for key in sorted(metrics):
            if key.startswith("test_error_"):
                _row(f"{name}: {key.removeprefix('test_error_')}", metrics[key], NUMBERS[name], seconds)
            elif key.startswith("test_relative_l2_") and name in LARGER:
                _row(f"{name}: {key.removeprefix('test_relative_l2_')}", metrics[key], WANTED[name], "")
    print(f"all together {total:.0f} s")


def _row(name: str, error: float, wanted: float, seconds: str) -> None:
    print(f"| {name} | {error:.1e} | {wanted:.0e} | {error / wanted:.2f} | {seconds} |", flush=True)


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
