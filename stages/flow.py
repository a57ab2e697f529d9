"""Synthetic: steady flows around seeded obstacles in a channel, solved one by one, to an Arrow dataset."""

import hashlib
import json
import os
import signal
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from twinlib.data import arrow
from twinlib.data.schema import Schema
from twinlib.errors import UserError
from twinlib.flow import channel, lattice, walls
from twinlib.flow.channel import Unstable, Unsteady
from twinlib.flow.fields import FAMILIES, fields
from twinlib.flow.shapes import Room, arrangement, mask
from twinlib.flow.signed_distance import signed_distance
from twinlib.identity.syntax import read
from twinlib.launcher.devices import cores

INDEX = "index.json"  # of a folder of flows: which file is which sample of which split
CHUNK = 64  # flows in memory


@dataclass(frozen=True)
class Split:
    """What the flows of one split are drawn from."""

    flows: int
    families: Sequence[str]  # one of them for all obstacles of a flow
    obstacles: Sequence[int]  # fewest and most
    reynolds: Sequence[float]  # lowest and highest, evenly in the logarithm


@dataclass(frozen=True)
class Case:
    """One flow that is to be solved: all that determines it."""

    fluid: np.ndarray  # bool (rows, columns)
    family: int
    reynolds: float
    outflow: int
    u_max: float
    steps: int
    tolerance: float

    def name(self, code: str) -> str:
        """The file's: a hash of what the flow depends on, `code` being that of the solver."""
        numbers = {key: value for key, value in asdict(self).items() if key not in ("fluid", "family")}
        text = json.dumps([numbers, self.fluid.shape, code], sort_keys=True)
        return hashlib.sha256(text.encode() + np.packbits(self.fluid).tobytes()).hexdigest()[:32]


def solve(
    target: Path,
    *,
    rows: int,
    columns: int,
    outflow: int,
    u_max: float,
    steps: int,
    tolerance: float,
    seed: int,
    splits: Mapping[str, Mapping[str, Any]],
    processes: int | None = None,
) -> str:
    """Solve the flows that `target` does not hold yet, one file each; returns a line that says how many.

    The bytes do not depend on the number of processes, nor on how often the work was interrupted. A flow that does
    not become steady leaves a note of it in place of a file.

    Parameters
    ----------
    target
        Folder of the flows; what it has of other parameters stays.
    rows, columns
        Cells across the channel and along it.
    outflow, u_max, steps, tolerance
        See `twinlib.flow.channel.solve`.
    seed
        Flow n of a split depends on the seed, the split's name and n only.
    splits
        For each split the arguments of `Split`.
    processes
        As many as there are cores by default.

    Raises
    ------
    UserError
        A split is described wrongly, there is no room for its obstacles, or its Reynolds number is beyond the scheme.
    """
    cases = {}
    for split, about in splits.items():
        drawn = _split(split, about)
        channel.check(max(drawn.reynolds), rows, u_max)
        draw = partial(_case, drawn, split, seed, rows=rows, columns=columns)
        cases[split] = [
            draw(n, outflow=outflow, u_max=u_max, steps=steps, tolerance=tolerance) for n in range(drawn.flows)
        ]
    target.mkdir(parents=True, exist_ok=True)
    code = _code(channel.__file__, lattice.__file__, walls.__file__)
    names = {split: [case.name(code) for case in drawn] for split, drawn in cases.items()}
    wanted = {name: case for split in cases for name, case in zip(names[split], cases[split], strict=True)}
    missing = {name: case for name, case in wanted.items() if not _is_done(target, name)}
    _run(target, missing, cores() if processes is None else processes)
    for name in wanted:
        for draft in target.glob(f".{name}.*"):  # of a process that was killed
            draft.unlink(missing_ok=True)

    index = {
        split: [
            {"file": name, "family": FAMILIES[case.family], "reynolds": case.reynolds}
            for name, case in zip(names[split], cases[split], strict=True)
        ]
        for split in cases
    }
    _publish(target / INDEX, json.dumps(index, indent=1).encode())
    dropped = _dropped(target, index)
    return f"{target}: {len(wanted)} flows, {len(missing)} of them solved now; {_said(dropped)}"


def prepare(raw: Path, target: Path, *, license: str) -> Schema:
    """Write the Arrow dataset `target` from the flows that `solve` left in `raw`.

    Raises
    ------
    UserError
        A file is missing or damaged.
    """
    try:
        index = json.loads((raw / INDEX).read_text())
    except FileNotFoundError:
        raise UserError(f"{raw / INDEX} is missing; solve the flows first") from None
    dropped = _dropped(raw, index)
    kept = {split: [flow for flow in flows if not _note(raw, flow["file"]).exists()] for split, flows in index.items()}
    for split, flows in kept.items():
        if not flows:
            raise UserError(f"{raw}: no flow of {split} became steady; use lower Reynolds numbers or more steps")
    first = _read(_file(raw, kept["train"][0]["file"]))
    about = f"lattice Boltzmann solutions around seeded obstacles; {_said(dropped)}"
    return arrow.write(
        target,
        {split: _chunks(raw, flows) for split, flows in kept.items()},
        Schema(fields(*first["fluid"].shape), kind="synthetic", source=about, license=license),
    )


