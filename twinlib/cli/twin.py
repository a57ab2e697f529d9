"""`twin`: look at runs, compare them with what is about to run, use them, share them."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from twinlib.errors import UserError

# Nothing heavy is imported here: `twin --help` answers at once. Each command imports what it needs.
RUN_HELP = """a record's folder or its name, the beginning of its name or hash, or an experiment
(mnist/cnn_keras), which may be followed by settings (lr=3e-4)"""

FILTER_HELP = "filters; and another store than that of conf/"


class Parser(argparse.ArgumentParser):
    """Mistakes are one line, as everywhere."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, or 2 after a mistake that the user can put right."""
    parser = _parser()
    args, rest = parser.parse_known_args(arguments)
    if rest and (args.command is None or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if args.command is None:
        parser.print_help()
        return 0
    # argparse takes no positional argument after an option, but settings are often written last.
    args.words += rest
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            _command(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `twin runs | head`
        sys.stderr.close()
    return 0


def _command(args: argparse.Namespace) -> None:
    if args.command == "runs":
        from twinlib.cli.runs import runs

        runs(args.words, args.json, args.sort, args.reverse)
    elif args.command == "show":
        from twinlib.cli.show import show

        show(args.words, args.json)
    elif args.command == "explain":
        from twinlib.cli.explain import explain

        explain(args.words, args.json)
    elif args.command == "compare":
        from twinlib.cli.compare import compare

        compare(args.words, args.json, args.output)
    elif args.command == "graph":
        from twinlib.cli.graph import graph

        graph(args.words, args.mermaid, args.svg)
    elif args.command == "tag":
        from twinlib.cli.tag import tag

        tag(args.words, args.json, args.delete)
    elif args.command == "gc":
        from twinlib.cli.gc import gc

        gc(args.words, args.json, args.yes)
    elif args.command == "deploy":
        from twinlib.cli.deploy import deploy

        deploy(args)
    elif args.command == "scaling":
        from twinlib.cli.scaling import scaling

        scaling(args.words, args.json, args.output)
    elif args.command == "predict":
        from twinlib.cli.predict import predict

        predict(args.words, args.output)
    else:
        from twinlib.cli.exchange import pull, push

        (push if args.command == "push" else pull)(args.words)


def _parser() -> Parser:
    parser = Parser(
        prog="twin",
        description="Look at the runs of a project, ask why one would run again, use a trained twin, share records.",
        epilog="Every command works in the project folder or below, and has its own --help with an example.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def add(name: str, usage: str, summary: str, text: str, words_help: str) -> Parser:
        command: Parser = commands.add_parser(
            name,
            usage=f"twin {name} {usage}",
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument("words", nargs="*", metavar="RUN" if "RUN" in usage else "KEY=VALUE", help=words_help)
        return command

    def add_json(command: Parser) -> None:
        command.add_argument("--json", action="store_true", help="the same as JSON")

    command = add(
        "runs",
        "[--json] [--sort KEY [--reverse]] [FILTER ...] [store.KEY=VALUE ...]",
        "list the runs that have a record, all or some, the latest last",
        "FILTER: KEY=VALUE, and so with != < <= > >=; all of them must hold. Quote < and > for the shell.\n"
        "KEY:    of the config (lr, model.dense, model=cnn, trainer=keras), metric.NAME, or one of\n"
        "        name, hash, created, seconds, host, objective; * and ? stand for any characters in a VALUE\n\n"
        "example:\n  twin runs\n  twin runs model=cnn 'lr<1e-3' 'metric.val_accuracy>0.9'\n"
        "  twin runs 'name=mnist/*' --sort metric.test_loss\n  twin runs store.path=/shared/runs --json",
        FILTER_HELP,
    )
    add_json(command)
    command.add_argument("--sort", metavar="KEY", help="the least value of this key first")
    command.add_argument("--reverse", action="store_true", help="the other way round")
    command = add(
        "show",
        "[--json] RUN [KEY=VALUE ...]",
        "show one run: identity, settings, metrics, files",
        "example:\n  twin show mnist/cnn_keras\n  twin show mnist/cnn_keras lr=3e-4\n  twin show 3f2a9c --json",
        RUN_HELP,
    )
    add_json(command)
    command = add(
        "explain",
        "[--json] [KEY=VALUE ...]",
        "say whether a run would be a hit, and if not what has changed",
        "A hit is served from its record. On a miss the nearest record is named, with each difference: the\n"
        "setting, the module, the data file or the package.\n\n"
        "example:\n  twin explain experiment=mnist/cnn_keras lr=3e-4\n\n"
        "prints something like\n  miss; nearest is runs/mnist-cnn-keras-lr=0.001-seed=0-3f2a9c41d07b\n"
        "  config: lr is 0.0003, was 0.001",
        "what would stand after `python train.py`",
    )
    add_json(command)
    command = add(
        "compare",
        "[--json] [-o PAGE.html] [SWEEP | RUN | FILTER ...] [store.KEY=VALUE ...]",
        "compare runs: a table, and a page for the browser",
        "Without words: all runs. SWEEP: its id, the beginning of it, or `last`. FILTER: as for twin runs.\n"
        "The page is one file that works offline: curves, parallel coordinates, importance of the settings,\n"
        "the difference of any two runs, pictures, the pipeline.\n\n"
        "example:\n  twin compare last -o compare.html\n  twin compare 'mnist/*'\n"
        "  twin compare model=cnn 'lr<1e-3' -o cnn.html",
        "sweeps; runs by folder, hash or tag; experiments (mnist/cnn_keras, 'mnist/*'); filters",
    )
    add_json(command)
    command.add_argument("-o", "--output", metavar="PAGE", help="write the page to this file")
    command = add(
        "graph",
        "[--mermaid | --svg FILE] [KEY=VALUE ...]",
        "show the pipeline: stages fresh or stale, experiments hit or miss",
        "A stage is stale when `dvc repro` would start it; an experiment is a hit when it would not be trained.\n\n"
        "example:\n  twin graph\n  twin graph --mermaid > pipeline.mmd\n  twin graph --svg pipeline.svg",
        "settings for all experiments, such as store.path=/shared/runs",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--mermaid", action="store_true", help="as a Mermaid flowchart")
    form.add_argument("--svg", metavar="FILE", help="as a drawing in this file")
    command = add(
        "predict",
        "RUN INPUT -o OUTPUT [KEY=VALUE ...]",
        "use a trained twin",
        "INPUT:  .npy .npz .png .csv .arrow: raw samples, as they are before any preprocessing\n"
        "OUTPUT: .npy (the array), .csv .json .parquet (one row a sample)\n\n"
        "example:\n  twin predict mnist/cnn_keras data/mnist/test.arrow -o predictions.csv\n"
        "  twin predict 3f2a9c digit.png -o digit.json",
        RUN_HELP + "; then the file with the samples",
    )
    command.add_argument("-o", "--output", required=True, metavar="OUTPUT", help="file for the predictions")
    command = add(
        "tag",
        "[--json] [NAME RUN [KEY=VALUE ...] | --delete NAME]",
        "give a run a name, which keeps it from twin gc",
        "Without words: all tags.\n\nexample:\n  twin tag paper mnist/cnn_keras\n  twin tag --delete paper",
        f"a name, then {RUN_HELP}",
    )
    add_json(command)
    command.add_argument("--delete", action="store_true", help="take a tag away; its run stays until twin gc")
    command = add(
        "gc",
        "[--json] [--yes] [store.KEY=VALUE ...]",
        "remove from the store what nobody refers to, after saying what",
        "Kept are the runs of all sweeps, of the experiments of this project as they are now, and those with a tag.\n"
        "What a living process works at is not touched. A store that several projects share: their experiments are\n"
        "not known here, so look at the list first. To forget a sweep, remove its folder in runs/.sweeps.\n\n"
        "example:\n  twin gc\n  twin gc --yes",
        "another store than that of conf/",
    )
    add_json(command)
    command.add_argument("--yes", action="store_true", help="remove it; else it is only listed")
    command = add(
        "scaling",
        "[--json] [-o PICTURE.png] strategy.devices=N,N,... [KEY=VALUE ...]",
        "measure how much faster a training gets with more devices",
        "A few epochs with each number of devices of this machine; nothing of it is kept. An epoch is taken apart:\n"
        "compute (what one device takes alone for its part), data (waiting for batches), communication (the rest of\n"
        "the training) and evaluation.\n\n"
        "example:\n  twin scaling experiment=mnist/cnn_lightning strategy.devices=1,2 -o scaling.png",
        "what would stand after `python train.py`",
    )
    add_json(command)
    command.add_argument("-o", "--output", metavar="PICTURE", help="draw it, too")
    command = add(
        "deploy",
        "kubernetes|slurm [-m] [KEY=VALUE ...] -o FOLDER [OPTION ...]",
        "write what runs experiments on a cluster",
        "Devices and nodes are those of strategy; strategy.accelerator=gpu asks for GPUs. -m: each point is a run;\n"
        "what a store has is left out. store.remote has to be set: it is how the results come back.\n"
        "kubernetes: a Job; with launcher=ray a RayJob. slurm: a batch script by the settings of launcher=slurm.\n\n"
        "example:\n  twin deploy slurm -m experiment=mnist/cnn_keras seed=0,1,2 launcher.partition=gpu -o jobs\n"
        "  twin deploy kubernetes experiment=mnist/cnn_keras store.remote=s3://bucket/runs --image lab/twin:1 -o jobs",
        "the kind of cluster, and what would stand after `python train.py`",
    )
    command.add_argument("-m", "--multirun", action="store_true", help="a sweep: each combination is a run")
    command.add_argument("-o", "--output", required=True, metavar="FOLDER", help="for what is written")
    command.add_argument("--cpus", type=int, metavar="N", help="of each node; default: one for each device")
    command.add_argument("--memory", metavar="SIZE", help="of each node: 16Gi for Kubernetes, 16G for Slurm")
    command.add_argument("--minutes", type=int, metavar="N", help="after which it is ended")
    command.add_argument("--image", metavar="NAME", help="kubernetes: built from deploy/Dockerfile")
    command.add_argument("--secret", metavar="NAME", help="kubernetes: a Secret with environment variables")
    command.add_argument("--ssh", metavar="NAME", help="kubernetes: a Secret with the files of ~/.ssh")
    command.add_argument("--claim", metavar="NAME", help="kubernetes: a volume claim with the folders data and runs")
    command.add_argument("--env-file", metavar="FILE", help="slurm: shell to run before each job: modules, keys")
    add(
        "push",
        "[RUN ...] [KEY=VALUE ...]",
        "send records to the remote store",
        "All records are sent, or those that are named. What is there already stays as it is.\n\n"
        "example:\n  twin push store.remote=s3://bucket/runs\n  twin push mnist/cnn_keras",
        RUN_HELP + "; and store.remote=URL where conf/ has none",
    )
    add(
        "pull",
        "[RUN ...] [KEY=VALUE ...]",
        "fetch records from the remote store",
        "All records are fetched, or those that are named; each file is checked before a record is seen.\n\n"
        "example:\n  twin pull store.remote=s3://bucket/runs\n  twin pull 3f2a9c41d07b\n"
        "  twin pull experiment=mnist/cnn_keras lr=3e-4",
        RUN_HELP + "; and store.remote=URL where conf/ has none",
    )
    return parser


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
