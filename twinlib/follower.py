"""A process that trains along with the worker of a run: `python -m twinlib.follower job.json parent`.

Started by `twinlib.processes`, with its rank in the environment. It keeps nothing; that it ends without an error says
that it computed the same run, from its beginning to its end.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from twinlib.loaded import require_unchanged

# isort: split
from twinlib.config.build import build
from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache
from twinlib.processes.parent import die_with
from twinlib.training.outcome import Silent
from twinlib.worker import checkpoints, train


def main(job_file: Path, parent: int) -> int:
    """Train as the job says; the exit code says how it went."""
    die_with(parent)
    job: dict[str, Any] = json.loads(job_file.read_text())
    config, root = json.loads(json.dumps(job["config"], sort_keys=True)), Path.cwd()
    try:
        _require(job["fingerprint"], config, root, "began")
        require_unchanged()
        folder = checkpoints(config, root, job["fingerprint"]) if job["keeps"] else None
        with tempfile.TemporaryDirectory(prefix="twin-") as kept:
            train(config, build(config["data"]), Path(kept), Silent(), folder)
        _require(job["fingerprint"], config, root, "was computed")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _require(fingerprint: str, config: dict[str, Any], root: Path, when: str) -> None:
    if identify(config, root, StatCache(root / ".twin")).fingerprint != fingerprint:
        raise UserError(f"code or data were changed while the run {when}; run the same command again")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
