"""`trued adopt`: writes a first layer from what is on this host. Touches only the folder that it is given."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent import kinds
from agent.adopting import Surveyed, documents, survey
from agent.cli.assemble import now
from agent.cli.screen import Screen
from agent.desired.folder import FolderTree
from agent.desired.load import load
from agent.errors import UsageError
from agent.host.facts import gather
from agent.host.local import Local
from agent.kinds import AnyKind
from agent.model import Blocked, Change, Held, Identity, Planned
from agent.reconcile.ledger import Ledger
from agent.reconcile.observe import Situation, observe
from agent.reconcile.order import ordered
from agent.reconcile.plan import make_plan
from agent.status.text import visible

HOST = "this-host"
STATE = Path("/var/lib/trued")
FLEET = f"hosts: [{HOST}]\nlayers: [layer]\n"
CHANGES = 2  # exit code: a plan for what was written is not empty, as with `trued plan`
NEXT = """\

Next: put the folder into the fleet repository, as hosts/<host>, read it through, and
  trued validate .
  git add --all && git commit && git push
then, on this host: trued plan"""

README = """\
What trued found on a host on {day}: packages that somebody chose, files of packages that somebody changed,
units that somebody added, users and groups. `trued plan` on that host is empty for it.
"""


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Write the layer, and say what was taken over, what was not, and whether a plan for it is empty."""
    if os.geteuid() != 0:
        raise UsageError(
            "not everything on this host can be read by this user", hint="run it as root, as with sudo"
        )
    known, host = kinds.discover(), Local(Path("/"), STATE)
    surveyed = tuple(survey(known, host.probe()))
    files = {path: data for one in surveyed for path, data in documents(one, known[one.kind])}
    left = _write(args.folder, files, known, host)
    if screen.json:
        screen.document(_answer(args.folder, surveyed, left))
    else:
        _say(args.folder, surveyed, left, screen)
    return CHANGES if left else 0


def _write(
    folder: Path, files: Mapping[str, bytes], known: Mapping[str, AnyKind], host: Local
) -> Sequence[Planned]:
    """Write the layer whole or not at all, and return what a plan for it would do. Raises UsageError, DocumentError."""
    if os.path.lexists(folder):
        raise UsageError(f"{folder}: is there already", hint="name a folder that is not there yet")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
            repository = Path(beside)
            (repository / "fleet.yaml").write_text(FLEET)
            for path, data in {"README.md": _readme(), **files}.items():
                target = repository / "layer" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            left = _planned(repository, known, host)
            (repository / "layer").rename(folder)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error
    return left


def _readme() -> bytes:
    return README.format(day=f"{now():%Y-%m-%d}").encode()


def _planned(repository: Path, known: Mapping[str, AnyKind], host: Local) -> Sequence[Planned]:
    identity = Identity(host=HOST, facts=gather())
    desired = ordered(load(FolderTree(repository), "", identity, known), known)
    observed = observe(desired, {}, known, host.probe())
    plan = make_plan(Situation(desired=desired, observed=observed, ledger=Ledger(), kinds=known))
    return plan.entries


def _answer(folder: Path, surveyed: Sequence[Surveyed], left: Sequence[Planned]) -> Mapping[str, object]:
    return {
        "folder": str(folder),
        "taken": {one.kind: [found.name for found in one.found] for one in surveyed},
        "skipped": {f"{one.kind}:{found.name}": found.skipped for one in surveyed for found in one.skipped},
        "errors": {one.kind: one.error for one in surveyed if one.error},
        "differs": {str(entry.id): _why(entry) for entry in left},
    }


def _say(folder: Path, surveyed: Sequence[Surveyed], left: Sequence[Planned], screen: Screen) -> None:
    screen.line(f"Wrote what is on this host to {visible(str(folder))}")
    for one in surveyed:
        if one.error:
            screen.note(f"trued: {one.kind}: nothing taken over: {visible(one.error)}")
        elif one.found:
            screen.line(f"  {one.kind:<12} {len(one.found)}")
        for found in one.skipped:
            screen.note(f"trued: {one.kind}:{visible(found.name)}: not taken over: {visible(found.skipped)}")
    for entry in left:
        screen.note(
            f"trued: {visible(str(entry.id))}: as written, it would be changed: {visible(_why(entry))}"
        )
    screen.line(NEXT)


def _why(entry: Planned) -> str:
    match entry:
        case Change():
            return entry.why
        case Blocked() | Held():
            return entry.reason