def _split(name: str, about: Mapping[str, Any]) -> Split:
    try:
        split = Split(**about)
    except TypeError as error:
        raise UserError(f"splits.{name}: {error}") from None
    for key in ("obstacles", "reynolds"):
        low, high = getattr(split, key)
        if not 0 < low <= high:
            raise UserError(f"splits.{name}.{key} is {list(getattr(split, key))}; give the lowest, then the highest")
    return split


def _case(split: Split, name: str, seed: int, number: int, *, rows: int, columns: int, **settings: Any) -> Case:
    """Flow `number` of a split; no two splits share a stream of random numbers, so none share a shape."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key, number)))
    family = split.families[int(rng.integers(len(split.families)))]
    count = int(rng.integers(split.obstacles[0], split.obstacles[1] + 1))
    low, high = np.log(split.reynolds)
    reynolds = float(np.exp(low + (high - low) * rng.random())) if high > low else float(split.reynolds[0])
    outlines = arrangement(rng, [family], count, Room(columns / rows))
    return Case(mask(outlines, rows, columns), FAMILIES.index(family), reynolds, **settings)


def _code(*files: str) -> str:
    """Hash of what source files say: their syntax, without comments and docstrings."""
    trees = [tree for file in files for part in read(Path(file).read_bytes(), False).parts for tree in part.trees]
    return hashlib.sha256("\n".join(trees).encode()).hexdigest()


def _run(target: Path, cases: Mapping[str, Case], processes: int) -> None:
    with tqdm(total=len(cases), unit="flow", desc=str(target), disable=None) as bar:
        if processes == 1 or len(cases) < 2:
            for name, case in cases.items():
                _solve(target, name, case)
                bar.update()
            return
        # Not forked: the parent may have threads.
        with ProcessPoolExecutor(
            min(processes, len(cases)), mp_context=get_context("spawn"), initializer=_leave_interrupts
        ) as pool:
            try:
                for done in as_completed([pool.submit(_solve, target, name, case) for name, case in cases.items()]):
                    done.result()
                    bar.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)  # those that have begun are finished
                raise


def _leave_interrupts() -> None:
    """To the parent, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _solve(target: Path, name: str, case: Case) -> None:
    try:
        flow = channel.solve(
            case.fluid,
            case.reynolds,
            u_max=case.u_max,
            outflow=case.outflow,
            steps=case.steps,
            tolerance=case.tolerance,
        )
    except (Unsteady, Unstable) as reason:
        _publish(_note(target, name), f"{reason}\n".encode())
        return
    draft = _draft(target, name)
    with draft.open("wb") as file:
        np.savez(
            file,
            fluid=case.fluid,
            velocity=flow.velocity.astype(np.float32),
            pressure=flow.pressure.astype(np.float32),
            drag=np.float32(flow.drag),
        )
    draft.replace(_file(target, name))


def _is_done(folder: Path, name: str) -> bool:
    if _note(folder, name).exists():
        return True
    try:
        _read(_file(folder, name))
    except UserError:
        return False
    return True


def _read(file: Path) -> dict[str, np.ndarray]:
    """The arrays of one flow; what was cut off or changed is found by the checksums in the file."""
    try:
        with file.open("rb") as stream, np.load(stream) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        raise UserError(f"{file} is missing; solve the flows again") from None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        raise UserError(f"{file} is damaged; solve the flows again, which mends it") from None


def _chunks(folder: Path, flows: Sequence[Mapping[str, Any]]) -> Iterator[arrow.Arrays]:
    for start in range(0, len(flows), CHUNK):
        part = flows[start : start + CHUNK]
        solved = [_read(_file(folder, flow["file"])) for flow in part]
        fluid = np.stack([flow["fluid"] for flow in solved])
        yield {
            "fluid": fluid[..., None].astype(np.float32),
            "sdf": np.stack([signed_distance(mask) for mask in fluid])[..., None],
            "velocity": np.stack([flow["velocity"] for flow in solved]),
            "pressure": np.stack([flow["pressure"] for flow in solved])[..., None],
            "reynolds": np.array([[flow["reynolds"]] for flow in part], np.float32),
            "drag": np.array([[flow["drag"]] for flow in solved], np.float32),
            "family": np.array([FAMILIES.index(flow["family"]) for flow in part], np.int64),
        }


def _dropped(folder: Path, index: Mapping[str, Sequence[Mapping[str, Any]]]) -> Counter[str]:
    return Counter(split for split, flows in index.items() for flow in flows if _note(folder, flow["file"]).exists())


def _said(dropped: Counter[str]) -> str:
    if not dropped:
        return "all became steady"
    return "dropped because they did not become steady: " + ", ".join(f"{split} {n}" for split, n in dropped.items())


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npz"


def _note(folder: Path, name: str) -> Path:
    return folder / f"{name}.dropped"


def _draft(folder: Path, name: str) -> Path:
    return folder / f".{name}.{os.getpid()}"


def _publish(file: Path, content: bytes) -> None:
    draft = _draft(file.parent, file.name)
    draft.write_bytes(content)
    draft.replace(file)
