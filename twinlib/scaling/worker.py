"""The first process of a training that is measured: `python -m twinlib.scaling.worker job.json`. It keeps nothing."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache
from twinlib.processes.leader import Leader
from twinlib.processes.parent import die_with
from twinlib.processes.place import Place, Team, processes
from twinlib.scaling.clock import Clock
from twinlib.worker import train


def main(job_file: Path, parent: int) -> int:
    """Train as the job says, and write the times where it says."""
    die_with(parent)
    job = json.loads(job_file.read_text())
    config, root, clock = job["config"], Path.cwd(), Clock()
    try:
        team = Team(Place(), 1, processes(config))
        identity = identify(config, root, StatCache(root / ".twin"))
        kept = tempfile.TemporaryDirectory(prefix="twin-")
        with kept as folder, Leader(config, identity, root, team) as leader, leader.training(keeps=False):
            train(config, build(config["data"]), Path(folder), clock, None)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    Path(job["result"]).write_text(json.dumps([asdict(epoch) for epoch in clock.epochs]))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
