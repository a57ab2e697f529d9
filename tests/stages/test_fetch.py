import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import fsspec
import numpy as np
import pytest

from stages.fetch import fetch, without_secrets
from twinlib.errors import UserError

CONTENT = np.random.default_rng(0).bytes(12_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(importlib.import_module("stages.fetch"), "PAUSE", 0.0)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "to" / "file.bin"


def files(target):
    return sorted(file.name for file in target.parent.iterdir()) if target.parent.exists() else []


def start(url, target, sha256=SHA256):
    code = (
        f"from pathlib import Path; from stages.fetch import fetch; fetch({url!r}, {sha256!r}, Path({str(target)!r}))"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_file(tmp_path, target):
    source = tmp_path / "source.bin"
    source.write_bytes(CONTENT)
    fetch(source.as_uri(), SHA256, target)
    assert target.read_bytes() == CONTENT
    assert files(target) == ["file.bin"]
    target.unlink()
    fetch(str(source), SHA256, target)
    assert target.read_bytes() == CONTENT


def test_memory(target):
    with fsspec.open("memory://fetch/source.bin", "wb") as source:
        source.write(CONTENT)
    fetch("memory://fetch/source.bin", SHA256, target)
    assert target.read_bytes() == CONTENT


def test_file_of_an_installed_package(target):
    shipped = Path(importlib.util.find_spec("mlxtend").origin).parent / "data/data/iris.csv.gz"
    fetch("package://mlxtend/data/data/iris.csv.gz", hashlib.sha256(shipped.read_bytes()).hexdigest(), target)
    assert target.read_bytes() == shipped.read_bytes()


def test_a_package_is_found_without_importing_it(target):
    code = f"""
import sys
from pathlib import Path
from stages.fetch import fetch
try:
    fetch("package://mlxtend/data/data/iris.csv.gz", "{OTHER}", Path({str(target)!r}))
except Exception:
    pass
assert not any(name.startswith("mlxtend") for name in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


@pytest.mark.parametrize(
    "url", ["package://no_such_package/x", "package://mlxtend/no_such_file", "package://mlxtend/../numpy/version.py"]
)
def test_package_file_that_is_not_there(url, target):
    with pytest.raises(UserError, match="package"):
        fetch(url, SHA256, target)
    assert files(target) == []


def test_http_in_one_request(web, target):
    web.content = CONTENT
    fetch(web.url(), SHA256, target)
    assert target.read_bytes() == CONTENT
    assert web.requests == [""]


def test_a_target_with_the_right_hash_is_left_alone(web, target):
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    before = target.stat()
    fetch(web.url(), SHA256, target)
    assert web.requests == []
    assert target.stat().st_mtime_ns == before.st_mtime_ns


def test_a_target_with_another_hash_is_replaced(web, target):
    web.content = CONTENT
    target.parent.mkdir()
    target.write_bytes(b"of last year")
    fetch(web.url(), SHA256, target)
    assert target.read_bytes() == CONTENT


def test_a_break_in_the_middle_goes_on_from_there(web, target):
    web.content, web.break_after, web.breaks = CONTENT, 8_000_000, 1
    fetch(web.url(), SHA256, target)
    assert target.read_bytes() == CONTENT
    first, rest = web.requests
    assert first == ""
    assert 0 < int(rest.removeprefix("bytes=").removesuffix("-")) <= 8_000_000


def test_breaks_are_no_failure_as_long_as_bytes_arrive(web, target):
    web.content, web.break_after = CONTENT, 2_500_000
    fetch(web.url(), SHA256, target)
    assert target.read_bytes() == CONTENT
    assert len(web.requests) > 4


@pytest.mark.parametrize("says_ranges", [True, False])
def test_a_break_restarts_where_the_server_sends_whole_files_only(says_ranges, web, target):
    web.content, web.ranges, web.says_ranges = CONTENT, False, says_ranges
    web.break_after, web.breaks = 1_000_000, 1
    fetch(web.url(), SHA256, target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_always_breaks_leaves_what_arrived_for_the_next_call(web, target):
    web.content, web.ranges, web.break_after = CONTENT, False, 1_000_000
    with pytest.raises(UserError, match=r"bytes are kept, run it again to go on$"):
        fetch(web.url(), SHA256, target)
    (partial,) = files(target)
    assert partial.startswith(".file.bin.")
    web.ranges, web.break_after = True, None
    web.requests.clear()
    fetch(web.url(), SHA256, target)
    assert web.requests[0].startswith("bytes=")
    assert target.read_bytes() == CONTENT
    assert files(target) == ["file.bin"]


def test_a_killed_fetch_leaves_only_a_hidden_file_and_is_taken_up(web, target):
    web.content, web.stall_after = CONTENT, 1_000_000
    process = start(web.url(), target)
    wait_for(lambda: files(target) and (target.parent / files(target)[0]).stat().st_size > 500_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (partial,) = files(target)
    assert partial.startswith(".file.bin.")
    web.stall_after = None
    web.requests.clear()
    fetch(web.url(), SHA256, target)
    assert [request for request in web.requests if not request.startswith("bytes=")] == []
    assert target.read_bytes() == CONTENT
    assert files(target) == ["file.bin"]


def test_what_an_older_version_left_is_thrown_away(web, target):
    web.content, web.break_after = CONTENT[::-1], 1_000_000
    web.ranges = False
    with pytest.raises(UserError):
        fetch(web.url(), SHA256, target)
    web.content, web.break_after, web.ranges = CONTENT, None, True
    fetch(web.url(), SHA256, target)
    assert target.read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_nothing_kept(web, target):
    web.content = CONTENT
    with pytest.raises(UserError) as error:
        fetch(web.url(), OTHER, target)
    assert SHA256 in str(error.value)
    assert OTHER in str(error.value)
    assert files(target) == []


@pytest.mark.parametrize("sha256", [None, "", "abc", SHA256.upper(), 12])
def test_a_hash_must_be_pinned(sha256, web, target):
    with pytest.raises(UserError, match="sha256"):
        fetch(web.url(), sha256, target)
    assert web.requests == []


def test_processes_that_fetch_the_same_target_share_the_work(web, target):
    web.content, web.stall_after = CONTENT, 1_000_000
    processes = [start(web.url(), target) for _ in range(3)]
    wait_for(lambda: web.requests)
    time.sleep(0.5)  # the others come to wait; nothing fails when they are later
    web.stall_after = None
    web.over.set()
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert target.read_bytes() == CONTENT
    assert files(target) == ["file.bin"]
    assert web.requests.count("") == 1


def test_after_a_refusal_the_ones_that_waited_are_refused_too(web, target):
    web.content = CONTENT
    processes = [start(web.url(), target, OTHER) for _ in range(3)]
    assert [process.wait() for process in processes] == [1, 1, 1]
    assert files(target) == []


def test_password_in_the_url_is_used_and_not_said(web, target):
    web.content, web.password = CONTENT, "pa/ss@key5"
    url = web.url("file.bin?token=abcdef", user="me:pa%2Fss%40key5@")
    fetch(url, SHA256, target)
    assert target.read_bytes() == CONTENT
    target.unlink()
    messages = []
    for status, ours, sha256 in [(200, "pa/ss@key5", OTHER), (404, "", SHA256), (500, "", SHA256), (200, "x", SHA256)]:
        web.status, web.password = status, ours
        with pytest.raises(UserError) as error:
            fetch(url, sha256, target)
        messages.append(str(error.value))
        messages.append("".join(traceback.format_exception(error.value)))
    for message in messages:
        assert "key5" not in message
        assert "abcdef" not in message
        assert "me:" not in message
        assert f"http://{web.address}/file.bin" in message
    assert "404" in messages[2]
    assert "500" in messages[4]
    assert "401" in messages[6]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.b/c", "https://a.b/c"),
        ("https://me:secret@a.b/c", "https://a.b/c"),
        ("https://a.b/c?sig=secret&x=1", "https://a.b/c?…"),
        ("simplecache::https://me:secret@a.b/c", "simplecache::https://a.b/c"),
        ("404 of url='https://me:secret@a.b/c?secret' said", "404 of url='https://a.b/c?… said"),
    ],
)
def test_without_secrets(url, shown):
    assert without_secrets(url) == shown


@pytest.mark.parametrize("url", ["nosuch://host/file", "file:///no/such/file", "http://127.0.0.1:1/file"])
def test_a_url_that_cannot_be_read(url, target):
    with pytest.raises(UserError) as error:
        fetch(url, SHA256, target)
    assert str(error.value).startswith(url)
    assert "\n" not in str(error.value)
    assert not target.exists()


def test_a_folder_without_write_permission(web, target):
    if os.geteuid() == 0:
        target.parent.write_bytes(b"a file where the folder should be")
    else:
        target.parent.mkdir(mode=0o500)
    with pytest.raises(UserError, match=str(target)):
        fetch(web.url(), SHA256, target)
