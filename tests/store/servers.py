"""Servers on this machine for the tests of shared stores: OpenSSH, S3, and a line that breaks."""

import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

HOST = "127.0.0.1"


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


@contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """OpenSSH with a host key of its own, for the keys in `folder/authorized_keys`; gives its port."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no SSH server: apt-get install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # an empty folder, which its service would make
    make_key(folder / "host_key")
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": HOST,
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "Subsystem": "sftp internal-sftp",
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    log = (folder / "sshd.log").open("wb")
    with log, subprocess.Popen([program, "-D", "-e", "-f", folder / "sshd_config"], stderr=log) as server:
        try:
            wait_for(port, server)
            yield port
        finally:
            server.kill()


def make_key(path: Path) -> str:
    """A new pair of keys; gives the public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()


def ssh_home(home: Path, server: Path, *ports: int, alias: str = "shared") -> None:
    """A home folder whose user may log in to the server in the folder `server`, and knows its host key."""
    ssh = home / ".ssh"
    ssh.mkdir(parents=True)
    with (server / "authorized_keys").open("a") as file:
        file.write(make_key(ssh / "id_ed25519"))
    host_key = (server / "host_key.pub").read_text()
    (ssh / "known_hosts").write_text("".join(f"[{HOST}]:{port} {host_key}" for port in ports))


@contextmanager
def s3(folder: Path) -> Iterator[int]:
    """An S3 server that keeps everything in memory; gives its port."""
    pytest.importorskip("moto", reason="no S3 server: pip install 'moto[s3]' flask flask-cors")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    log = (folder / "s3.log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            wait_for(port, server)
            yield port
        finally:
            server.kill()


def make_bucket(port: int, name: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"http://{HOST}:{port}/{name}", method="PUT")).close()


def wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError):
            socket.create_connection((HOST, port), timeout=1).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"no server on port {port}")


class Line:
    """A way to a server that is cut for good when `left` bytes have been sent to it; None: never."""

    def __init__(self, server: int) -> None:
        self.left: int | None = None
        self._server = server
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((HOST, self._server)) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self.left is None or self.left > 0:
                # A line that is cut is cut for all, those that wait included.
                for source in select.select([client, server], [], [], 0.05)[0]:
                    chunk = source.recv(16384)
                    if not chunk:
                        return
                    if source is client and self.left is not None:
                        chunk = chunk[: max(0, self.left)]
                        self.left -= len(chunk)
                    (server if source is client else client).sendall(chunk)
