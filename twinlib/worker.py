"""The process that computes one run: `python -m twinlib.worker job.json`, started by `twinlib.run` or a launcher.

Of a run of several processes it is the first; where it is another one of a node, it lets that node take part.
"""

import inspect
import json
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinlib.loaded import require_unchanged

# isort: split
from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.identity.config import NOT_IN_IDENTITY
from twinlib.identity.explain import differences, sentence
from twinlib.identity.fingerprint import Identity, identify
from twinlib.identity.stat_cache import StatCache
from twinlib.launcher.pool import tell_trained
from twinlib.processes.joining import join
from twinlib.processes.leader import Leader
from twinlib.processes.parent import die_with
from twinlib.processes.place import Team, place, team
from twinlib.run import PRUNED_EXIT_CODE, Result, label, open_store
from twinlib.store.faults import explained
from twinlib.store.garbage import CHECKPOINTS
from twinlib.store.lock import Owner, lock
from twinlib.sweeper.pruning import Pruned, under_study
from twinlib.training.outcome import Outcome, Report
from twinlib.unfinished import Unfinished

if TYPE_CHECKING:
    import pyarrow as pa


# What a training must not see, as it is no part of the identity; it needs the other such keys to do its work.
UNSEEN = {key for key in NOT_IN_IDENTITY if "." not in key} - {"inputs", "workers", "checkpoint_seconds"}


def main(job_file: Path) -> int:
    """Compute the run that a job file describes and write where its record is; the exit code says how it went."""
    job = json.loads(job_file.read_text())
    signal.signal(signal.SIGTERM, _end)
    try:
        result = compute(job["config"], Path.cwd(), job["group"])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Pruned as end:
        print(end, file=sys.stderr)
        return PRUNED_EXIT_CODE
    except KeyboardInterrupt:
        return 130
    answer = {"folder": str(result.folder), "metrics": result.metrics, "objective": result.objective}
    Path(job["result"]).write_text(json.dumps({**answer, "cached": result.cached}))
    return 0


def compute(config: Mapping[str, Any], root: Path, group: str | None = None) -> Result:
    """Train, evaluate and publish; or take the record that somebody else published meanwhile.

    Raises
    ------
    UserError
        Something the fingerprint covers changed while the run was computed: its result is kept aside, uncached. Or
        another process of the run failed.
    """
    # Two configs that differ in the order of their keys are one run: so the training must not see that order.
    config = json.loads(json.dumps(config, sort_keys=True))
    processes = team(config, place())
    if processes.place.rank > 0:
        return join(config, root, processes)
    return _lead(config, root, group, processes)


def _lead(config: Mapping[str, Any], root: Path, group: str | None, processes: Team) -> Result:
    cache = StatCache(root / ".twin")
    identity = identify(config, root, cache)
    require_unchanged()
    store = open_store(config, root, cache)
    with Leader(config, identity, root, processes) as leader:
        if identity.doubts:
            aside = f"{label(identity)}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
            folder = store.path / ".uncached" / aside
            folder.mkdir(parents=True)
            with leader.training(keeps=False):
                outcome = _train(config, identity, folder, group, root, None)
            result = Result(folder, outcome.metrics, outcome.metrics[config["objective"]], cached=False)
            leader.tell(result)
            return result

        with lock(store.path, identity.fingerprint, waiting=_say_who):
            record = store.find(identity.fingerprint, label(identity))
            if record is not None:
                result = Result.of(record, cached=True)
                leader.tell(result)
                return result
            draft = store.draft(label(identity), identity.fingerprint)
            started = time.monotonic()
            unfinished = Unfinished(checkpoints(config, root, identity.fingerprint), identity, config, root)
            with leader.training(keeps=True):
                outcome = _train(config, identity, draft, group, root, unfinished)
            try:
                _refuse_if_changed(identity, identify(config, root, cache), draft)
            finally:
                unfinished.remove()  # it is of no use any more: the run is finished, or it was a mixture of two
            record = store.publish(
                draft,
                fingerprint=identity.fingerprint,
                label=label(identity),
                name=config["name"],
                metrics=outcome.metrics,
                objective=config["objective"],
                seconds=time.monotonic() - started,
            )
        result = Result.of(record, cached=False)
        leader.tell(result)
    return result


def checkpoints(config: Mapping[str, Any], root: Path, fingerprint: str) -> Path:
    """Where the checkpoints of a run lie while it is not finished."""
    return root / str(config["store"]["path"]) / CHECKPOINTS / fingerprint


