"""A sweep that goes online as it runs, to a W&B-compatible server on this machine, and is found in its web pages.

The server, openwandb, brings some thirty packages: it gets an environment of its own, made once and kept in the user's
cache.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest

CONF = Path(__file__).parents[2] / "conf"
PACKAGES = Path(__file__).with_name("openwandb.txt")
COLORS = ("#f0b429", "#00cfe8")  # of the first and the second run on the server's page
CURVES = {"train_loss", "val_loss", "lr"}

DRAWN = """
const near = (data, at, color) => [1, 3, 5].every(
    (place, channel) => Math.abs(data[at + channel] - parseInt(color.slice(place, place + 2), 16)) < 24);
const count = (data, color) => data.reduce((sum, _, at) => sum + (at % 4 === 0 && near(data, at, color)), 0);
return Object.fromEntries([...document.querySelectorAll(".chart-box")].map((box) => {
    const canvas = box.querySelector("canvas");
    const title = box.querySelector("h4").textContent;
    if (!canvas) return [title, [[], [0]]];
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const lines = echarts.getInstanceByDom(box.querySelector(".chart-container")).getOption().series;
    return [title, [lines.map((line) => line.data), arguments[0].map((color) => count(data, color))]];
}));
"""

pytestmark = pytest.mark.slow


def wait_for(condition, what, seconds=30.0):
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, f"waited too long: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def python():
    """The Python of an environment that has the server, in the user's cache: the second time it is there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twinlib-tests"
    key = hashlib.sha256(PACKAGES.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = cache / f"openwandb-{key}"
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache))
        try:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", draft], check=True)
            pip = [sys.executable, "-m", "pip", "--python", draft / "bin/python", "--disable-pip-version-check"]
            install = ["install", "--quiet", "--retries=1", "--timeout=15", "--no-deps", "--requirement", PACKAGES]
            done = subprocess.run([*pip, *install], capture_output=True, text=True)
            if "from versions: none" in done.stderr:
                pytest.skip("no package index: pip cannot install openwandb, the server that this test logs to")
            assert done.returncode == 0, done.stderr
            try:
                draft.rename(home)
            except OSError:
                assert home.exists()  # another process was faster
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return home / "bin/python"


class Server:
    """A running server and one of its users."""

    def __init__(self, url):
        self.url = url
        self.user, self.password = "anna", secrets.token_hex(8)
        self._token = self.ask("/api/v2/auth/register", username=self.user, password=self.password)["token"]
        self.key = self.ask("/api/v2/settings/api-keys", name="tests")["api_key"]["key"]

    def ask(self, path, **body):
        """An answer of the server's API; with a body, to what it is told."""
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "_token"):
            headers["Authorization"] = f"Bearer {self._token}"
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=20) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def server(python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    log = folder / "log"
    keep = {key: value for key, value in os.environ.items() if not key.startswith("OPENWANDB_")}
    admin = {"OPENWANDB_ADMIN_PASS": secrets.token_hex(8)}
    command = [python, "-m", "openwandb", "serve", "--host=127.0.0.1", "--port=0", f"--data-dir={folder / 'data'}"]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env={**keep, **admin})
    try:
        wait_for(lambda: "Uvicorn running on" in log.read_text() or process.poll() is not None, "the server begins")
        assert process.poll() is None, log.read_text()
        yield Server(log.read_text().partition("Uvicorn running on ")[2].split()[0])
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def lab(lab):
    """The small project with twinlib's launchers, tracked by wandb as twinlib's own experiments are."""
    for group in ("launcher", "tracking"):
        shutil.copytree(CONF / group, lab.root / "conf" / group)
    config = lab.root / "conf" / "config.yaml"
    text = config.read_text().replace("launcher: {}\n", "").replace("tracking: {}\n", "")
    groups = "{launcher: local}, {tracking: [wandb]}, _self_, {override hydra/launcher: twin}"
    config.write_text(text.replace("schema, _self_", f"schema, {groups}, {{override hydra/sweeper: grid}}"))
    return lab


