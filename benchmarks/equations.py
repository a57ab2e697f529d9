"""The small problems of docs/equations.md: error, wanted error and time of each, as a table.

What has a record already is taken from there, as always; the others are trained, about ten seconds each on one core.
The error is the relative L2 error against the exact solution of the field that is worst; the time is the whole run's,
with its pictures.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED = {
    "poisson_1d": 1e-5,
    "poisson_parameterised": 1e-5,
    "inverse_source": 1e-3,
    "composite_bar": 1e-5,
    "bar_parameterised": 1e-5,
    "coupled_springs": 1e-5,
    "inverse_springs": 1e-5,
}


def record(name: str) -> dict[str, object]:
    command = [sys.executable, "train.py", f"experiment=equations/{name}", "tracking=none", "progress=false"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    folder = ROOT / done.stdout.split()[1]
    return json.loads((folder / "record.json").read_text())  # type: ignore[no-any-return]


def main() -> None:
    print("| problem | error | wanted | error / wanted | seconds |")
    print("|---|---|---|---|---|")
    total = 0.0
    for name, wanted in WANTED.items():
        found = record(name)
        metrics = found["metrics"]
        assert isinstance(metrics, dict)
        error, seconds = metrics["test_relative_l2"], float(str(found["seconds"]))
        total += seconds
        print(f"| {name} | {error:.1e} | {wanted:.0e} | {error / wanted:.2f} | {seconds:.0f} |")
        for key in sorted(key for key in metrics if key.startswith("test_error_")):
            number = f"{name}: {key.removeprefix('test_error_')}"
            print(f"| {number} | {metrics[key]:.1e} | {wanted:.0e} | {metrics[key] / wanted:.2f} | |")
    print(f"all together {total:.0f} s; wanted: at most 300 s on two cores")


if __name__ == "__main__":
    main()
