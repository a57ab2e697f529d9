"""One run: computed before? Then its record; else a fresh process that computes it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity.fingerprint import Identity, identify
from twinlib.identity.stat_cache import StatCache
from twinlib.launcher.devices import cores, limits
from twinlib.launcher.pool import Job
from twinlib.processes.place import place, team
from twinlib.store.local import Store
from twinlib.store.record import Record

PRUNED_EXIT_CODE = 3  # of a worker whose run was ended early, as it was worse than others of its study


@dataclass(frozen=True)
class Result:
    """What came out of a run, computed now or before."""

    folder: Path
    metrics: dict[str, float]
    objective: float
    cached: bool

    @classmethod
    def of(cls, record: Record, cached: bool) -> "Result":
        """What a record says."""
        return cls(record.folder, record.metrics, record.metrics[record.objective], cached)


class RunFailed(Exception):
    """The process that computed a run ended with an error, which it has printed."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"the run ended with exit code {exit_code}")
        self.exit_code = exit_code


def run(config: Mapping[str, Any], root: Path, group: str | None = None) -> Result:
    """Give the result of the run that `config` describes; compute it only if no record has it.

    Parameters
    ----------
    config
        Resolved, as `twinlib.config.compose.compose` returns it.
    root
        The project folder; relative paths in the config start there.
    group
        The sweep that this run belongs to, for trackers.

    Raises
    ------
    UserError
        Data are missing, or a key does not fit its `_target_`.
    RunFailed
        The computation ended with an error.
    """
    processes = team(config, place())
    if processes.place.rank > 0:
        from twinlib.processes.joining import join

        return join(config, root, processes)
    cache = StatCache(root / ".twin")
    require_inputs(config, root)
    identity = identify(config, root, cache)
    if identity.doubts:
        for doubt in identity.doubts:
            print(f"not cached: {doubt}", file=sys.stderr)
    else:
        record = open_store(config, root, cache).find(identity.fingerprint, label(identity))
        if record is not None:
            result = _tell(Result.of(record, cached=True), config, root)
            if processes.place.size > 1:
                from twinlib.processes.leader import Leader

                with Leader(config, identity, root, processes) as leader:
                    leader.tell(result)
            return result
    return _tell(_compute(config, root, group, processes.each), config, root)


def open_store(config: Mapping[str, Any], root: Path, cache: StatCache | None = None) -> Store:
    """The run store that a config names."""
    store = config["store"]
    return Store(root / store["path"], store["remote"], cache)


def label(identity: Identity) -> str:
    """The readable half of a record's folder name, made only of what the fingerprint covers."""
    config = identity.config
    model = str(config["model"]["_target_"]).rpartition(".")[2]
    data = (config["data"] or {}).get("name", "")
    words = [data, model, config["trainer"]["framework"], f"lr={config['lr']:g}", f"seed={config['seed']}"]
    return "-".join("".join(c if c.isalnum() or c in "._=" else "_" for c in word) for word in words if word)


def require_inputs(config: Mapping[str, Any], root: Path) -> None:
    """Every input that the config names is there; otherwise say which stage makes it."""
    named = {f"inputs.{key}": path for key, path in config["inputs"].items()}
    if "path" in config["data"]:
        named["data.path"] = config["data"]["path"]
    for key, path in named.items():
        if not (root / path).exists():
            stage = stage_that_makes(path, root)
            remedy = f"make it with: dvc repro {stage}" if stage else "no stage of dvc.yaml makes it"
            raise UserError(f"{key}: {path} is missing; {remedy}")


def stage_that_makes(path: str, root: Path) -> str | None:
    """The stage of `dvc.yaml` that has a path among its outputs."""
    import yaml

    if not (root / "dvc.yaml").is_file():
        return None
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        for out in stage.get("outs", []):
            made = next(iter(out)) if isinstance(out, dict) else out
            if Path(path) == Path(made) or Path(made) in Path(path).parents:
                return str(name)
    return None


def _compute(config: Mapping[str, Any], root: Path, group: str | None, processes: int) -> Result:
    """Run `twinlib.worker` on a file with the resolved config; its output goes where ours goes.

    A fresh process sees the code as the fingerprint saw it, whatever this process imported earlier. It does not outlive
    this one; of several processes of a node each has its share of the cores.
    """
    from twinlib.config.signature import check_targets

    check_targets(config, root)
    with tempfile.TemporaryDirectory(prefix="twin-") as folder:
        job = Job(0, dict(config), Path(folder), group)
        job.write()
        environment = limits(max(1, cores() // processes)) if processes > 1 else {}
        command = [sys.executable, "-m", "twinlib.worker", str(job.file), str(os.getpid())]
        process = subprocess.Popen(command, cwd=root, env=os.environ | environment)
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            code = process.wait()
        except KeyboardInterrupt:
            _stop(process, signal.SIGINT)
            raise
        except SystemExit:
            process.terminate()
            _stop(process, signal.SIGTERM)
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
        result = job.result(code)
    if code < 0:  # it could not say so itself
        print(f"error: the process that computed the run was killed by {signal.Signals(-code).name}", file=sys.stderr)
    if result is None:
        raise RunFailed(code if code > 0 else 1)
    return Result(Path(result["folder"]), result["metrics"], result["objective"], result["cached"])


def _stop(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The terminal has sent the interrupt to the worker too; a second one is for when it was sent to us alone.
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _tell(result: Result, config: Mapping[str, Any], root: Path) -> Result:
    if config["export"]:
        from twinlib.export import export

        export(result.folder, root / config["export"])
    numbers = "  ".join(f"{name} {value:.4g}" for name, value in result.metrics.items())
    print(f"{'cached' if result.cached else 'done'} {os.path.relpath(result.folder)}  {numbers}", flush=True)
    return result
