"""The pipeline: DVC's stages, fresh or stale, and the experiments, hit or miss; as text, Mermaid, SVG."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from twinlib import lookup
from twinlib.errors import UserError

STAGE, EXPERIMENT = "stage", "experiment"
FRESH, STALE, HIT, MISS, RUNNING, UNKNOWN, WRONG = "fresh", "stale", "hit", "miss", "running", "unknown", "wrong"
SEARCH = "search"  # an experiment with a search space: many runs, none of which it refers to
# Blue and orange are told apart with any colour vision; the word stands in the box too.
_COLORS = {
    **dict.fromkeys((FRESH, HIT), ("#e6f1f8", "#0072b2")),
    **dict.fromkeys((STALE, MISS), ("#fdf0e3", "#c65300")),
    **dict.fromkeys((RUNNING, UNKNOWN, SEARCH), ("#f3f3f3", "#595959")),
    WRONG: ("#fbe9e9", "#a11d1d"),
}
_WIDTH, _HEIGHT, _RIGHT, _DOWN, _LONGEST = 204, 46, 248, 62, 30  # of a box and from one to the next, in pixels


@dataclass(frozen=True)
class Node:
    """A stage or an experiment; `after` has the keys of those that it needs, `note` what has changed or where it is."""

    kind: str
    name: str
    state: str
    note: str = ""
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.kind} {self.name}"


def pipeline(root: Path, overrides: Sequence[str] = ()) -> list[Node]:
    """All stages and experiments of a project, in an order in which they can run.

    Parameters
    ----------
    overrides
        Settings for all experiments, such as those of the store.
    """
    stages, commands = _stages(root)
    nodes = {node.key: node for node in stages}
    for name in lookup.experiments(root):
        node = _experiment(name, root, overrides, nodes)
        nodes[node.key] = node
        for stage in [f"{STAGE} {stage}" for stage, command in commands.items() if _runs(command, name)]:
            if stage in nodes:
                # The way from the data goes through the experiment.
                after = [key for key in nodes[stage].after if key not in node.after]
                nodes[stage] = replace(nodes[stage], after=(*after, node.key))
    return _ordered(nodes)


def text(nodes: Sequence[Node]) -> str:
    """One line for each, with what it needs and what has changed."""
    width = max((len(node.name) for node in nodes), default=0)
    lines = []
    for kind in (STAGE, EXPERIMENT):
        for node in (node for node in nodes if node.kind == kind):
            after = ", ".join(key.partition(" ")[2] for key in node.after)
            told = "  ".join(part for part in (after and f"after {after}", node.note) if part)
            lines.append(f"{kind:10}  {node.name:{width}}  {node.state:7}  {told}".rstrip())
    return "\n".join(lines)


def mermaid(nodes: Sequence[Node]) -> str:
    """A Mermaid flowchart, which GitHub and GitLab draw."""
    names = {node.key: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    for node in nodes:
        label = f"{_quoted(node.name)}<br/>{node.state}"
        box = f'(["{label}"])' if node.kind == EXPERIMENT else f'["{label}"]'
        lines.append(f"  {names[node.key]}{box}:::{node.state}")
    lines += [f"  {names[key]} --> {names[node.key]}" for node in nodes for key in node.after]
    used = sorted({node.state for node in nodes})
    lines += [f"  classDef {state} fill:{_COLORS[state][0]},stroke:{_COLORS[state][1]}" for state in used]
    return "\n".join(lines) + "\n"


def svg(nodes: Sequence[Node]) -> str:
    """A drawing from left to right; experiments have round ends. Every text in it is escaped."""
    places = _places(nodes)
    width = max((x for x, _ in places.values()), default=0) + _WIDTH + 16
    height = max((y for _, y in places.values()), default=0) + _HEIGHT + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="pipeline">'
    ]
    for node in nodes:
        for key in node.after:
            (x, y), (right, below) = places[key], places[node.key]
            start, end, half = x + _WIDTH, right, (right - x - _WIDTH) / 2
            parts.append(
                f'<path d="M{start} {y + _HEIGHT / 2}C{start + half} {y + _HEIGHT / 2} {end - half} '
                f'{below + _HEIGHT / 2} {end} {below + _HEIGHT / 2}" fill="none" stroke="#9aa3ad" stroke-width="1.3"/>'
            )
    for node in nodes:
        x, y = places[node.key]
        fill, stroke = _COLORS[node.state]
        shown = node.name if len(node.name) <= _LONGEST else "…" + node.name[1 - _LONGEST :]
        parts.append(
            f"<g><title>{escape(' '.join((node.name, node.state, node.note)).strip())}</title>"
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{22 if node.kind == EXPERIMENT else 5}" '
            f'fill="{fill}" stroke="{stroke}"/>'
            f'<text x="{x + _WIDTH / 2}" y="{y + 19}" text-anchor="middle" fill="#1c2733">{escape(shown)}</text>'
            f'<text x="{x + _WIDTH / 2}" y="{y + 36}" text-anchor="middle" style="fill:{stroke};font-weight:600">'
            f"{escape(node.state)}</text></g>"
        )
    return "".join(parts) + "</svg>"


def _stages(root: Path) -> tuple[list[Node], dict[str, str]]:
    """The stages as DVC sees them, and the command of each."""
    if not (root / "dvc.yaml").is_file():
        return [], {}
    after: dict[str, tuple[str, ...]] = {}
    try:
        after = _graph(_ask(root, "dag", "--dot"))
        asks = os.environ.get("DVC_STAGE")
        # DVC guards the outputs of the stage that it runs: a question about that one, or a later one, would fail.
        closed = _later(asks, after) if asks in after else set()
        named = sorted(after.keys() - closed) if closed else []
        changed = json.loads(_ask(root, "status", "--json", *named).strip().splitlines()[-1])
        said = {name: changed.get(name, []) for name in after if name not in closed}
    except (_NoAnswer, ValueError, IndexError) as error:
        print(f"not known of all stages, dvc failed: {error}", file=sys.stderr)
        said = {}
    return [_stage(name, keys, said.get(name)) for name, keys in after.items()], _commands(root)


def _graph(dot: str) -> dict[str, tuple[str, ...]]:
    """From DVC's drawing of the stages, the keys of those that each one needs."""
    after: dict[str, tuple[str, ...]] = {}
    for line in dot.splitlines():
        names = re.findall(r'"([^"]*)"', line)
        for name in names:
            after.setdefault(name, ())
        if len(names) == 2 and "->" in line:
            after[names[1]] += (f"{STAGE} {names[0]}",)
    return after


