"""`twin scaling`: the same training with one device, with two, …"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from twinlib import lookup
from twinlib.cli.words import split
from twinlib.errors import UserError
from twinlib.run import RunFailed

DEVICES = "strategy.devices="
EPOCHS = "epochs=4"  # the first is not counted


def scaling(words: Sequence[str], as_json: bool, output: str | None) -> None:
    """Measure, print, and draw."""
    from twinlib.scaling.measure import measure
    from twinlib.scaling.table import draw, require_png, rows, table

    named, settings = split(words)
    if named:
        raise UserError(f"{named[0]}: twin scaling takes settings only, such as experiment=mnist/cnn_keras")
    devices = _devices([line for line in settings if line.startswith(DEVICES)])
    settings = [line for line in settings if not line.startswith(DEVICES)]
    if not any(line.startswith("epochs=") for line in settings):
        settings.append(EPOCHS)
    if not any(line.startswith(("strategy=", "strategy.name=")) for line in settings):
        settings.append("strategy=data_parallel")
    if output is not None:
        require_png(Path(output))
    lookup.importable(lookup.project())
    measured = []
    try:
        for row in measure(settings, devices, lookup.project()):
            print(f"devices={row.devices}: {row.seconds:.3f} s an epoch", file=sys.stderr, flush=True)
            measured.append(row)
    except RunFailed as error:
        raise UserError(f"strategy.devices={devices[len(measured)]}: {error}") from error
    if as_json:
        print(json.dumps(rows(measured), indent=1))
    else:
        print("\n".join(table(measured)))
    if output is not None:
        title = next((line.partition("=")[2] for line in settings if line.startswith("experiment=")), "")
        draw(measured, title, Path(output))
        print(f"wrote {output}", file=sys.stderr)


def _devices(lines: Sequence[str]) -> list[int]:
    wanted = "name the numbers of devices, such as strategy.devices=1,2,4"
    if len(lines) != 1:
        raise UserError(wanted)
    try:
        devices = sorted({int(word) for word in lines[0].removeprefix(DEVICES).split(",")})
    except ValueError:
        raise UserError(f"{lines[0]}: {wanted}") from None
    if devices[0] < 1:
        raise UserError(f"{lines[0]}: must be at least 1")
    return devices