def train(config: Mapping[str, Any], dataset: Any, folder: Path, report: Report, kept: Path | None) -> Outcome:
    """Call the trainer of a config as every process of a run does.

    Parameters
    ----------
    kept
        Folder of checkpoints, for a trainer that can go on from one.
    """
    trainer = build(config["trainer"])
    seen = {key: value for key, value in config.items() if key not in UNSEEN}
    resuming = {"resume": kept} if "resume" in inspect.signature(trainer).parameters else {}
    outcome: Outcome = trainer(config=seen, dataset=dataset, folder=folder, report=report, **resuming)
    return outcome


def _train(
    config: Mapping[str, Any],
    identity: Identity,
    folder: Path,
    group: str | None,
    root: Path,
    unfinished: Unfinished | None,
) -> Outcome:
    from twinlib.cli.progress import Progress
    from twinlib.plots import draw
    from twinlib.tracking.tracker import RunInfo, trackers

    dataset = build(config["data"])
    with explained(folder):
        _write_inputs(config, identity, dataset, folder)
    tracker = trackers(config)
    tracker.start(RunInfo(identity.fingerprint, config["name"], label(identity), group, "train", dict(config), root))
    progress = Progress(config)
    try:
        report = under_study(Tracked(progress, tracker.epoch, unfinished), config)
        outcome = train(config, dataset, folder, report, None if unfinished is None else unfinished.folder)
        tell_trained()
        with explained(folder):
            _write_outputs(outcome, folder)
            pictures = draw(outcome, dataset, folder)
            for picture in config["pictures"].values():
                pictures += build(picture, outcome, dataset, folder)
    except Pruned:
        shutil.rmtree(folder)
        if unfinished is not None:
            unfinished.remove()
        tracker.prune()
        raise
    except BaseException:
        tracker.fail()
        raise
    finally:
        progress.close()
    tracker.finish(outcome.metrics, pictures)
    return outcome


class Tracked:
    """A report to the terminal that the trackers hear as well, and who knows how good the checkpoints are."""

    def __init__(
        self,
        terminal: Report,
        track: Callable[[dict[str, float]], None],
        unfinished: Unfinished | None = None,
    ) -> None:
        self.batch = terminal.batch
        self._terminal, self._track, self._unfinished = terminal, track, unfinished

    def epoch_begins(self, epoch: int, steps: int) -> None:
        if self._unfinished is not None:
            self._unfinished.epoch_begins(epoch)
        self._terminal.epoch_begins(epoch, steps)

    def epoch_ends(self, row: dict[str, float]) -> None:
        self._terminal.epoch_ends(row)
        self._track(row)
        if self._unfinished is not None:
            self._unfinished.epoch_ends(row)


def _write_inputs(config: Mapping[str, Any], identity: Identity, dataset: Any, folder: Path) -> None:
    import yaml

    # Where a run is tracked and stored may hold secrets; that and who asked for it say nothing about its result.
    kept = {key: value for key, value in config.items() if key not in ("tracking", "store", "sweeper")}
    (folder / "config.yaml").write_text(yaml.safe_dump(kept, sort_keys=False))
    (folder / "identity.json").write_text(json.dumps(identity.to_json(), indent=1))
    (folder / "preprocess.json").write_text(json.dumps(dataset.preprocess.to_json(), indent=1))


def _write_outputs(outcome: Outcome, folder: Path) -> None:
    import pyarrow.parquet as pq

    from twinlib.plots.classes import decide

    pq.write_table(_table(outcome.history), folder / "history.parquet")
    (folder / "metrics.json").write_text(json.dumps(outcome.metrics, indent=1) + "\n")
    if outcome.targets.ndim == 1 and outcome.targets.dtype.kind == "i":
        predicted, _ = decide(outcome.predictions)
        pairs = "".join(f"{a},{b}\n" for a, b in zip(outcome.targets, predicted, strict=True))
        (folder / "test_labels.csv").write_text("actual,predicted\n" + pairs)


def _table(rows: Sequence[Mapping[str, float]]) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    # `pa.array` and `pa.Table.from_pylist` would import pandas, which takes longer than to train a small model.
    arrays = [
        pa.Array.from_buffers(pa.from_numpy_dtype(column.dtype), len(column), [None, pa.py_buffer(column)])
        for column in columns.values()
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _refuse_if_changed(before: Identity, after: Identity, draft: Path) -> None:
    if after.fingerprint != before.fingerprint:
        changes = "; ".join(sentence(difference) for difference in differences(after, before))
        raise UserError(f"changed while the run was computed: {changes}; not cached, the result is in {draft}")


def _say_who(owner: Owner) -> None:
    print(f"waiting: {owner.host} (process {owner.pid}) computes this run", file=sys.stderr)


def _end(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        die_with(int(sys.argv[2]))
    sys.exit(main(Path(sys.argv[1])))