@pytest.fixture
def online(server, tmp_path, monkeypatch):
    """The key of a user of the server in the environment, and nothing else of wandb's."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG", "CACHE", "DATA", "ARTIFACT"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb" / name))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")  # `wandb sync` is not ours
    monkeypatch.setenv("NETRC", os.devnull)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.key)


@pytest.fixture
def sweep(lab, online):
    """What a sweep of two points has said."""
    code, out, err = lab.train("-m", "lr=0.01,0.02", "epochs=5", "launcher.workers=2")
    assert code == 0, out + err
    return out + err


@pytest.fixture
def runs(sweep, lab):
    """The history of each record, by the run's id."""
    histories = {folder.name[-12:]: pq.read_table(folder / "history.parquet").to_pydict() for folder in lab.records}
    assert len(histories) == 2
    return histories


def holds(folder, secret):
    """The files of a folder, hidden ones too, that hold a secret."""
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def curve_of(server, run, curve):
    """Epochs and values as the server has them."""
    points = server.ask(f"/api/v2/runs/{run}/metrics")["metrics_by_key"][curve]
    return [(point["step"], point["value"]) for point in points]


def drawn(browser):
    """Of the charts of a page, by title: the points of the lines, and how many pixels have each of the colours."""
    return browser.execute_script(DRAWN, COLORS)


def both_drawn(charts):
    """The charts, when the curves of two runs are seen in them."""
    # A line is two pixels wide, and its mark in the legend has less than 100.
    return charts if all(min(charts.get(curve, ([], [0]))[1]) > 200 for curve in CURVES) else None


def test_both_runs_of_a_sweep_are_in_the_dashboard(sweep, runs, server, lab, browser, tmp_path):
    # What the server has is what the records have, to the last digit, and it came with the user's key.
    for run, history in runs.items():
        for curve in CURVES:
            assert curve_of(server, run, curve) == list(zip(history["epoch"], history[curve], strict=True))
        files = json.dumps(server.ask(f"/api/v1/runs/{run}/files"))
        assert "learning_curve" in files
    (key,) = server.ask("/api/v2/settings/api-keys")["api_keys"]
    assert key["last_used"] is not None

    # As a person finds them: log in, the project, its runs, compare all of them.
    browser.get(server.url + "/login")
    browser.find_element("id", "loginUsername").send_keys(server.user)
    browser.find_element("id", "loginPassword").send_keys(server.password)
    browser.find_element("id", "loginBtn").click()
    wait_for(lambda: browser.find_elements("css selector", "a.project-card"), "the projects").pop().click()
    table = wait_for(lambda: browser.find_elements("css selector", "#runsTable"), "the runs").pop()
    wait_for(lambda: all(run in table.text for run in runs), "both runs")  # the page fades in
    seen = {row.text.split()[1]: row.text.split() for row in table.find_elements("css selector", "tr")}
    assert {run: (words[0], words[2]) for run, words in seen.items()} == {
        folder.name[-12:]: (folder.name, "finished") for folder in lab.records
    }
    browser.find_element("link text", "Compare Runs").click()
    wait_for(lambda: browser.find_elements("xpath", "//button[.='Select All']"), "the comparison").pop().click()
    charts = wait_for(lambda: both_drawn(drawn(browser)), "the curves")
    browser.save_screenshot(str(tmp_path / "dashboard.png"))
    for curve in CURVES:
        points, _ = charts[curve]
        expected = [[list(point) for point in zip(h["epoch"], h[curve], strict=True)] for h in runs.values()]
        assert sorted(points) == sorted(expected)
    assert [line["message"] for line in browser.get_log("browser") if "favicon" not in line["message"]] == []

    assert server.key not in sweep
    assert holds(lab.root, "lab.slope")  # what is there is found
    assert holds(tmp_path, server.key) == []


def test_what_was_tracked_offline_is_uploaded_by_wandb_sync(online, server, lab, tmp_path):
    code, out, err = lab.train("tracking.wandb.mode=offline", "lr=0.03")
    assert code == 0, out + err
    (folder,) = lab.records
    run, history = folder.name[-12:], pq.read_table(folder / "history.parquet").to_pydict()
    with pytest.raises(urllib.error.HTTPError):
        server.ask(f"/api/v2/runs/{run}")
    (kept,) = lab.root.glob("wandb/offline-run-*")
    done = subprocess.run([sys.executable, "-m", "wandb", "sync", kept], cwd=lab.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert curve_of(server, run, "val_loss") == list(zip(history["epoch"], history["val_loss"], strict=True))
    assert server.ask(f"/api/v2/runs/{run}")["run"]["state"] == "finished"
    assert server.key not in done.stdout + done.stderr
    assert holds(tmp_path, server.key) == []
