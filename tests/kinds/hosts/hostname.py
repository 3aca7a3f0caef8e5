"""Hosts with a name: `called` in a case is what the kernel says, and hostname(1) changes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from agent.host import Answer
from tests.fakes import FakeHost, Node

LIVE = PurePosixPath("/proc/sys/kernel/hostname")


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    def rename(argv: tuple[str, ...], stdin: bytes) -> Answer:
        host.nodes[LIVE] = Node.file(f"{argv[1]}\n".encode())
        return Answer(0, "", "")

    host.nodes.setdefault(PurePosixPath("/etc"), Node.folder())
    host.nodes[LIVE] = Node.file(f"{case.get('called', 'debian')}\n".encode())
    host.commands["hostname"] = rename
