"""
Hosts with kernel parameters.

In a case `kernel` has their values by path below /proc/sys, `modes` those that are not 0644, and `takes` what the kernel
makes of a value that is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from agent.host import Answer
from agent.model import Mode
from tests.fakes import FakeHost, Node

PROC = PurePosixPath("/proc/sys")
SWAPPED = str.maketrans("./", "/.")


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    def put(path: PurePosixPath, text: str) -> None:
        mode = Mode.parse(case.get("modes", {}).get(str(path.relative_to(PROC)), "0644"))
        for above in path.parents:
            host.nodes.setdefault(above, Node.folder())
        host.nodes[path] = Node.file(text.encode(), mode=mode)

    def sysctl(argv: tuple[str, ...], stdin: bytes) -> Answer:
        assert ("sysctl", "-q", "-w") == argv[:3]
        for assignment in argv[3:]:
            name, _, value = assignment.partition("=")
            path = PROC / name.translate(SWAPPED)
            if path not in host.nodes:
                return Answer(1, "", f"sysctl: cannot stat {path}: No such file or directory")
            put(path, case.get("takes", {}).get(value, value) + "\n")
        return Answer(0, "", "")

    for path, text in case.get("kernel", {}).items():
        put(PROC / path, f"{text}\n")
    if case.get("folder", True):
        host.nodes.setdefault(PurePosixPath("/etc"), Node.folder())
        host.nodes.setdefault(PurePosixPath("/etc/sysctl.d"), Node.folder())
    host.commands["sysctl"] = sysctl
