"""
Dies at a chosen line, or on and on until it is killed. Run as a program of its own: it forks and kills itself.

`sweep URL STATE`: for each line that a put and a push execute, a process that dies there, and then one that goes on.
`forever ACCESS STATE`: puts and pushes, numbering the reports, until SIGKILL.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.publish import Publisher

WATCHED = ("agent/git/publish.py", "agent/git/spool.py", "agent/git/chain.py", "agent/files.py")
START = datetime(2026, 1, 1, tzinfo=UTC)


def put(publisher: Publisher, number: int) -> None:
    files = {"status.json": b'{"n": %d}\n' % number}
    publisher.put(files, f"report {number}", START + timedelta(seconds=number))


def sweep(url: str, state: Path) -> None:
    """Print, for each line, whether the put had returned before the death."""
    for number in count(1):
        place = state / str(number)
        publisher = Publisher(Access(url=url), f"status/line-{number}", place)
        put(publisher, 1)
        publisher.push()
        died = _die_at(number, publisher, place / "acknowledged")
        acknowledged = (place / "acknowledged").exists()
        again = Publisher(Access(url=url), f"status/line-{number}", place)
        put(again, 3)
        again.push()
        print(json.dumps({"line": number, "acknowledged": acknowledged, "died": died}))
        if not died:
            return


def _die_at(number: int, publisher: Publisher, acknowledgement: Path) -> bool:
    """Put and push in a child that is killed before it executes its n-th line; return whether it was."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = number

    def watch(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return watch

    sys.settrace(watch)
    put(publisher, 2)
    acknowledgement.touch()
    publisher.push()
    os._exit(0)


def forever(access: Access, state: Path) -> None:
    """Note each number before it is put (so that none is used twice) and after it."""
    publisher = Publisher(access, "status/edge-01", state)
    begun, done = state / "begun", state / "done"
    for number in count(1 + max(map(int, begun.read_text().split()), default=0) if begun.exists() else 1):
        _note(begun, number)
        put(publisher, number)
        _note(done, number)
        with suppress(SourceError):
            publisher.push()


def _note(path: Path, number: int) -> None:
    """Append: a file that is written anew would be empty for a moment."""
    with path.open("a") as file:
        file.write(f"{number}\n")


if __name__ == "__main__":
    mode, target, folder = sys.argv[1:]
    if mode == "sweep":
        sweep(target, Path(folder))
    else:
        url, token, ca = json.loads(target)
        forever(Access(url=url, token_file=Path(token), ca_file=Path(ca)), Path(folder))
