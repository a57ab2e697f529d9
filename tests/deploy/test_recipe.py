"""The recipe of the image cannot be built in a test: what it names is compared with the project."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from twinlib.deploy import kubernetes

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "deploy" / "Dockerfile").read_text()
STEPS = [
    line.split(None, 1)
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", RECIPE, flags=re.MULTILINE)).splitlines()
    if line.strip()
]
IGNORED = [
    line for line in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines() if line and line[0] != "#"
]


def values(instruction):
    return [rest for word, rest in STEPS if word == instruction]


def ignored(path):
    return any(fnmatch(part, pattern.removeprefix("**/")) for pattern in IGNORED for part in (path, Path(path).name))


def test_every_instruction_is_one_of_docker():
    assert {word for word, _ in STEPS} <= {"FROM", "RUN", "ARG", "ENV", "WORKDIR", "COPY", "USER", "CMD"}


def test_what_it_copies_is_there_and_not_ignored():
    sources = [word for rest in values("COPY") if "--from" not in rest for word in rest.split()[:-1]]
    assert sources == ["pyproject.toml", "requirements.lock", "README.md", "."]
    for source in sources:
        assert (ROOT / source).exists()
        assert source == "." or not ignored(source)


def test_a_run_finds_all_that_it_reads():
    for name in ("train.py", "conf", "experiments", "stages", "twinlib", "hydra_plugins", "dvc.yaml", "params.yaml"):
        assert (ROOT / name).exists() and not ignored(name)


def test_what_is_made_and_what_is_secret_stays_out():
    for line in (ROOT / ".gitignore").read_text().splitlines():
        name = line.strip("/")
        if name and not name.startswith("#"):
            assert ignored(name), f"{name}: git ignores it, the image would have it"
    for name in (".git", ".env", ".netrc", "keys.pem", "id_ed25519", ".dvc/config.local"):
        assert ignored(name), name


def test_it_installs_as_the_makefile_does():
    makefile = (ROOT / "Makefile").read_text()
    assert "--constraint requirements.lock --editable" in makefile
    (install, again) = [rest for rest in values("RUN") if "pip install" in rest]
    assert "--constraint requirements.lock --editable" in install
    assert "--no-deps --editable ." in again
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = [rest.partition("=")[2] for rest in values("ARG") if rest.startswith("EXTRAS=")]
    assert set(named.split(",")) <= set(extras)


def test_its_python_is_one_that_the_project_takes_and_the_same_in_both_halves():
    bases = {rest.removesuffix(" AS build") for rest in values("FROM")}
    assert len(bases) == 1
    assert re.match(r"PYTHON \?= python3\.11$", (ROOT / "Makefile").read_text().splitlines()[1])
    assert bases.pop().startswith("python:3.11-slim-")


def test_it_is_the_user_and_the_folder_that_the_manifests_name():
    assert values("USER") == [f"{kubernetes.USER}:{kubernetes.USER}"]
    assert set(values("WORKDIR")) == {kubernetes.PROJECT}
    assert f"HOME={kubernetes.HOME}" in values("ENV")[-1]
