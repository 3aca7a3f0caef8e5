"""`trued validate`: checks a fleet repository's files as hosts would load them. Needs no host, Git or network."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent import kinds
from agent.cli.arguments import labels
from agent.cli.screen import Screen
from agent.desired.folder import FolderTree
from agent.desired.load import load
from agent.desired.look import check_all
from agent.errors import UsageError
from agent.host.facts import gather
from agent.model import Identity
from agent.status.text import visible

MOST_FACTS = 4 * 1024 * 1024  # bytes
FEW = 10  # host names in a line


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Say that all is well; raises DocumentError or RefusedError with what is not."""
    tree = tree_of(args.folder)
    facts, words = facts_of(args.facts), labels(args.label)
    if args.host:
        identity = Identity(host=args.host, labels=words, facts=facts)
        state = load(tree, "", identity, kinds.discover())
        count = sum(not resource.implied for resource in state.resources.values())
        answer: Mapping[str, object] = {"valid": True, "hosts": [args.host], "resources": count}
        said = f"{args.host} gets {count} resource{'s' * (count != 1)}"
    else:
        hosts = check_all(tree, kinds.discover(), facts, words)
        answer = {"valid": True, "hosts": list(hosts)}
        said = f"all layers; {_named(hosts)}"
    if screen.json:
        screen.document(answer)
    else:
        screen.line(f"{visible(str(args.folder))}: {screen.paint('green', 'valid')}: {visible(said)}")
    return 0


def _named(hosts: Sequence[str]) -> str:
    if not hosts:
        return "no host is named"
    more = f" and {len(hosts) - FEW} more" if len(hosts) > FEW else ""
    return f"hosts: {', '.join(hosts[:FEW])}{more}"


def tree_of(folder: Path) -> FolderTree:
    """Return the files of a repository; raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected the folder of a fleet repository")
    if not (folder / "fleet.yaml").exists():
        raise UsageError(
            f"{folder}: has no fleet.yaml", hint=f"to start a fleet repository: trued init {folder}"
        )
    return FolderTree(folder)


def facts_of(path: Path | None) -> Mapping[str, object]:
    """Return the facts in a file, or those of this machine; raises UsageError."""
    if path is None:
        return gather()
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(MOST_FACTS))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: expected facts as JSON: {type(error).__name__}") from error
    if isinstance(facts, dict) and isinstance(facts.get("facts"), dict) and "schema" in facts:
        facts = facts["facts"]  # a whole status.json
    if not isinstance(facts, dict):
        raise UsageError(f"{path}: expected facts as a JSON object, as under `facts` in a status.json")
    return facts
