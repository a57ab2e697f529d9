"""A newcomer's way: `make run` in a fresh copy, then every command of the README and the pages, in order.

The commands are those of the pages; data, epochs and the number of experiments are cut, as in full it takes a while.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<note>[^\n]*))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

# file, what stands there, what stands there in the copy
SMALLER = [
    ("params.yaml", r"splits: \{train: 3500, val: 500, test: 1000\}", "splits: {train: 700, val: 100, test: 200}"),
    ("params.yaml", r"times: \{train: 270, val: 40, test: 90\}", "times: {train: 10, val: 4, test: 12}"),
    ("params.yaml", r"2018-09-10 2018-09-16 #", "2018-09-13 2018-09-14 #"),
    ("params.yaml", r"      - 2013-11-07 2013-11-08 #.*\n      - 2005-08-27 2005-08-29 #.*\n", ""),
    ("params.yaml", r"flows: \d\d+", "flows: 8"),
    ("dvc.yaml", r"foreach: \[cnn_keras, cnn_lightning, linear_keras, ", "foreach: [cnn_keras, "),
    ("dvc.yaml", r"mnist: mnist/cnn_keras mnist/cnn_lightning mnist/linear_keras", "mnist: mnist/cnn_keras"),
    (
        "dvc.yaml",
        r"foreach: \[vgg_v1_keras, vgg_v1_lightning, residual_lightning, .*\]",
        "foreach: [residual_lightning]",
    ),
    ("dvc.yaml", r"cyclones: cyclones/.*", "cyclones: cyclones/residual_lightning"),
    ("dvc.yaml", r"foreach: \[fc3_lightning, .*\]", "foreach: [unet_gated_lightning]"),
    ("dvc.yaml", r"flow: flow/.*", "flow: flow/unet_gated_lightning"),
    ("dvc.yaml", r"foreach:\n( +- \w+\n)+", "foreach: [poisson_1d]\n"),
    ("dvc.yaml", r"equations: >-(\n +equations/.*)+", "equations: equations/poisson_1d"),
    ("experiments/mnist/*.yaml", r"epochs: 12", "epochs: 2"),
    ("experiments/cyclones/*.yaml", r"epochs: \d+", "epochs: 1"),
    ("conf/field/flow.yaml", r"epochs: \d+", "epochs: 1"),
    ("conf/field/equations.yaml", r"epochs: \d+", "epochs: 2"),
    ("experiments/equations/*.yaml", r"epochs: \d+", "epochs: 2"),
    ("benchmarks/equations.py", r"^SMALL = \{\n(?s:.*?)^\}", 'SMALL = {"poisson_1d": 1e-5, "inverse_springs": 1e-5}'),
]
# Those that the pipeline, cut as above, and the pages train. Each more costs every page and graph of the walk a tenth
# of a second; that each of them can be composed and trained is in test_experiments.py.
KEPT = re.compile(
    r"mnist/.*|cyclones/(vgg_v1_keras|vgg_v1_lightning|residual_lightning|unet_lightning)"
    r"|flow/(stream|unet|unet_gated)_lightning|equations/(poisson_1d|inverse_springs)"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("make") is None, reason="make is missing: apt-get install make"),
]


def run(command: str, folder: Path) -> str:
    """Run a command line as a newcomer's shell would; it has to succeed."""
    # Python keeps what it has compiled, which is what it does unless asked otherwise: 0.3 s for each process here.
    theirs = ("WANDB_", "PYTEST_", "HYDRA_", "PYTHONDONTWRITEBYTECODE")
    keep = {key: value for key, value in os.environ.items() if not key.startswith(theirs)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The environment is there already; to make it again is what `make run` on a bare machine does.
    command = command.replace("make run", "make --old-file=.venv/ready run")
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env={**keep, "PATH": path, "NETRC": os.devnull},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{command}\nexit code {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newcomer") / "twinlib"
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, folder / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    for pattern, old, new in SMALLER:
        texts = {file: file.read_text() for file in folder.glob(pattern)}
        cut = {file: re.sub(old, new, text, flags=re.MULTILINE) for file, text in texts.items()}
        assert cut != texts, f"{pattern}: nothing there is {old}"
        for file, text in cut.items():
            file.write_text(text)
    for file in (folder / "experiments").rglob("*.yaml"):
        if not KEPT.fullmatch(str(file.relative_to(folder / "experiments").with_suffix(""))):
            file.unlink()
    run("git init -q && git add -A && git -c user.name=n -c user.email=n@example.org commit -qm start", folder)
    return folder


def test_make_run_then_every_command_of_every_page(project):
    first = run("make run", project)
    assert "twin runs" in first
    assert "cached" not in first
    second = run("make run", project)
    assert "Data and pipelines are up to date." in second
    # DVC sees a changed file and starts all that depends on it; the fingerprints see a comment.
    with (project / "twinlib/errors.py").open("a") as file:
        file.write("# A comment.\n")
    third = run("make run", project)
    assert third.count("cached runs/") == third.count("Running stage 'train") > 0

    executed = []
    for page in PAGES:
        for block in BLOCK.finditer((ROOT / page).read_text()):
            note = block["note"] or ""
            if note.startswith("file="):
                target = project / note.removeprefix("file=")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block["text"])
            elif block["language"] == "python":
                (project / "page.py").write_text(block["text"])
                executed.append((page, block["text"], run("python page.py", project)))
            elif block["language"] == "bash" and note != "elsewhere":
                for command in block["text"].replace("\\\n", " ").splitlines():
                    if command.strip() in ("", "make run", "make test"):  # above; and the command that runs this test
                        continue
                    print(f"{page}: {command}", flush=True)
                    executed.append((page, command, run(command, project)))
    assert {page for page, _, _ in executed} >= {"README.md", "docs/own-experiment.md", "docs/identity.md"}
    said = {command: output for _, command, output in executed}
    assert "cached" in said["python train.py experiment=mine/mlp"]
    assert "model.width" in said["twin explain experiment=mine/mlp model.width=32"]


def test_commands_that_need_another_machine_say_so():
    """A block marked `elsewhere` is not run here; each has to name the server or cluster that it needs."""
    for page in PAGES:
        for block in BLOCK.finditer((ROOT / page).read_text()):
            if block["note"] == "elsewhere":
                assert re.search(r"https?://|sbatch|kubectl|login", block["text"]), f"{page}: {block['text']}"
