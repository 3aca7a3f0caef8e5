"""
What an API server was asked to change, and by whom, as its audit log has it.

https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/. A line is written before the request is done: who has had an
answer finds its line in the log.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

CONTROLLERS: Final = "system:kube-controller-manager"
POLICY: Final = f"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted, ResponseComplete, Panic]
rules:
  - level: None
    verbs: [get, list, watch]
  - level: None
    users: [system:apiserver, {CONTROLLERS}]
  - level: Metadata
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A request that changes something, unless it is a dry run; or that was refused."""

    user: str
    agent: str  # User-Agent
    verb: str  # create, update, patch, delete, deletecollection
    uri: str

    @property
    def dry_run(self) -> bool:
        """Say whether it is one by its URI; a DELETE may say so in its body instead."""
        return "All" in parse_qs(urlsplit(self.uri).query).get("dryRun", [])

    @property
    def path(self) -> str:
        return urlsplit(self.uri).path


def position(log: Path) -> int:
    """Return where the log ends."""
    return log.stat().st_size if log.exists() else 0


def writes(log: Path, since: int) -> Sequence[Write]:
    """Return what has come in since then, oldest first."""
    with log.open("rb") as file:
        file.seek(since)
        return tuple(_write(line) for line in file)


def _write(line: bytes) -> Write:
    event = json.loads(line)
    return Write(
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        uri=event["requestURI"],
    )
