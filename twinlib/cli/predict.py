"""`twin predict`: a trained twin on a file of samples, or on what the experiment's `predict` takes: a map, a mask."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinlib import lookup
from twinlib import predict as twins
from twinlib.cli import samples
from twinlib.cli.words import split
from twinlib.config.build import build
from twinlib.config.signature import check_targets
from twinlib.errors import UserError

PREFIX = "predict."
# `{l: uniform(1, 2)}`, which YAML would cut at the comma in brackets.
_CALL = re.compile(r"(:\s*)(\w+\s*\([^()'\"]*\))(?=\s*[,}])")


def predict(words: Sequence[str], output: str) -> None:
    """Predict for the content of one file and write another one."""
    named, settings = split(words)
    own = [setting for setting in settings if setting.startswith(PREFIX)]
    settings = [setting for setting in settings if setting not in own]
    if len(named) == 1 and not all(map(lookup.names_store, settings)):
        named = ["", *named]  # `experiment=…` stands for the run
    if len(named) != 2:
        raise UserError("twin predict takes a run and an input: twin predict RUN INPUT -o OUTPUT")
    target = Path(output)
    root = lookup.project()
    record = lookup.find(named[0] or None, root, settings)
    node = twins.config_of(record).get("predict")
    if node:
        print(build(_with(node, own, root), twins.of_record(record, root), named[1], target))
        return
    if own:
        raise UserError(f"{own[0]}: {record.folder.name} predicts sample by sample and takes no such settings")
    samples.check_target(target)
    raw = samples.read(Path(named[1]), twins.preprocess_of(record).field)
    twin = twins.of_record(record, root)
    predictions = twin.predict(raw)
    chooses = twin.config["data"].get("classes") is not None and twin.config["output"] != "identity"
    samples.write(target, predictions, samples.table(predictions, classes=chooses and predictions.ndim <= 2))
    print(f"{len(predictions):,} predictions of {record.folder.name} in {target}")


def _with(node: Mapping[str, Any], settings: Sequence[str], root: Path) -> dict[str, Any]:
    """The `predict` node with settings such as `predict.threshold=0.5`."""
    import yaml

    changed = dict(node)
    for setting in settings:
        key, _, value = setting.removeprefix(PREFIX).partition("=")
        changed[key] = yaml.safe_load(_CALL.sub(r"\1'\2'", value) if value.startswith("{") else value)
    check_targets({"predict": changed}, root)
    return changed
