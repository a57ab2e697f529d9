"""`twin graph`: the pipeline with its state."""

from collections.abc import Sequence
from pathlib import Path

from twinlib import lookup
from twinlib.compare import pipeline
from twinlib.errors import UserError


def graph(words: Sequence[str], as_mermaid: bool, svg: str | None) -> None:
    """Print stages and experiments, or write them as a drawing."""
    if wrong := [word for word in words if "=" not in word]:
        raise UserError(f"{wrong[0]}: twin graph takes settings only, such as store.path=/shared/runs")
    nodes = pipeline.pipeline(lookup.project(), words)
    if not nodes:
        raise UserError("no stage in dvc.yaml and no file in experiments/: there is nothing to draw")
    if svg is not None:
        target = Path(svg)
        if not target.absolute().parent.is_dir():
            raise UserError(f"{target}: {target.parent} is no folder; make it first")
        target.write_text(pipeline.svg(nodes) + "\n")
        print(f"wrote {target}")
    elif as_mermaid:
        print(pipeline.mermaid(nodes), end="")
    else:
        print(pipeline.text(nodes))
