"""Kubernetes manifests: a Job for a run, an indexed Job for a sweep or for a run on several nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twinlib.deploy.script import choice
from twinlib.deploy.workload import Needs, Workload
from twinlib.errors import UserError

Manifest = dict[str, Any]

PROJECT = "/twin"  # in the image: deploy/Dockerfile
HOME = "/home/twin"
USER = 1000
PORT = 29400  # where the pods of one run meet
LARGEST = 900_000  # bytes of a script in a ConfigMap; Kubernetes takes a MiB
KEPT = 7 * 24 * 3600  # seconds for which a Job that ended can still be looked at
UNSEEN = ("file", "local", "memory")  # protocols whose files pods do not see
USER_ERROR = 2  # exit code: another try would end in the same way
# A store that does not answer ends no training; but a record that stays in a pod is lost. So the pod fails then.
RUN = ('python train.py "$@"', '[ "${RANK:-0}" != 0 ] || twin push "$@" || exit 1')
INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


@dataclass(frozen=True)
class Pod:
    """What the pods of a project are made from.

    Attributes
    ----------
    image
        Built from deploy/Dockerfile.
    secret
        Name of a Secret whose keys become environment variables; None: none.
    ssh
        Name of a Secret whose keys are the files of ~/.ssh: `id_ed25519`, `known_hosts`, `config`.
    claim
        Name of a PersistentVolumeClaim with the folders `data` and `runs`; None: the image has the data, and what was
        not finished is lost with its pod.
    cpus, memory, minutes
        Of each pod: a number, a quantity such as 8Gi, and how long it may run; None: no limit of time.
    """

    image: str
    secret: str | None = None
    ssh: str | None = None
    claim: str | None = None
    cpus: int | None = None
    memory: str = "4Gi"
    minutes: int | None = None

    def spec(self, needs: Needs, command: list[str] | None, env: list[Manifest], points: str | None = None) -> Manifest:
        """A pod with one container `run`; `points` names a ConfigMap with a script, the folder `points` there."""
        volumes, mounts = self._volumes(needs, points)
        resources: dict[str, Any] = {"cpu": str(self.cpus or needs.devices), "memory": self.memory}
        limits = {"memory": self.memory, **({"nvidia.com/gpu": str(needs.gpus)} if needs.gpus else {})}
        container: Manifest = {
            "name": "run",
            "image": self.image,
            **({"command": command} if command is not None else {}),
            "workingDir": PROJECT,
            "env": env,
            "resources": {"requests": resources, "limits": limits},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": mounts,
        }
        if self.secret is not None:
            container["envFrom"] = [{"secretRef": {"name": self.secret}}]
        return {
            "containers": [container],
            "volumes": volumes,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }

    def _volumes(self, needs: Needs, points: str | None) -> tuple[list[Manifest], list[Manifest]]:
        runs: Manifest = {"name": "runs", "mountPath": f"{PROJECT}/runs"}
        if self.claim is None:
            volumes: list[Manifest] = [{"name": "runs", "emptyDir": {}}]
            mounts = [runs]
        else:
            volumes = [{"name": "runs", "persistentVolumeClaim": {"claimName": self.claim}}]
            data = {"name": "runs", "mountPath": f"{PROJECT}/data", "subPath": "data", "readOnly": True}
            mounts = [{**runs, "subPath": "runs"}, data]
        if points is not None:
            volumes.append({"name": "points", "configMap": {"name": points}})
            mounts.append({"name": "points", "mountPath": f"{PROJECT}/points", "readOnly": True})
        if self.ssh is not None:
            volumes.append({"name": "ssh", "secret": {"secretName": self.ssh, "defaultMode": 0o440}})
            mounts.append({"name": "ssh", "mountPath": f"{HOME}/.ssh", "readOnly": True})
        if needs.devices > 1:
            # GPUs of one machine exchange gradients through it, and a container has 64 MiB unless it is given more.
            volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}})
            mounts.append({"name": "shm", "mountPath": "/dev/shm"})
        return volumes, mounts


def require_seen(remote: str, pod: Pod) -> None:
    """Refuse a store that pods cannot reach.

    Raises
    ------
    UserError
        It is a folder of this machine, or they would have no key for it.
    """
    protocol = remote.partition("://")[0] if "://" in remote else "file"
    if protocol in UNSEEN:
        raise UserError(f"store.remote={remote}: pods do not see it; name one on the network, such as s3://bucket/runs")
    if protocol in ("sftp", "ssh") and pod.ssh is None:
        raise UserError(
            f"store.remote={remote}: pods need a key for it; name a Secret with id_ed25519 and known_hosts: --ssh"
        )


def manifests(workload: Workload, pod: Pod) -> list[list[Manifest]]:
    """The manifests of a workload, those that belong together in one list.

    Raises
    ------
    UserError
        Its pods cannot reach the store, or it has too many runs.
    """
    require_seen(workload.tasks[0].config["store"]["remote"], pod)
    if workload.needs.nodes > 1:
        return [_several_nodes(one, pod) for one in workload.apart()]
    return [_sweep(workload, pod) if len(workload.tasks) > 1 else _single(workload, pod)]


def text(group: list[Manifest]) -> str:
    """A file for `kubectl apply -f`."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Scripts are written as they are read."""

    def write(dumper: Dumper, value: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, write)
    return "---\n".join(yaml.dump(one, Dumper=Dumper, sort_keys=False, width=1000) for one in group)


