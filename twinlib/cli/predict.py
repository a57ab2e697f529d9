"""`twin predict`: a trained twin on a file of samples."""

from collections.abc import Sequence
from pathlib import Path

from twinlib import lookup
from twinlib import predict as twins
from twinlib.cli import samples
from twinlib.cli.words import split
from twinlib.errors import UserError


def predict(words: Sequence[str], output: str) -> None:
    """Predict for the samples in one file and write another one."""
    named, settings = split(words)
    if len(named) == 1 and settings:
        named = ["", *named]  # `experiment=…` stands for the run
    if len(named) != 2:
        raise UserError("twin predict takes a run and a file of samples: twin predict RUN INPUT -o OUTPUT")
    target = Path(output)
    samples.check_target(target)
    root = lookup.project()
    record = lookup.find(named[0] or None, root, settings)
    raw = samples.read(Path(named[1]), twins.preprocess_of(record).field)
    twin = twins.of_record(record, root)
    predictions = twin.predict(raw)
    chooses = twin.config["data"].get("classes") is not None and twin.config["output"] != "identity"
    samples.write(target, predictions, samples.table(predictions, classes=chooses and predictions.ndim <= 2))
    print(f"{len(predictions):,} predictions of {record.folder.name} in {target}")
