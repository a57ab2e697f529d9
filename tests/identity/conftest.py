"""A small project on which the tests try changes."""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from twinlib.identity import stat_cache
from twinlib.identity.fingerprint import Identity, identify

SETTLED_NS = 10_000_000  # a tick of the coarsest clock of a kernel

FILES = {
    "net/__init__.py": '''
        """The package."""

        from .layers import Dense

        VERSION = 1


        def __getattr__(name):
            from net import doors

            return getattr(doors, name)
    ''',
    "net/model.py": '''
        """The model."""

        from typing import TYPE_CHECKING

        import thirdparty

        import net.deep.inner as inner
        from net import Dense
        from net.bases import Base
        from net.blocks import block
        from net.decorators import twice
        from net.stars import *
        from spaces.part import portion

        from .relative import shift

        try:
            import fast_path
        except ImportError:
            fast_path = None

        if TYPE_CHECKING:
            from net.types_only import Array

        if __debug__:
            CHECKS = 1

        WIDTH = 3


        class Net(Base):
            """A network."""

            scale: "float" = 1.0

            @twice
            def forward(self, x, gain=2):
                from net.lazy import later

                assert gain > 0
                return inner.f(later(block(x) * gain * WIDTH))

            def data(self):
                import importlib

                return importlib.import_module("net.by_name")


        class Neighbour:
            """In the same file, and not used."""

            size = 5
    ''',
    "net/layers.py": "class Dense:\n    units = 8\n",
    "net/blocks.py": "from net import constants\n\n\ndef block(x):\n    return x * constants.SCALE\n",
    "net/constants.py": "SCALE = 1.5\n",
    "net/bases.py": "class Base:\n    bias = 0\n",
    "net/decorators.py": "def twice(function):\n    return lambda *args: 2 * function(*args)\n",
    "net/stars.py": "from net.sky import light\n\n__all__ = ['light']\n",
    "net/sky.py": "def light(x):\n    return x\n",
    "net/relative.py": "from . import steps\n\nshift = steps.STEP\n",
    "net/steps.py": "STEP = 4\n",
    "net/deep/__init__.py": "DEPTH = 1\n",
    "net/deep/inner.py": "def f(x):\n    return x + 1\n",
    "net/lazy.py": "def later(x):\n    return x - 1\n",
    "net/by_name.py": "NAME = 'by name'\n",
    "net/doors.py": "OPEN = True\n",
    "net/types_only.py": "Array = list\n",
    "net/registry.py": '''
        """Reaches plug-ins by names that stand in the config."""

        import importlib

        __code_deps__ = ["net.plugins", "tables/gain.csv"]


        def plugin(name):
            return importlib.import_module(f"net.plugins.{name}")
    ''',
    "net/plugins/__init__.py": "",
    "net/plugins/first.py": "GAIN = 1\n",
    "spaces/part.py": "def portion(x):\n    return x / 2\n",
    "solver/flux.f90": "end program\n",
    "tables/gain.csv": "1,2\n",
    "unused.py": "NOTHING = 0\n",
    "train.py": "print('training')\n",
    "data/images/1.png": "one",
    "data/images/2.png": "two",
    "data/images/same1.png": "the same",
    "data/images/same2.png": "the same",
    "data/labels.csv": "1,0\n2,1\n",
    "mesh.vtk": "points",
    "start.pt": "weights",
    "conf/config.yaml": """
        defaults:
          - optimizer: adam
          - _self_
        model:
          _target_: net.model.Net
          width: 3 # neurons
          dropout: [0.25, 0.5]
        lr: 1e-3
        seed: 0
        flag: 1
    """,
    "conf/optimizer/adam.yaml": "_target_: net.registry.plugin\neps: 1e-7\nname: first\n",
    "conf/optimizer/plain.yaml": "_target_: net.registry.plugin\nname: first\n",
    # Installed beside the project, not in it.
    "../site/thirdparty/__init__.py": "VALUE = 1\n",
    "../site/thirdparty-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n",
    "../site/thirdparty-1.0.dist-info/RECORD": "thirdparty/__init__.py,,\nthirdparty-1.0.dist-info/METADATA,,\n",
    "../site/bystander/__init__.py": "VALUE = 1\n",
    "../site/bystander-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: bystander\nVersion: 1.0\n",
    "../site/bystander-1.0.dist-info/RECORD": "bystander/__init__.py,,\nbystander-1.0.dist-info/METADATA,,\n",
}

