"""`twin deploy`: manifests and batch scripts for a cluster."""

import argparse
import os
import shlex
from pathlib import Path
from typing import Any

from twinlib import lookup
from twinlib.cli.words import split
from twinlib.deploy.workload import Gathered, gather
from twinlib.errors import UserError


def deploy(args: argparse.Namespace) -> None:
    """Write what runs the experiments of a command line on a cluster, and say how to start it."""
    named, settings = split(args.words)
    if named not in (["kubernetes"], ["slurm"]):
        raise UserError(f"{' '.join(named) or 'deploy'}: name one kind of cluster: kubernetes or slurm")
    folder = Path(args.output)
    if folder.is_file():
        raise UserError(f"{folder}: is a file; name a folder with -o")
    root = lookup.project()
    typed = shlex.join(["twin", "deploy", named[0], *(["-m"] if args.multirun else []), *settings])
    (_kubernetes if named == ["kubernetes"] else _slurm)(args, settings, root, folder, typed)


def _kubernetes(args: argparse.Namespace, settings: list[str], root: Path, folder: Path, typed: str) -> None:
    from twinlib.deploy.kubernetes import Manifest, Pod, manifests, text

    if args.image is None:
        raise UserError("--image is missing: the image that was built from deploy/Dockerfile, such as lab/twin:1")
    if args.env_file is not None:
        raise UserError("--env-file: is for slurm; on Kubernetes put keys into a Secret and name it with --secret")
    pod = Pod(args.image, args.secret, args.ssh, args.claim, args.cpus, args.memory or "4Gi", args.minutes)
    documents: list[list[Manifest]]
    if "launcher=ray" in settings:
        from twinlib.deploy.ray import ray_job

        documents = [ray_job(settings, root, args.multirun, pod)]
    else:
        gathered = gather(settings, root, args.multirun)
        documents = [group for workload in gathered.workloads for group in manifests(workload, pod)]
        _say(gathered)
        _say_what_pods_lack(gathered, pod.claim)
    for group in documents:
        _write(folder / f"{group[-1]['metadata']['name']}.yaml", f"# Written by: {typed}\n{text(group)}")
    if documents:
        print(f"start it with: kubectl apply -f {shlex.quote(os.path.relpath(folder))}")


def _slurm(args: argparse.Namespace, settings: list[str], root: Path, folder: Path, typed: str) -> None:
    from twinlib.deploy.slurm import script, submit_command

    for option in ("image", "secret", "ssh", "claim"):
        if getattr(args, option) is not None:
            raise UserError(f"--{option}: is for kubernetes; Slurm starts the project folder as it is")
    if other := [line for line in settings if line.startswith("launcher=") and line != "launcher=slurm"]:
        raise UserError(f"{other[0]}: deploy slurm takes its settings from launcher=slurm; leave it out")
    if "launcher=slurm" not in settings:
        settings = ["launcher=slurm", *settings]
    gathered = gather(settings, root, args.multirun)
    _say(gathered)
    env_file = None if args.env_file is None else Path(args.env_file).absolute()
    given: dict[str, Any] = {"cpus": args.cpus, "memory": args.memory, "time": args.minutes}
    scripts = []
    for workload in gathered.workloads:
        launcher = workload.tasks[0].config["launcher"] | {key: value for key, value in given.items() if value}
        text = script(workload, launcher, root, folder.absolute(), env_file, typed)
        scripts.append(_write(folder / f"{workload.name}.sbatch", text))
    for path in scripts:
        print(f"start it with: {submit_command(path)}")


def _say(gathered: Gathered) -> None:
    for note in gathered.notes:
        print(note)
    count = sum(len(workload.tasks) for workload in gathered.workloads)
    print(f"{count} {'run' if count == 1 else 'runs'} to compute, {gathered.cached} cached and left out")


def _say_what_pods_lack(gathered: Gathered, claim: str | None) -> None:
    configs = [task.config for workload in gathered.workloads for task in workload.tasks]
    paths = {path for config in configs for path in [config["data"].get("path"), *config["inputs"].values()] if path}
    if paths and claim is None:
        print(f"the image has to hold {', '.join(sorted(paths))}; or name a claim that does with --claim")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"wrote {path}")
    return path
