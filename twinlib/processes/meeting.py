"""Where the processes of a run meet before any of them imports a framework: messages over TCP, one JSON text a line.

The first process opens the meeting, the others come to it. Who came keeps its connection as long as it lives, so that
each side learns at once that the other has ended.
"""

import ipaddress
import json
import os
import socket
import time
from contextlib import suppress
from typing import Any

from twinlib.errors import UserError

PATIENCE = 300.0  # seconds for all processes to come; a cold start from a shared file system may take minutes
HELLO = 30.0  # seconds for who came to say who it is
POLL = 0.2  # seconds between two attempts to reach the first process
LONGEST = 1 << 24  # bytes of a message
Message = dict[str, Any]


class Gone(Exception):
    """The other side of a connection has ended."""


class Line:
    """A connection to another process of the run."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a node that lost its power says nothing
        if hasattr(socket, "TCP_KEEPIDLE"):
            for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._connection = connection
        self._text = b""

    @property
    def host(self) -> str:
        """This side's address, as the other side can reach it."""
        return str(self._connection.getsockname()[0])

    @property
    def peer(self) -> str:
        """The other side's address."""
        return str(self._connection.getpeername()[0])

    def send(self, message: Message) -> None:
        """Raises Gone if nobody is there any more."""
        self._connection.settimeout(None)
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise Gone from error

    def receive(self, timeout: float | None) -> Message | None:
        """The next message; None if there is none within so many seconds. Raises Gone if there will be none."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._text:
            self._connection.settimeout(None if deadline is None else max(1e-3, deadline - time.monotonic()))
            try:
                received = self._connection.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise Gone from error
            if not received or len(self._text) > LONGEST:
                raise Gone
            self._text += received
        text, _, self._text = self._text.partition(b"\n")
        try:
            message = json.loads(text)
        except ValueError as error:  # not one of ours
            raise Gone from error
        if not isinstance(message, dict):
            raise Gone
        return message

    def close(self) -> None:
        self._connection.close()


class Meeting:
    """The meeting as its first process holds it.

    Parameters
    ----------
    address
        Host and port at which the others look for it.
    others
        How many will come.

    Raises
    ------
    UserError
        Something else listens at the port.
    """

    def __init__(self, address: tuple[str, int], others: int) -> None:
        self._address, self._others = address, others
        self._came: dict[int, tuple[Line, Message]] = {}
        host, port = address
        try:
            # A host may know itself by an address that others cannot reach: listen at all, or at the loopback only.
            self._listening = socket.create_server(
                ("127.0.0.1" if _is_loopback(host) else "", port), backlog=others + 128
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else error
            raise UserError(
                f"port {port} of this node, where the processes of the run would meet: {reason}; "
                "give another one: strategy.address=host:port"
            ) from error

    def gather(self, seconds: float = PATIENCE) -> dict[int, tuple[Line, Message]]:
        """The connection to each other process and what it says of itself, by rank; waits until all are there.

        Raises
        ------
        UserError
            Some did not come, or one says that it cannot take part.
        """
        deadline = time.monotonic() + seconds
        while len(self._came) < self._others:
            left = max(1e-3, deadline - time.monotonic())
            self._listening.settimeout(left)
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                missing = sorted(set(range(1, self._others + 1)) - self._came.keys())
                raise UserError(
                    f"waited {seconds:.0f} s at {_written(self._address)} for process "
                    f"{', '.join(map(str, missing))} of {self._others + 1}, which did not come; look at what it says"
                ) from None
            line = Line(connection)
            with suppress(Gone):
                hello = line.receive(min(left, HELLO))
                if hello is not None and isinstance(hello.get("rank"), int) and 0 < hello["rank"] <= self._others:
                    self._came[hello["rank"]] = line, hello
                    continue
            line.close()  # a stranger
        for rank, (_, hello) in sorted(self._came.items()):
            if "error" in hello:
                raise UserError(f"process {rank} of {self._others + 1} on {hello['host']}: {hello['error']}")
        return self._came

    def tell(self, message: Message) -> None:
        """Say something to all who came and are still there."""
        for line, _ in self._came.values():
            try:
                line.send(message)
            except Gone:
                continue

    def close(self) -> None:
        self._listening.close()
        for line, _ in self._came.values():
            line.close()


def come(address: tuple[str, int], hello: Message, seconds: float = PATIENCE) -> Line:
    """Come to the meeting at an address and say who this is; waits until it is open.

    Raises
    ------
    UserError
        Nobody holds it.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            line = Line(socket.create_connection(address, timeout=max(1.0, deadline - time.monotonic())))
            line.send(hello)
            return line
        except (OSError, Gone) as error:
            if time.monotonic() > deadline:
                raise UserError(
                    f"waited {seconds:.0f} s for the first process of the run at {_written(address)}: {error}; "
                    "look at what it says, or give its address: strategy.address=host:port"
                ) from error
            time.sleep(POLL)


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.create_server(("", 0)) as probe:
        return int(probe.getsockname()[1])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _written(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
