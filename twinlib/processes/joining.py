"""A process of a run that is not the first: it asks that one what to do, and does it."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twinlib.errors import UserError
from twinlib.identity.fingerprint import identify
from twinlib.identity.stat_cache import StatCache
from twinlib.launcher.devices import cores, limits
from twinlib.processes.children import Children, Failure
from twinlib.processes.leader import DONE, ERROR, FAILED, POLL, RESULT, TRAIN, Broken, environments, job_of
from twinlib.processes.meeting import Gone, Line, come, free_port
from twinlib.processes.place import Team
from twinlib.run import Result, require_inputs


def join(config: Mapping[str, Any], root: Path, team: Team) -> Result:
    """Take part in a run, or hear its result if there is nothing to compute. No framework is imported here.

    Raises
    ------
    UserError
        The first process cannot be found, computes another run or has ended; or a process of this node has failed.
    """
    address = team.place.address
    assert address is not None
    hello: dict[str, Any] = {"rank": team.place.rank, "host": os.uname().nodename, "port": free_port()}
    try:
        require_inputs(config, root)
        identity = identify(config, root, StatCache(root / ".twin"))
    except UserError as error:
        come(address, {**hello, "error": str(error)}).close()
        raise
    hello["fingerprint"] = identity.fingerprint
    hello["identity"] = {key: value for key, value in identity.to_json().items() if key != "data_files"}
    line = come(address, hello)
    try:
        message = line.receive(None)
        assert message is not None
        if TRAIN in message:
            job = job_of(config, identity.fingerprint, message["keeps"])
            share = limits(max(1, cores() // team.each)) if team.each > 1 else {}
            told = {rank: share | own for rank, own in environments(team, message[TRAIN]).items()}
            children = Children(root, job, told)
            message = _look_after(children, line, team)
    except Gone:
        raise Broken(f"process 0 of {team.size} ended before the run was over; look at what it says") from None
    finally:
        line.close()
    if ERROR in message:
        raise UserError(message[ERROR])
    result = message[RESULT]
    return Result(Path(result["folder"]), result["metrics"], result["objective"], result["cached"])


def _look_after(children: Children, line: Line, team: Team) -> dict[str, Any]:
    """Wait for the children of this node and then for the result of the run."""
    told = False
    try:
        while True:
            message = line.receive(POLL)
            if message is not None:
                return message
            failure = children.failure
            if failure is not None:
                line.send({FAILED: failure.to_json()})
                raise Broken(_sentence(failure, team))
            if children.done and not told:
                told = True
                line.send({DONE: True})
    except Gone:
        time.sleep(POLL)
        failure = children.failure  # then the first process has ended because of it
        if failure is not None:
            raise Broken(_sentence(failure, team)) from None
        raise
    finally:
        children.end()


def _sentence(failure: Failure, team: Team) -> str:
    said = f": {failure.last_line}" if failure.last_line else ""
    return f"process {failure.rank} of {team.size} (on {failure.host}) {failure.how}{said}"