CONFIG: dict[str, Any] = {
    "data": {"name": "digits", "path": "data"},
    "model": {"_target_": "net.model.Net", "width": 3, "dropout": [0.25, 0.5], "ratio": 0.001},
    "registry": {"_target_": "net.registry.plugin", "_partial_": True},
    "start": "start.pt",
    "strategy": {"name": "single", "accelerator": "cpu", "devices": 1, "nodes": 1, "precision": "32"},
    "tracking": {"csv": {"_target_": "net.unused.Csv"}},
    "store": {"path": "runs", "remote": None},
    "name": "digits/net",
    "lr": 0.001,
    "seed": 0,
    "workers": 1,
    "progress": True,
    "export": None,
    "code_deps": ["solver/"],
    "inputs": {"mesh": "mesh.vtk"},
}


class Scratch:
    """The project in `root`, what is installed in `site`, and a config. Every change is made through this."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "project"
        self.site = folder / "site"
        self.config: dict[str, Any] = OmegaConf.to_container(OmegaConf.create(CONFIG))  # type: ignore[assignment]
        self.monkeypatch = monkeypatch
        self.path = [entry for entry in sys.path if "site-packages" not in entry and Path(entry) != Path.cwd()]
        self.path.append(str(self.site))

    def identify(self, cold: bool = False) -> Identity:
        """With the project's own cache, or `cold` without any."""
        with self.monkeypatch.context() as patch, tempfile.TemporaryDirectory() as empty:
            patch.setattr(sys, "path", self.path)
            return identify(self.config, self.root, stat_cache.StatCache(Path(empty)) if cold else None)

    def compose(self, *overrides: str) -> None:
        """Take the config from `conf/`, through Hydra."""
        with initialize_config_dir(config_dir=str(self.root / "conf"), version_base="1.3"):
            config = compose("config", overrides=list(overrides))
        self.config = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]

    def set(self, key: str, value: Any) -> None:
        node = self.config
        *groups, name = key.split(".")
        for group in groups:
            node = node[group]
        node[name] = value

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert text.count(old) == 1, f"{old!r} is in {name} {text.count(old)} times"
        self.write(name, text.replace(old, new))

    def rename(self, old: str, new: str) -> None:
        (self.root / new).parent.mkdir(parents=True, exist_ok=True)
        (self.root / old).rename(self.root / new)

    def delete(self, name: str) -> None:
        path = self.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def link(self, name: str, target: str) -> None:
        path = self.root / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def keeping_times(self, name: str, change: Callable[[], object]) -> None:
        """Change a file and set its mtime back."""
        before = (self.root / name).stat()
        change()
        os.utime(self.root / name, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (self.root / name).stat().st_mtime_ns == before.st_mtime_ns

    def install(self, name: str, version: str, files: dict[str, str], direct_url: str | None = None) -> None:
        """Install a distribution, in place of an older one."""
        for old in self.site.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(old)
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        files = files | {f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
        if direct_url:
            files[f"{info}/direct_url.json"] = direct_url
        record = "".join(
            f"{file},sha256={hashlib.sha256(text.encode()).hexdigest()},\n" for file, text in files.items()
        )
        for file, text in (files | {f"{info}/RECORD": record}).items():
            self.write(f"../site/{file}", text)

    def settle(self) -> None:
        """Wait until all files are old enough for the cache to trust their stats."""
        time.sleep(2 * SETTLED_NS / 1e9)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scratch]:
    monkeypatch.setattr(stat_cache, "SETTLED_NS", SETTLED_NS)
    project = Scratch(tmp_path, monkeypatch)
    for name, text in FILES.items():
        lines = text.lstrip("\n").rstrip(" ").splitlines(keepends=True)
        indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
        project.write(name, "".join(line[indent:] if line.strip() else line for line in lines))
    yield project
