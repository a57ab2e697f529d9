import os
import subprocess

import pytest
import yaml

from twinlib.deploy.kubernetes import Pod, script
from twinlib.errors import UserError

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")

OLDEST, NEWEST = "1.31", "1.35"  # podFailurePolicy and backoffLimitPerIndex are older, but were not stable
IMAGE = ("--image", "registry.example.org/lab/twin:1")
S3 = "store.remote=s3://bucket/runs"
GPU = ("strategy.name=data_parallel", "strategy.accelerator=gpu")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """The bucket of these tests is on a server that nobody runs."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "anna",
        "AWS_SECRET_ACCESS_KEY": "open-sesame",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def documents(deploy):
    """Deploy to Kubernetes; returns the manifests of each file, all of them valid."""

    def run(*words):
        files, said = deploy("kubernetes", *words, *IMAGE)
        groups = [list(yaml.safe_load_all(text)) for text in files.values()]
        for group in groups:
            for document in group:
                for version in (OLDEST, NEWEST):
                    kubernetes_validate.validate(document, version, strict=True)
        assert "open-sesame" not in "".join(files.values()) + said
        return groups

    return run


def container(job):
    (only,) = job["spec"]["template"]["spec"]["containers"]
    return only


def program(path, text):
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("train", "push", "rank", "code"),
    [(0, 0, None, 0), (0, 2, None, 1), (2, 0, None, 2), (0, 0, 0, 0), (0, 2, 0, 1), (0, 2, 1, 0), (1, 0, 1, 1)],
)
def test_a_pod_fails_where_its_record_would_be_lost(documents, tmp_path, train, push, rank, code):
    """The exit code 2, after which nothing is tried again, is that of the training alone."""
    ((job,),) = documents("seed=3", S3)
    program(tmp_path / "python", f'echo "$@" >> {tmp_path}/calls; exit {train}')
    program(tmp_path / "twin", f'echo "$@" >> {tmp_path}/calls; exit {push}')
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | ({} if rank is None else {"RANK": str(rank)})
    assert subprocess.run(container(job)["command"], env=environment).returncode == code
    pushed = [] if rank or train else [f"push seed=3 {S3}"]
    assert (tmp_path / "calls").read_text().splitlines() == [f"train.py seed=3 {S3}", *pushed]


def test_one_run_is_one_job(documents):
    ((job,),) = documents("seed=3", S3, "--secret", "keys", "--minutes", "30")
    assert job["kind"] == "Job" and "completions" not in job["spec"]
    assert container(job)["command"][0] == "bash" and container(job)["command"][-2:] == ["seed=3", S3]
    assert container(job)["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert container(job)["image"] == IMAGE[1]
    assert job["spec"]["activeDeadlineSeconds"] == 1800
    assert "nvidia.com/gpu" not in container(job)["resources"]["limits"]
    pod = job["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["restartPolicy"] == "Never"


def test_a_sweep_is_one_indexed_job_whose_script_picks_the_point(documents, lab, tmp_path):
    ((points, job),) = documents("-m", "seed=0,1,2", "lr=0.5", S3, "launcher.workers=2")
    assert (job["spec"]["completionMode"], job["spec"]["completions"], job["spec"]["parallelism"]) == ("Indexed", 3, 2)
    volumes = {volume["name"]: volume for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert volumes["points"]["configMap"]["name"] == points["metadata"]["name"]
    (tmp_path / "run.sh").write_text(points["data"]["run.sh"])
    program(tmp_path / "python", 'printf "%s\\n" "$@"')
    program(tmp_path / "twin", "")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for index in range(3):
        said = subprocess.run(
            ["bash", tmp_path / "run.sh"],
            env={**environment, "JOB_COMPLETION_INDEX": str(index)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert said.replace("\\", "").splitlines() == ["train.py", f"seed={index}", "lr=0.5", S3]
    outside = subprocess.run(
        ["bash", tmp_path / "run.sh"], env={**environment, "JOB_COMPLETION_INDEX": "3"}, capture_output=True
    )
    assert outside.returncode == 64


def test_nodes_are_pods_that_find_the_first_one(documents):
    from twinlib.processes.place import place

    ((service, job),) = documents(*GPU, "strategy.nodes=2", "strategy.devices=4", S3)
    assert service["kind"] == "Service" and service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]
    name, spec = job["metadata"]["name"], job["spec"]
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert spec["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert container(job)["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert {"name": "shm", "mountPath": "/dev/shm"} in container(job)["volumeMounts"]
    found = {each["name"]: each.get("value", "1") for each in container(job)["env"]}
    second = place(found)
    assert (second.rank, second.size, second.local) == (1, 2, 0)
    assert second.address == (f"{name}-0.{service['metadata']['name']}", service["spec"]["ports"][0]["port"])


def test_each_point_on_several_nodes_is_a_job_of_its_own(documents):
    groups = documents("-m", *GPU, "strategy.nodes=2", "seed=0,1", S3)
    assert [[document["kind"] for document in group] for group in groups] == [["Service", "Job"]] * 2
    assert len({group[1]["metadata"]["name"] for group in groups}) == 2


def test_a_claim_brings_the_data_and_keeps_the_runs(documents):
    ((job,),) = documents(S3, "--claim", "lab")
    mounts = {mount["mountPath"]: mount for mount in container(job)["volumeMounts"]}
    assert mounts["/twin/data"] == {"name": "runs", "mountPath": "/twin/data", "subPath": "data", "readOnly": True}
    assert mounts["/twin/runs"]["subPath"] == "runs"


def test_keys_for_sftp_are_files_of_a_secret(documents):
    pytest.importorskip("sshfs", reason="SFTP needs: pip install 'twinlib[sftp]'")
    ((job,),) = documents("store.remote=sftp://me@127.0.0.1:1/runs", "--ssh", "lab-keys")
    volumes = {volume["name"]: volume for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert volumes["ssh"]["secret"] == {"secretName": "lab-keys", "defaultMode": 0o440}
    assert {"name": "ssh", "mountPath": "/home/twin/.ssh", "readOnly": True} in container(job)["volumeMounts"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((S3,), "--image is missing"),
        ((S3, *IMAGE, "--env-file", "x"), "--env-file: is for slurm"),
        (("store.remote=file:///shared", *IMAGE), "store.remote=file:///shared: pods do not see it"),
        (("store.remote=sftp://127.0.0.1:1/x", *IMAGE), "store.remote=sftp://127.0.0.1:1/x: pods need a key"),
        (("launcher=ray", S3, *IMAGE), "launcher=ray: is for sweeps"),
        (("-m", "seed=0,1", "launcher=ray", S3, *IMAGE), "launcher=ray: the machines of a Ray cluster share"),
    ],
)
def test_mistakes(lab, deploy, words, message, capsys):
    from twinlib.cli import twin

    assert twin.main(["deploy", "kubernetes", *words, "-o", "jobs"]) == 2
    assert message in capsys.readouterr().err
    assert not (lab.root / "jobs").exists()


def test_ray_runs_the_whole_sweep_on_a_cluster_of_its_own(deploy):
    """The definition of a RayJob is not among the schemas: its pods are checked, the rest is compared."""
    words = ("-m", "seed=0,1", "launcher=ray", "launcher.workers=3", *GPU, "strategy.devices=2", S3, "--claim", "lab")
    files, _ = deploy("kubernetes", *words, *IMAGE)
    ((points, job),) = [list(yaml.safe_load_all(text)) for text in files.values()]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    kubernetes_validate.validate(points, NEWEST, strict=True)
    assert job["spec"]["entrypoint"] == "bash /twin/points/run.sh"
    *_, entry = points["data"]["run.sh"].splitlines()
    assert entry.startswith("python train.py -m seed=0,1 ") and entry.endswith("launcher=ray launcher.address=auto")
    assert entry.count("launcher") == 2 and "store.remote=s3://bucket/runs" in entry.replace("\\", "")
    cluster = job["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    volumes = cluster["headGroupSpec"]["template"]["spec"]["volumes"]
    assert {"name": "points", "configMap": {"name": points["metadata"]["name"]}} in volumes
    assert workers["replicas"] == workers["minReplicas"] == workers["maxReplicas"] == 3
    for template in (cluster["headGroupSpec"]["template"], workers["template"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": template["spec"]}
        kubernetes_validate.validate(pod, NEWEST, strict=True)
        assert "command" not in template["spec"]["containers"][0]
    assert workers["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"


def test_ray_takes_a_search_whose_points_nobody_knows_yet(deploy):
    words = ("-m", "launcher=ray", "lr=interval(0.1,0.2)", "seed=0", S3, "--claim", "lab")
    files, said = deploy("kubernetes", *words, *IMAGE)
    ((points, _),) = [list(yaml.safe_load_all(text)) for text in files.values()]
    assert "'lr=interval(0.1,0.2)'" in points["data"]["run.sh"] and "kubectl apply -f jobs" in said


def test_more_points_than_a_manifest_takes_are_refused():
    with pytest.raises(UserError, match="deploy the sweep in parts"):
        script({"name": "x"}, ["0) set -- seed=0 ;;"] * 100_000)


def test_the_pod_has_no_command_where_somebody_else_says_what_starts():
    from twinlib.deploy.workload import Needs

    assert "command" not in Pod("x").spec(Needs(1, 1, False), None, [])["containers"][0]
