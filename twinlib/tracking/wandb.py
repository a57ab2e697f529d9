"""A run for Weights & Biases: offline unless there is a key; never a question, never a wait for an account."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from twinlib.errors import UserError
from twinlib.tracking.tracker import RunInfo, one_line, warn

MODES = ("auto", "offline", "online")
Mode = Literal["online", "offline", "disabled"]
UPLOAD_SECONDS = 60  # longest wait for a server at the end of a run; `wandb sync` uploads what is left


class Wandb:
    """One wandb run; its id is the beginning of the fingerprint, as in the record's folder name.

    Offline runs are in `<folder>/wandb/`: `wandb leet` shows them, `wandb sync` uploads them.

    Parameters
    ----------
    project
        The wandb project.
    mode
        `auto`: online when there is a key for the server, offline otherwise; `offline`; `online`.
    folder
        Holds the `wandb` folder; relative to the project.
    """

    def __init__(self, project: str, mode: str, folder: str) -> None:
        if mode not in MODES:
            raise UserError(f"tracking.wandb.mode={mode}: choose one of {', '.join(MODES)}")
        self._project, self._mode, self._folder = project, mode, folder

    def start(self, run: RunInfo) -> None:
        # wandb reports its own errors over the network, offline too, unless it is told otherwise before its import.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        mode = choose_mode(self._mode)
        try:
            self._run = self._begin(run, mode)
        except Exception as error:
            if mode == "offline":
                raise
            # A cluster node may have the key and no way out; what is kept offline can be uploaded later.
            warn(f"tracking.wandb: {one_line(error)}; this run is logged offline")
            import wandb

            wandb.teardown()  # its service still holds the id of the run that could not begin
            self._run = self._begin(run, "offline")

    def _begin(self, run: RunInfo, mode: Mode) -> Any:
        import wandb

        folder = run.folder / self._folder
        folder.mkdir(parents=True, exist_ok=True)
        started = wandb.init(
            project=self._project,
            id=run.id,
            # The points of a sweep have one name, and are told apart as `twin compare` tells them apart.
            name=run.folder_name if run.group else run.name or run.label,
            group=run.group,
            job_type=run.job_type,
            config={**run.config, "fingerprint": run.fingerprint},
            dir=folder,
            mode=mode,
            reinit="create_new",  # never a run that somebody left open in this process
            settings=wandb.Settings(
                silent=True,
                console="off",
                save_code=False,
                disable_git=True,  # the address of a git remote can hold a token
                finish_timeout=UPLOAD_SECONDS,
                finish_timeout_raises=True,
            ),
        )
        started.define_metric("*", step_metric="epoch")
        if mode == "online":
            print(f"wandb: {started.url}", file=sys.stderr, flush=True)
        return started

    def epoch(self, row: Mapping[str, float]) -> None:
        self._run.log(dict(row), step=int(row["epoch"]))

    def finish(self, metrics: Mapping[str, float], pictures: Sequence[Path]) -> None:
        import wandb

        if pictures:
            self._run.log({path.stem: wandb.Image(str(path)) for path in pictures})
        self._run.summary.update(dict(metrics))
        self._run.finish()

    def prune(self) -> None:
        # wandb has no such state: the run is finished, and its tag can be filtered for.
        self._run.tags = ("pruned",)
        self._run.finish()

    def fail(self) -> None:
        self._run.finish(exit_code=1)


def choose_mode(wanted: str) -> Mode:
    """What to ask wandb for: `online`, `offline`, or `disabled` when the environment says so.

    `auto` is online when wandb itself would find a key without asking: in the environment, or in the netrc file for
    the server in use (`WANDB_BASE_URL`, or wandb's own). `online` without a key is offline too, and says so, since
    wandb would ask for one. `WANDB_MODE` decides before `auto` does.
    """
    named = os.environ.get("WANDB_MODE") if wanted == "auto" else wanted
    if named in ("offline", "disabled"):
        return cast(Mode, named)
    if _has_key():
        return "online"
    if wanted == "online":
        warn("tracking.wandb.mode=online needs a key (wandb login, or WANDB_API_KEY); this run is logged offline")
    return "offline"


def _has_key() -> bool:
    import wandb
    from wandb.errors import AuthenticationError
    from wandb.sdk.lib import wbauth

    # wandb's own search: a key it would not find leads to its prompt, a key only we would find to nothing.
    try:
        auth = wbauth.authenticate_session(
            host=wandb.setup().settings.base_url, source="twinlib", prompt=False, update_session=False
        )
    except AuthenticationError as error:
        warn(f"tracking.wandb: {one_line(error)}")
        return False
    return auth is not None
