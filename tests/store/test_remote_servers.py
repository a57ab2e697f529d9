"""Two machines that share a store over the network: their own folders, homes and keys, one server."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.store import servers
from twinlib.errors import UserError
from twinlib.store import remote
from twinlib.store.local import Store
from twinlib.store.record import RECORD, Record
from twinlib.store.remote import Unreachable

Publish = Any  # conftest.py
CONF = Path(__file__).parents[2] / "conf"
SECRET = "Vk7sQ2pXw9Lr4TzB"


@dataclass
class Shared:
    """A server: the URL of a store there, the same through a line that breaks, and what a machine has to do first."""

    url: str
    broken_url: str
    line: servers.Line
    log_in: Callable[[pytest.MonkeyPatch, str], None]

    def find(self, folder: Path, fingerprint: str) -> Record | None:
        return Store(folder, self.url).find(fingerprint, "digits")


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    pytest.importorskip("sshfs", reason="SFTP needs: pip install 'twinlib[sftp]'")
    folder = tmp_path_factory.mktemp("sftp")
    with servers.sshd(folder) as port, closing(servers.Line(port)) as line:
        for home in ("one", "two"):
            servers.ssh_home(folder / home, folder, port, line.port)

        def log_in(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
            monkeypatch.setenv("HOME", str(folder / home))
            monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

        path = folder / "disk" / "runs"
        yield Shared(f"sftp://127.0.0.1:{port}{path}", f"sftp://127.0.0.1:{line.port}{path}", line, log_in)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    pytest.importorskip("s3fs", reason="S3 needs: pip install 'twinlib[s3]'")
    with servers.s3(tmp_path_factory.mktemp("s3")) as port, closing(servers.Line(port)) as line:
        servers.make_bucket(port, "lab")

        def log_in(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", home)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{line.port}")
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        yield Shared("s3://lab/runs", "s3://lab/runs", line, log_in)


@pytest.fixture(params=["sftp", "s3"])
def shared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    server: Shared = request.getfixturevalue(request.param)
    server.log_in(monkeypatch, "one")
    yield server
    server.line.left = None


def content(record: Record) -> dict[str, bytes]:
    return {name: (record.folder / name).read_bytes() for name in [*record.files, RECORD]}


def test_each_machine_takes_what_the_other_computed(
    lab: Any, tmp_path: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = type(lab)(tmp_path / "other" / "lab")
    store = f"store.remote={shared.url}/lab"
    code, out, err = lab.train(store)
    assert code == 0 and lab.trainings == 1, out + err
    shared.log_in(monkeypatch, "two")
    code, out, err = other.train(store)
    assert code == 0 and out.startswith("cached") and other.trainings == 0, out + err
    code, out, err = other.train(store, "seed=7")
    assert code == 0 and other.trainings == 1, out + err
    shared.log_in(monkeypatch, "one")
    code, out, err = lab.train(store, "seed=7")
    assert code == 0 and out.startswith("cached") and lab.trainings == 1, out + err
    for folder in (lab.root, other.root):
        for path in folder.rglob("*"):
            assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.95])
def test_a_line_that_is_cut_in_a_push_leaves_nothing_half_visible(
    tmp_path: Path, shared: Shared, publish: Publish, part: float, capsys: Any
) -> None:
    fingerprint = os.urandom(32).hex()
    record = publish(Store(tmp_path / "here"), fingerprint=fingerprint, weights=os.urandom(200_000))
    here = Store(tmp_path / "here", shared.broken_url)
    shared.line.left = int(part * 200_000)
    with pytest.raises(Unreachable) as caught:
        here.push(record)
    assert SECRET not in str(caught.value)
    shared.line.left = None
    assert shared.find(tmp_path / "there", fingerprint) is None
    assert "damaged" not in capsys.readouterr().err
    here.push(record)
    found = shared.find(tmp_path / "there", fingerprint)
    assert found is not None and content(found) == content(record)


def test_a_connection_that_was_dropped_while_nobody_used_it_is_made_anew(
    tmp_path: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Store(tmp_path / "here", shared.broken_url)
    assert here.pull("0" * 64) is None
    shared.line.left = 0  # all connections end, as when a router forgets them during a long training
    time.sleep(0.3)
    shared.line.left = None
    monkeypatch.setattr(remote, "_IDLE", 0.1)
    assert here.pull("0" * 64) is None


def test_after_an_error_the_next_call_connects_anew(tmp_path: Path, shared: Shared) -> None:
    here = Store(tmp_path / "here", shared.broken_url)
    assert here.pull("0" * 64) is None
    shared.line.left = 0
    with pytest.raises(Unreachable):
        here.pull("0" * 64)
    shared.line.left = None
    assert here.pull("0" * 64) is None


def test_a_server_that_keeps_one_waiting_is_not_called_again_at_once(
    tmp_path: Path, sftp: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    sftp.log_in(monkeypatch, "one")
    monkeypatch.setattr(remote, "_PATIENCE", 0.0)  # so every error came too late
    here = Store(tmp_path / "here", "sftp://127.0.0.1:1/runs")
    with pytest.raises(Unreachable, match=r"refused|Connect"):
        here.pull("0" * 64)
    for _ in range(2):
        with pytest.raises(Unreachable, match="did not answer a moment ago"):
            here.pull("0" * 64)
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    with pytest.raises(Unreachable, match=r"refused|Connect"):
        here.pull("0" * 64)


def test_a_server_that_nobody_vouches_for_is_refused(
    tmp_path: Path, sftp: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    sftp.log_in(monkeypatch, "one")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").write_text("")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(Unreachable, match="Host key is not trusted"):
        Store(tmp_path / "here", sftp.url + "/stranger").pull("0" * 64)


def test_a_key_that_the_server_does_not_know_is_refused(
    tmp_path: Path, sftp: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    sftp.log_in(monkeypatch, "one")
    home, known = tmp_path / "home", Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").write_text(known.read_text())
    servers.make_key(home / ".ssh" / "id_ed25519")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(Unreachable, match="Permission denied") as caught:
        Store(tmp_path / "here", sftp.url.replace("//", f"//{os.environ.get('USER', 'root')}:{SECRET}@")).pull("0" * 64)
    assert SECRET not in str(caught.value)


def test_a_misspelt_bucket_is_not_made(
    tmp_path: Path, s3: Shared, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.log_in(monkeypatch, "one")
    record = publish(Store(tmp_path / "here"))
    with pytest.raises(Unreachable, match="bucket"):
        Store(tmp_path / "here", "s3://labb/runs").push(record)


@pytest.mark.parametrize(("package", "url", "extra"), [("sshfs", "sftp://h/x", "sftp"), ("s3fs", "s3://b/x", "s3")])
def test_a_package_that_is_missing_is_named(tmp_path: Path, package: str, url: str, extra: str) -> None:
    program = f"""
import sys
sys.modules[{package!r}] = None
from pathlib import Path
from twinlib.store.local import Store
Store(Path({str(tmp_path)!r}), {url!r}).pull("0" * 64)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert UserError.__name__ in last and f"pip install 'twinlib[{extra}]'" in last, done.stderr


def test_a_password_in_the_url_is_refused_before_anything_is_written(lab: Any) -> None:
    shutil.copytree(CONF / "launcher", lab.root / "conf" / "launcher")
    launched = ("+launcher=local", "hydra/launcher=twin", "hydra/sweeper=grid", "seed=1,2")
    for how in ((), ("-m", *launched)):
        code, out, err = lab.train(*how, f"store.remote=sftp://anna:{SECRET}@host/runs")
        assert code == 2 and SECRET not in out + err
        assert err.startswith("error: store.remote: ") and "password" in err
    assert lab.trainings == 0
    for path in lab.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
