"""The commands that DVC runs: `python -m stages --help`."""

import argparse
import difflib
import importlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stages.fetch import fetch, without_secrets
from twinlib.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        parameters = _parameters(options.params, options.dataset)
        if options.command == "fetch":
            fetch_dataset(options.dataset, parameters)
        elif options.command == "prepare":
            prepare_dataset(options.dataset, parameters)
        else:
            run_stage(options.command, options.dataset, parameters)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def fetch_dataset(dataset: str, parameters: Mapping[str, Any]) -> None:
    """Fetch the files of a dataset into data/raw/DATASET/."""
    if "files" not in parameters:
        raise UserError(f"{dataset} has no files to fetch; its other stages make it")
    for name, file in parameters["files"].items():
        target = Path("data/raw", dataset, name)
        print(f"{target} from {without_secrets(file['url'])}", flush=True)
        fetch(file["url"], file.get("sha256"), target)


def prepare_dataset(dataset: str, parameters: Mapping[str, Any]) -> None:
    """Turn data/raw/DATASET/ into the Arrow files data/DATASET/."""
    # Imported by name: a new dataset changes no file that the stages of the others depend on.
    prepare = importlib.import_module(f"stages.{parameters.get('module', dataset)}").prepare
    raw, target, arguments = Path("data/raw", dataset), Path("data", dataset), parameters["prepare"]
    try:
        inspect.signature(prepare).bind(raw, target, **arguments)
    except TypeError as error:
        raise UserError(f"{dataset}.prepare: {error}") from None
    schema = prepare(raw, target, **arguments)
    sizes = ", ".join(f"{split} {size}" for split, size in schema.splits.items())
    print(f"{target}: {sizes} samples ({schema.kind})")


def run_stage(stage: str, dataset: str, parameters: Mapping[str, Any]) -> None:
    """Call the function of that name in the dataset's module with its parameters, as Paths where it says so."""
    name = f"stages.{parameters.get('module', dataset)}"
    function = getattr(importlib.import_module(name), stage, None) if stage in parameters else None
    if not inspect.isfunction(function) or stage.startswith("_"):
        raise UserError(f"{dataset} has no stage {stage}: a function in {name} and a section of params.yaml are needed")
    signature = inspect.signature(function)
    arguments = dict(parameters[stage])
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UserError(f"{dataset}.{stage}: {error}") from None
    for key, value in arguments.items():
        if signature.parameters[key].annotation is Path:
            arguments[key] = Path(value)
    print(function(**arguments))


def _parameters(file: Path, dataset: str) -> Mapping[str, Any]:
    if not file.is_file():
        raise UserError(f"{file} is missing; run this in the project folder or give --params")
    sections: Mapping[str, Mapping[str, Any]] = yaml.safe_load(file.read_text())
    if dataset not in sections:
        near = difflib.get_close_matches(dataset, sections, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(sections)}"
        raise UserError(f"{file} has no dataset {dataset}; {remedy}")
    return sections[dataset]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages",
        description="Get and prepare the datasets of params.yaml. `dvc repro` runs this for those in dvc.yaml.",
        epilog="example: python -m stages fetch fashion_mnist && python -m stages prepare fashion_mnist",
    )
    parser.add_argument(
        "command",
        metavar="COMMAND",
        help="fetch: its files into data/raw/DATASET; prepare: data/DATASET from those; or another stage of it, "
        "such as solve",
    )
    parser.add_argument("dataset", metavar="DATASET", help="a section of params.yaml, such as mnist")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
