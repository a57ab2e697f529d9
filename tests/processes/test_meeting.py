import socket
import threading
import time

import pytest

from twinlib.errors import UserError
from twinlib.processes.meeting import Gone, Line, Meeting, come, free_port


@pytest.fixture
def address():
    return "127.0.0.1", free_port()


def in_background(function, *arguments):
    found = []
    thread = threading.Thread(target=lambda: found.append(function(*arguments)))
    thread.start()

    def result():
        thread.join(20)
        return found[0]

    return result


def test_all_come_and_hear_and_are_heard(address):
    coming = [in_background(come, address, {"rank": rank, "host": f"node{rank}"}) for rank in (2, 1)]
    time.sleep(0.1)  # they wait for it to open
    meeting = Meeting(address, 2)
    came = meeting.gather(20)
    assert {rank: hello["host"] for rank, (_, hello) in came.items()} == {1: "node1", 2: "node2"}
    second, first = (result() for result in coming)
    meeting.tell({"text": "für alle\n", "numbers": [1.5] * 100_000})
    assert first.receive(20) == second.receive(20) == {"text": "für alle\n", "numbers": [1.5] * 100_000}
    assert first.receive(0.05) is None
    first.send({"a": 1})
    first.send({"b": 2})
    assert [came[1][0].receive(20) for _ in "ab"] == [{"a": 1}, {"b": 2}]
    second.close()
    with pytest.raises(Gone):
        came[2][0].receive(20)
    meeting.close()
    with pytest.raises(Gone):
        first.receive(20)
    first.close()


def test_who_did_not_come_is_named(address):
    meeting = Meeting(address, 3)
    line = come(address, {"rank": 2, "host": "b"})
    began = time.monotonic()
    with pytest.raises(UserError, match=r"waited 0 s at 127.0.0.1:\d+ for process 1, 3 of 4, which did not come"):
        meeting.gather(0.3)
    assert time.monotonic() - began < 5
    line.close()
    meeting.close()


def test_nobody_holds_it(address):
    with pytest.raises(UserError, match=r"waited 0 s for the first process of the run at 127.0.0.1:\d+: .*refused"):
        come(address, {"rank": 1}, 0.3)


def test_a_host_that_is_none():
    with pytest.raises(UserError, match=r"no\.such\.host\.invalid:1: .*; look at what it says, or give its address"):
        come(("no.such.host.invalid", 1), {"rank": 1}, 0.0)


def test_who_cannot_take_part_says_why(address):
    meeting = Meeting(address, 1)
    line = come(address, {"rank": 1, "host": "node1", "error": "data.path: data is missing"})
    with pytest.raises(UserError, match=r"process 1 of 2 on node1: data\.path: data is missing"):
        meeting.gather(20)
    line.close()
    meeting.close()


def test_a_port_that_is_taken():
    message = r"port \d+ of this node.*in use; give another one: strategy\.address"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match=message):
        Meeting(taken.getsockname(), 1)


def test_strangers_are_not_listened_to(address):
    meeting = Meeting(address, 1)
    for text in (b"GET / HTTP/1.1\r\n\r\n", b'{"rank": 7}\n', b'{"rank": "1"}\n', b"[1]\n", b""):
        with socket.create_connection(address) as stranger:
            stranger.sendall(text)
    line = come(address, {"rank": 1, "host": "node1"})
    assert list(meeting.gather(20)) == [1]
    line.close()
    meeting.close()


def test_a_message_without_end_is_none(address, monkeypatch):
    monkeypatch.setattr("twinlib.processes.meeting.LONGEST", 1000)
    with socket.create_server(address) as listening, socket.create_connection(address) as one:
        line = Line(listening.accept()[0])
        one.sendall(b"x" * 200_000)
        with pytest.raises(Gone):
            line.receive(20)
        line.close()
