"""What is to be run on a cluster: the runs that a command line describes, less those that a store has."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity.stat_cache import StatCache
from twinlib.run import label, require_inputs
from twinlib.store.local import Store
from twinlib.sweep.compose import Composer
from twinlib.sweep.grid import compose_points, split
from twinlib.sweep.identities import Identities
from twinlib.tracking.secrets import without_secrets

NOT_OF_A_RUN = (
    "launcher",
    "sweeper",
    "hydra",
)  # groups of a sweep: a run that is started by itself has no use for them


@dataclass(frozen=True)
class Needs:
    """What each run needs: nodes, devices on each, and whether these are GPUs."""

    nodes: int
    devices: int
    gpu: bool

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Needs":
        """As the launchers, `strategy.accelerator=auto` asks for no GPU."""
        strategy = config["strategy"]
        return cls(strategy["nodes"], strategy["devices"], strategy["accelerator"] == "gpu")

    @property
    def gpus(self) -> int:
        """On each node."""
        return self.devices if self.gpu else 0


@dataclass(frozen=True)
class Task:
    """A run: what stands after `train.py`, its config and its fingerprint."""

    overrides: tuple[str, ...]
    config: dict[str, Any]
    fingerprint: str


@dataclass(frozen=True)
class Workload:
    """Runs that need the same, under one name."""

    name: str
    needs: Needs
    tasks: tuple[Task, ...]

    def apart(self) -> list["Workload"]:
        """One workload for each of the runs."""
        return [_named(self.needs, (task,)) for task in self.tasks]


@dataclass(frozen=True)
class Gathered:
    """The workloads, how many runs are left out since a store has them, and what the user has to know."""

    workloads: tuple[Workload, ...]
    cached: int
    notes: tuple[str, ...]


def gather(overrides: Sequence[str], root: Path, sweep: bool) -> Gathered:
    """Compose every point, look it up, and put those that need the same together.

    Parameters
    ----------
    overrides
        What would stand after `train.py`; with `sweep`, after `train.py -m`.
    root
        The project folder.

    Raises
    ------
    UserError
        A point cannot be composed or identified, there is no `store.remote`, or the points of a search are not known.
    """
    composer = Composer(root)
    lines = split(list(overrides), composer.loader) if sweep else [tuple(overrides)]
    points = compose_points(lines, composer, ())
    for point in points:
        if point.error is not None:
            raise UserError(f"{point.error} (in the point {' '.join(point.overrides)})")
    configs = [point.config for point in points if point.config is not None]
    require_shared(configs[0])
    if configs[0]["sweeper"]:
        raise UserError("sweeper: a search proposes its points while it runs; deploy it with: kubernetes launcher=ray")
    cache = StatCache(root / ".twin")
    identities = Identities(root, cache)
    store, notes = _reachable(Store(root / configs[0]["store"]["path"], configs[0]["store"]["remote"], cache))
    groups: dict[Needs, dict[str, Task]] = {}
    cached = 0
    for point, config in zip(points, configs, strict=True):
        require_inputs(config, root)
        identity = identities.of(config)
        notes += [f"not cached: {doubt}" for doubt in identity.doubts if f"not cached: {doubt}" not in notes]
        if not identity.doubts and store.find(identity.fingerprint, label(identity)) is not None:
            cached += 1
            continue
        task = Task(run_overrides(point.overrides, config), config, identity.fingerprint)
        groups.setdefault(Needs.of(config), {}).setdefault(identity.fingerprint, task)
    workloads = tuple(_named(needs, tuple(tasks.values())) for needs, tasks in groups.items())
    return Gathered(workloads, cached, tuple(notes))


def require_shared(config: dict[str, Any]) -> None:
    """Refuse a config whose results would stay on the cluster.

    Raises
    ------
    UserError
        `store.remote` is not set.
    """
    if config["store"]["remote"] is None:
        raise UserError(
            "store.remote is not set; the results would stay on the cluster: name a store, such as "
            "store.remote=s3://bucket/runs"
        )


def run_overrides(overrides: Sequence[str], config: dict[str, Any]) -> tuple[str, ...]:
    """What a run gets of the overrides of a point, its store named in any case.

    Raises
    ------
    UserError
        One of them looks like a secret: what is written for a cluster is read by many.
    """
    for line in overrides:
        key, _, value = line.partition("=")
        if without_secrets({key: value}) != {key: value}:
            raise UserError(
                f"{key}: looks like a secret; let the jobs find it in their environment: --secret, --env-file"
            )
    kept = [line for line in overrides if not re.match(rf"[+~]*(?:{'|'.join(NOT_OF_A_RUN)})(?:[/.=@]|$)", line)]
    if not any(line.lstrip("+").startswith("store.remote=") for line in kept):
        kept.append(f"store.remote={config['store']['remote']}")
    return tuple(kept)


def task_name(config: dict[str, Any], fingerprints: Sequence[str]) -> str:
    """A name that Kubernetes and Slurm take; it is another one for other runs, so that none replaces another."""
    readable = re.sub(r"[^a-z0-9]+", "-", str(config["name"] or "run").lower()).strip("-")[:40].strip("-")
    if not readable[:1].isalpha():
        readable = f"run-{readable}".rstrip("-")
    return f"{readable}-{hashlib.sha256(''.join(sorted(fingerprints)).encode()).hexdigest()[:8]}"


def _named(needs: Needs, tasks: tuple[Task, ...]) -> Workload:
    return Workload(task_name(tasks[0].config, [task.fingerprint for task in tasks]), needs, tasks)


def _reachable(store: Store) -> tuple[Store, list[str]]:
    """The store, without its remote half if that does not answer, which is said once."""
    from twinlib.store.remote import Unreachable

    try:
        store.remote_names()
    except Unreachable as error:
        return Store(store.path), [f"{error}; runs that it has are not left out"]
    return store, []
