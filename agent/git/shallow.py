"""
Fetches into the shallow store, in a process of its own: what a whole tree takes is given back when it ends.

`bring` starts that process and waits; run as a program, this is that process. Nothing but the store is written.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from agent.errors import SourceError
from agent.files import make_private
from agent.git.address import Access
from agent.git.layers import Layers
from agent.git.limits import Limits
from agent.git.objects import Kind, parse_commit, parse_tag
from agent.git.remote import Remote, open_remote
from agent.git.snapshot import Shelf
from agent.git.stock import move_away
from agent.git.stored import DamagedError, Holding, Record, read

GRACE = 30.0  # seconds, beside the total time, in which the child may cut the store


def bring(access: Access, limits: Limits, folder: Path, want: str, held: str = "") -> None:
    """Have a child process bring the store up to a commit, and what tells if that descends from `held`; raises SourceError."""
    request = {
        "access": asdict(access), "limits": asdict(limits), "folder": str(folder), "want": want, "held": held,
    }  # fmt: skip
    environment = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        (sys.executable, "-m", "agent.git.shallow"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(json.dumps(request, default=str).encode(), limits.total + GRACE)
        except subprocess.TimeoutExpired as error:
            raise SourceError(f"{access.url}: gave up after {limits.total + GRACE:g} s in total") from error
        finally:
            _end(child)
    _answer(access, out, err, child.returncode)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child with all that it started, if it still runs."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)


def _answer(access: Access, out: bytes, err: bytes, code: int) -> None:
    try:
        said = json.loads(out)
    except ValueError:
        last = err.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise SourceError(f"{access.url}: the fetching process ended with {code}: {last[:300]}") from None
    if said["error"]:
        raise SourceError(said["error"], hint=said["hint"])


def main() -> None:
    """Read a request, serve it, say how that went."""
    request = json.load(sys.stdin)
    said = request["access"]
    access = Access(
        url=said["url"],
        username=said["username"],
        proxy=said["proxy"],
        token_file=_path(said["token_file"]),
        ssh_key=_path(said["ssh_key"]),
        known_hosts=_path(said["known_hosts"]),
        ca_file=_path(said["ca_file"]),
    )
    try:
        limits, folder = Limits(**request["limits"]), Path(request["folder"])
        serve(access, limits, folder, request["want"], request["held"])
        answer = {"error": "", "hint": ""}
    except SourceError as error:
        answer = {"error": str(error), "hint": error.hint}
    except OSError as error:
        answer = {"error": f"{error.filename or request['folder']}: {error.strerror}", "hint": ""}
    json.dump(answer, sys.stdout)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def serve(access: Access, limits: Limits, folder: Path, want: str, held: str = "") -> None:
    """Bring the store up to a commit, and what tells if that descends from `held`; raises SourceError, OSError."""
    with _alone(folder):
        remote = open_remote(access, limits)
        try:
            _update(remote, limits, folder, want, held)
        except DamagedError as error:
            move_away(folder, error)
            make_private(folder)
            _update(remote, limits, folder, want, held)
        finally:
            remote.close()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out of the store, and sweep what a killed one left; the kernel frees the lock."""
    make_private(folder)
    descriptor = os.open(
        folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob("*.tmp"):
            left.unlink()
        yield
    finally:
        os.close(descriptor)


def _update(remote: Remote, limits: Limits, folder: Path, want: str, held: str) -> None:
    with Layers(folder) as layers, Shelf(folder) as shelf:
        if layers.tip != want:
            if layers.tip and _add(remote, limits, layers, shelf, want):
                layers.add(shelf, tip=want)
            else:
                _anew(remote, layers, shelf, want)
    with Layers(folder) as layers:
        if held and _descends(layers.where, limits, want, held) is None:
            _prove(remote, layers, want, held)
    with Layers(folder) as layers:
        if layers.grown():
            layers.cut(limits.delta)


def _add(remote: Remote, limits: Limits, layers: Layers, shelf: Shelf, want: str) -> bool:
    """Fetch what is new; return whether it stands on what the store holds, which only then is whole."""
    remote.objects((want,), shelf, haves=(layers.tip,))

    def find(sha: str) -> tuple[Record, Holding] | None:
        return (record, shelf) if (record := shelf.find(sha)) else None

    return _descends(find, limits, want, layers.tip) is True


def _anew(remote: Remote, layers: Layers, shelf: Shelf, want: str) -> None:
    """Fetch one commit with all that is below it. Commits that came before are kept: they prove descent."""
    with Shelf(layers.folder) as new:
        _adopt_commits(new, shelf)
        remote.objects((want,), new, depth=1)
        layers.replace(new, tip=want)


def _prove(remote: Remote, layers: Layers, want: str, held: str) -> None:
    """Fetch the commits since `held`, for a store that began after it: one that was lost, or knew of no held commit."""
    with Shelf(layers.folder) as shelf, Shelf(layers.folder) as new:
        remote.objects((want,), shelf, haves=(held,))
        _adopt_commits(new, shelf)
        layers.add(new, tip=want)


def _adopt_commits(new: Shelf, shelf: Shelf) -> None:
    for sha, record in shelf.records.items():
        if record.kind in {Kind.COMMIT, Kind.TAG}:
            new.adopt(sha, record, shelf)


def _descends(
    find: Callable[[str], tuple[Record, Holding] | None], limits: Limits, want: str, base: str
) -> bool | None:
    """Return whether a commit is `base` or one of those after it; None where that cannot be told: some before it are missing."""
    waiting, seen, whole = [want], {want}, True
    for sha in waiting:  # which grows
        if sha == base:
            return True
        if (found := find(sha)) is None:
            whole = False
            continue
        record, holding = found
        before = _before(record.kind, read(holding, sha, record, limits.delta))
        waiting += [one for one in dict.fromkeys(before) if one not in seen]
        seen.update(before)
    return False if whole else None


def _before(kind: Kind, data: bytes) -> tuple[str, ...]:
    try:
        if kind is Kind.TAG:
            return (parse_tag(data),)
        return parse_commit(data).parents if kind is Kind.COMMIT else ()
    except ValueError as error:
        raise SourceError(f"the server sends a commit that is none: {error}") from error


if __name__ == "__main__":
    main()
