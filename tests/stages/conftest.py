"""A web server on this machine that can send parts of files, break off, stall and ask for a password."""

import base64
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class WebServer:
    """Serves `content` at any path; the attributes may change while it runs."""

    content: bytes = b""
    ranges: bool = True
    says_ranges: bool = True  # without it, whether the server can send parts shows only when asked
    break_after: int | None = None  # bytes after which a connection is cut
    breaks: int = 10**9  # how many connections are cut
    stall_after: int | None = None  # bytes after which it waits until the test ends
    password: str | None = None
    status: int = 200
    requests: list[str] = field(default_factory=list)  # the Range header of each GET
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "file.bin", user: str = "") -> str:
        return f"http://{user}{self.address}/{path}"


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._start()

        def do_GET(self) -> None:
            server.requests.append(self.headers.get("Range", ""))
            body = self._start()
            if server.break_after is not None and server.breaks > 0 and len(body) > server.break_after:
                server.breaks -= 1
                self.wfile.write(body[: server.break_after])
                self.close_connection = True
            elif server.stall_after is not None:
                self.wfile.write(body[: server.stall_after])
                self.wfile.flush()
                server.over.wait(60)
                self.close_connection = True
            else:
                self.wfile.write(body)

        def _start(self) -> bytes:
            wanted = "Basic " + base64.b64encode(f"me:{server.password}".encode()).decode()
            status, body = server.status, server.content
            if server.password and self.headers.get("Authorization") != wanted:
                status = 401
            if status != 200:
                body = b""
            part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if status == 200 and part and server.ranges:
                first, last = int(part[1]), int(part[2] or len(body) - 1)
                total, body, status = len(body), body[first : last + 1], 206 if first < len(body) else 416
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{total}")
            if server.says_ranges:
                self.send_header("Accept-Ranges", "bytes" if server.ranges else "none")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return body

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.address = f"127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.over.set()
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever proxy the machine names, this server is reached without it."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
