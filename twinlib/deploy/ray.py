"""A RayJob for KubeRay: one sweep, searches included, on a Ray cluster that lives as long as the sweep."""

import hashlib
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from twinlib.deploy.kubernetes import KEPT, PROJECT, Manifest, Pod, require_seen, script
from twinlib.deploy.script import TRAIN
from twinlib.deploy.workload import Needs, require_shared, run_overrides, task_name
from twinlib.errors import UserError
from twinlib.sweep.compose import Composer

WORKERS = 2  # where launcher.workers is null: a cluster that is about to be made has no size yet
PORTS = {"gcs-server": 6379, "dashboard": 8265, "client": 10001}


def ray_job(overrides: Sequence[str], root: Path, sweep: bool, pod: Pod) -> list[Manifest]:
    """The manifests of the script and the RayJob. Which points are known is found out by the sweep itself.

    Parameters
    ----------
    overrides
        What would stand after `train.py -m`, `launcher=ray` among it.
    root
        The project folder here.

    Raises
    ------
    UserError
        It is no sweep, cannot be composed, or its pods would share no folder.
    """
    if not sweep:
        raise UserError("launcher=ray: is for sweeps; add -m, or leave it out for a single run")
    if pod.claim is None:
        raise UserError("launcher=ray: the machines of a Ray cluster share the folder runs; name a claim with --claim")
    composer = Composer(root)
    parsed = OverridesParser.create(config_loader=composer.loader).parse_overrides(list(overrides))
    config = composer.compose([str(line.input_line) for line in parsed if not line.is_sweep_override()])
    require_shared(config)
    require_seen(config["store"]["remote"], pod)
    needs = Needs.of(config)
    kept = run_overrides([line for line in overrides if not line.startswith(("sweeper", "+sweeper"))], config)
    searched = [line for line in overrides if line.startswith(("sweeper", "+sweeper"))]
    words = [*TRAIN, "-m", *kept, *searched, "launcher=ray", "launcher.address=auto"]
    name = task_name(config, [hashlib.sha256(" ".join(words).encode()).hexdigest()])
    workers = (config["launcher"].get("workers") or WORKERS) * needs.nodes
    labels = {"app.kubernetes.io/name": "twinlib", "app.kubernetes.io/instance": name}
    # In a file: on its way through KubeRay and `ray job submit` the quoting of an entrypoint's words gets lost.
    lines = ["#!/bin/bash", "set -eu", f"cd {PROJECT}", shlex.join(words)]
    head = _template(pod, "ray-head", Needs(1, 1, False), labels, name)
    head["spec"]["containers"][0]["ports"] = [{"name": key, "containerPort": port} for key, port in PORTS.items()]
    spec: dict[str, Any] = {
        "entrypoint": f"bash {PROJECT}/points/run.sh",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": KEPT,
        "rayClusterSpec": {
            "rayVersion": _ray_version(root),
            # The head leads the sweep and computes nothing.
            "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": head},
            "workerGroupSpecs": [
                {
                    "groupName": "workers",
                    "replicas": workers,
                    "minReplicas": workers,
                    "maxReplicas": workers,
                    "rayStartParams": {},
                    "template": _template(pod, "ray-worker", needs, labels, None),
                }
            ],
        },
    }
    if pod.minutes is not None:
        spec["activeDeadlineSeconds"] = 60 * pod.minutes
    metadata = {"name": name, "labels": labels}
    job = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": metadata, "spec": spec}
    return [script(metadata, lines), job]


def _template(pod: Pod, name: str, needs: Needs, labels: dict[str, str], points: str | None) -> Manifest:
    spec = pod.spec(needs, None, [], points)  # KubeRay says what is started
    spec["containers"][0]["name"] = name
    return {"metadata": {"labels": labels}, "spec": spec}


def _ray_version(root: Path) -> str:
    """Of the image: what requirements.lock pins; without one, what is installed here."""
    lock = root / "requirements.lock"
    for line in lock.read_text().splitlines() if lock.is_file() else []:
        if line.startswith("ray=="):
            return line.removeprefix("ray==")
    try:
        return version("ray")
    except PackageNotFoundError:
        raise UserError(
            "launcher=ray: which Ray? pin it in requirements.lock, or: pip install 'twinlib[ray]'"
        ) from None