def metadata(workload: Workload) -> Manifest:
    """Name and labels; the beginnings of the fingerprints, for people."""
    labels = {"app.kubernetes.io/name": "twinlib", "app.kubernetes.io/instance": workload.name}
    shown = " ".join(task.fingerprint[:12] for task in workload.tasks[:100])
    return {"name": workload.name, "labels": labels, "annotations": {"twinlib/fingerprints": shown}}


def variables(values: Mapping[str, str]) -> list[Manifest]:
    """Environment variables of a container."""
    return [{"name": name, "value": value} for name, value in values.items()]


def _single(workload: Workload, pod: Pod) -> list[Manifest]:
    return [_job(workload, pod, pod.spec(workload.needs, _command(workload), []), {"backoffLimit": 2})]


def script(metadata: Manifest, lines: list[str]) -> Manifest:
    """A ConfigMap with the script `run.sh`, which a pod finds in the folder `points`.

    Raises
    ------
    UserError
        Kubernetes takes none as long as this.
    """
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > LARGEST:
        raise UserError("-m: too many points for one Job; deploy the sweep in parts")
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"run.sh": text}}


def _command(workload: Workload) -> list[str]:
    return ["bash", "-euc", "\n".join(RUN), "run", *workload.tasks[0].overrides]


def _sweep(workload: Workload, pod: Pod) -> list[Manifest]:
    lines = ["#!/bin/bash", "set -eu", *choice("JOB_COMPLETION_INDEX", workload.tasks), *RUN]
    points = script(metadata(workload), lines)
    spec = pod.spec(workload.needs, ["bash", f"{PROJECT}/points/run.sh"], [], workload.name)
    count = len(workload.tasks)
    at_once = min(count, workload.tasks[0].config["launcher"].get("workers") or count)
    # A point that fails stops no other.
    each = {"completionMode": "Indexed", "completions": count, "parallelism": at_once, "backoffLimitPerIndex": 2}
    return [points, _job(workload, pod, spec, each, "FailIndex")]


def _several_nodes(workload: Workload, pod: Pod) -> list[Manifest]:
    """A pod for each node, which finds the first one by the name that the service gives it."""
    name, nodes = workload.name, workload.needs.nodes
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(workload),
        "spec": {
            "clusterIP": "None",
            "selector": {"batch.kubernetes.io/job-name": name},
            "publishNotReadyAddresses": True,  # they look for each other before any of them is ready
            "ports": [{"name": "meeting", "port": PORT}],
        },
    }
    env: list[Manifest] = [{"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": INDEX}}}]
    # As torchrun would tell one process of each node.
    env += variables({"WORLD_SIZE": str(nodes), "LOCAL_RANK": "0", "MASTER_ADDR": f"{name}-0.{name}"})
    env += variables({"MASTER_PORT": str(PORT - 1)})
    spec = pod.spec(workload.needs, _command(workload), env)
    spec["subdomain"] = name
    # If one ends, all end, each with an error: they are all started again and meet anew.
    each = {"completionMode": "Indexed", "completions": nodes, "parallelism": nodes, "backoffLimit": 3 * nodes}
    return [service, _job(workload, pod, spec, each)]


def _job(
    workload: Workload, pod: Pod, spec: Manifest, each: Manifest, after_user_error: str | None = "FailJob"
) -> Manifest:
    job: Manifest = {"ttlSecondsAfterFinished": KEPT, **each}
    if pod.minutes is not None:
        job["activeDeadlineSeconds"] = 60 * pod.minutes
    evicted = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    rules: list[Manifest] = [evicted]
    if workload.needs.nodes == 1:  # on several, the others of one that was lost end in this way too
        codes = {"containerName": "run", "operator": "In", "values": [USER_ERROR]}
        rules.append({"action": after_user_error, "onExitCodes": codes})
    job["podFailurePolicy"] = {"rules": rules}
    labels = metadata(workload)["labels"]
    job["template"] = {"metadata": {"labels": labels}, "spec": {**spec, "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(workload), "spec": job}