def _later(name: str | None, after: Mapping[str, tuple[str, ...]]) -> set[str | None]:
    """A stage and all that need it."""
    found = {name}
    while more := {other for other, keys in after.items() if any(f"{STAGE} {n}" in keys for n in found)} - found:
        found |= more
    return found


def _stage(name: str, after: tuple[str, ...], changed: Sequence[Any] | None) -> Node:
    if os.environ.get("DVC_STAGE") == name:  # the stage that asks
        return Node(STAGE, name, RUNNING, after=after)
    if changed is None:
        return Node(STAGE, name, UNKNOWN, "", after)
    if not changed:
        return Node(STAGE, name, FRESH, after=after)
    said = []
    for entry in changed:
        for what, paths in entry.items() if isinstance(entry, dict) else [(entry, ())]:
            said.append(f"{what}: {_few(paths)}" if paths else str(what))
    return Node(STAGE, name, STALE, "; ".join(said), after)


def _few(paths: Iterable[str]) -> str:
    paths = list(paths)
    return ", ".join(paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")


class _NoAnswer(Exception):
    pass


def _ask(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )
    if done.returncode:
        raise _NoAnswer((done.stderr.strip().splitlines() or ["it says nothing"])[-1])
    return done.stdout


def _commands(root: Path) -> dict[str, str]:
    import yaml

    commands: dict[str, str] = {}
    for name, stage in (yaml.safe_load((root / "dvc.yaml").read_text()).get("stages") or {}).items():
        if "foreach" not in stage:
            commands[name] = _joined(stage.get("cmd"))
        elif isinstance(stage["foreach"], list | dict):
            for item in stage["foreach"]:
                values = {"item": item} if isinstance(stage["foreach"], list) else {"key": item}
                command = _joined(stage["do"].get("cmd"))
                for word, value in values.items():
                    command = command.replace("${" + word + "}", str(value))
                commands[f"{name}@{item}"] = command
    return commands


def _joined(command: Any) -> str:
    return " && ".join(command) if isinstance(command, list) else str(command)


def _runs(command: str, experiment: str) -> bool:
    return re.search(rf"\bexperiment={re.escape(experiment)}(?![\w/.-])", command) is not None


def _experiment(name: str, root: Path, overrides: Sequence[str], stages: Mapping[str, Node]) -> Node:
    from twinlib.config.compose import compose
    from twinlib.run import stage_that_makes

    after: tuple[str, ...] = ()
    try:
        config = compose([f"experiment={name}", *overrides], root)
        paths = [path for path in [config["data"].get("path"), *config["inputs"].values()] if path]
        makers = dict.fromkeys(f"{STAGE} {stage_that_makes(path, root)}" for path in paths)
        after = tuple(key for key in makers if key in stages)
        if space := config["sweeper"].get("space"):
            note = f"{', '.join(space)}: python train.py -m experiment={name}"
            return Node(EXPERIMENT, name, SEARCH, note, after)
        run = lookup.identified(config, root)
    except UserError as error:
        return Node(EXPERIMENT, name, WRONG, str(error), after)
    if run.identity.doubts:
        return Node(EXPERIMENT, name, MISS, f"never a hit: {run.identity.doubts[0]}", after)
    record = run.store.find(run.identity.fingerprint, run.label)
    if record is None:
        return Node(EXPERIMENT, name, MISS, "", after)
    return Node(EXPERIMENT, name, HIT, record.folder.name, after)


def _ordered(nodes: Mapping[str, Node]) -> list[Node]:
    ranks = _ranks(nodes)
    return sorted(nodes.values(), key=lambda node: ranks[node.key])


def _ranks(nodes: Mapping[str, Node]) -> dict[str, int]:
    """The length of the longest way to each node."""
    ranks: dict[str, int] = {}

    def rank(key: str) -> int:
        if key not in ranks:
            ranks[key] = 0  # a circle, which DVC refuses, would end here
            ranks[key] = max((rank(other) + 1 for other in nodes[key].after if other in nodes), default=0)
        return ranks[key]

    for key in nodes:
        rank(key)
    return ranks


def _places(nodes: Sequence[Node]) -> dict[str, tuple[int, int]]:
    ranks = _ranks({node.key: node for node in nodes})
    columns: dict[int, list[Node]] = {}
    for node in nodes:
        columns.setdefault(ranks[node.key], []).append(node)
    tallest = max(map(len, columns.values()), default=0)
    places: dict[str, tuple[int, int]] = {}
    for rank in sorted(columns):
        # As high as what they need, on average: few lines cross.
        column = sorted(columns[rank], key=lambda node: _mean([places[k][1] for k in node.after if k in places]))
        top = 8 + (tallest - len(column)) * _DOWN // 2
        places |= {node.key: (8 + rank * _RIGHT, top + number * _DOWN) for number, node in enumerate(column)}
    return places


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def _quoted(text: str) -> str:
    return re.sub(r"[^\w ./@=,+-]", lambda found: f"#{ord(found[0])};", text)
