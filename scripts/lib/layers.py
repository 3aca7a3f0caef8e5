"""
Runs the tests layer by layer, and says at the end how each went.

A test belongs to the first layer whose marker it carries (tests/conftest.py sets those of whole folders), so every
test is in exactly one, and no list is kept by hand.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

TOP = Path(__file__).parents[2]
# Debian keeps its servers in sbin, which is not on everybody's path.
SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
NOTHING_COLLECTED = 5  # pytest's exit code


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Tests that are run together. An empty `marker` stands for all that carry none of the others."""

    name: str
    marker: str
    at_once: int  # tests that may run at the same time
    root: bool = False
    tools: tuple[str, ...] = ()
    prepare: str = ""  # a module that makes what takes longer than a test may
    ahead: bool = False  # that takes minutes: it begins with the whole run, behind the other layers
    alone: bool = False  # no two tests share more than what is made for a whole run

    def lacks(self) -> str:
        """Return why this layer cannot be run here, or nothing."""
        if self.root and os.geteuid() != 0:
            return "needs root"
        missing = [tool for tool in self.tools if not shutil.which(tool, path=SYSTEM_PATH)]
        return f"needs {', '.join(missing)}" if missing else ""


SERVERS = ("git", "nginx", "fcgiwrap", "sshd", "openssl")
MACHINES = (
    "systemd-nspawn",
    "mmdebstrap",
    "apt-ftparchive",
    "dpkg-deb",
    "gpg",
    "xfs_io",
    "mkfs.xfs",
    "ip",
    *SERVERS,
)
ENGINES = (
    "dockerd", "containerd", "runc", "podman", "docker-registry", "docker-compose", "iptables", "ip", "busybox",
    "htpasswd", "openssl", "git",
)  # fmt: skip
KUBE = ("apt-get", "make", "rsync", "openssl", "git")
# The first marker wins; run in the opposite order, so that the quick ones speak first.
LAYERS = (
    Layer(name="demo", marker="demo", at_once=1, tools=("git",)),
    Layer(name="kube", marker="kube", at_once=3, tools=KUBE, prepare="tests.kube", ahead=True, alone=True),
    Layer(
        name="machine",
        marker="machine",
        at_once=4,  # most of the time they wait: for a boot, for an interval
        root=True,
        tools=MACHINES,
        prepare="tests.host.machine",
        alone=True,
    ),
    Layer(name="engine", marker="engine", at_once=3, root=True, tools=ENGINES, alone=True),
    Layer(name="slow", marker="slow", at_once=2),
    Layer(name="e2e", marker="e2e", at_once=2),
    Layer(name="root", marker="root", at_once=1, root=True),
    Layer(name="servers", marker="servers", at_once=3, tools=SERVERS),
    Layer(name="unit", marker="", at_once=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How one layer went."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    left_out: str = ""

    def line(self, name: str) -> str:
        if self.left_out:
            return f"{name:<8} left out: {self.left_out}"
        counts = f"{self.passed:>4} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{name:<8} {counts}, {self.seconds:.0f} s"


@dataclass(frozen=True, slots=True)
class Preparation:
    """What makes things for a layer whose turn has not come yet: it yields to all else, and says nothing meanwhile."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]

    @classmethod
    def begin(cls, layer: Layer) -> Preparation:
        said = tempfile.TemporaryFile()  # noqa: SIM115 - open until `end`
        argv = ("nice", "-n", "19", sys.executable, "-m", layer.prepare)
        process = subprocess.Popen(
            argv,
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return cls(process, said)

    def finish(self) -> None:
        """Wait for it; show what it has said."""
        self.process.wait()
        self.said.seek(0)
        print(self.said.read().decode(errors="replace"), end="", flush=True)

    def end(self) -> None:
        """End it, with what it has started, where its turn does not come any more."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()
        self.said.close()


def expression(layer: Layer) -> str:
    """Return pytest's marker expression for the tests of this layer and of no earlier one."""
    earlier = [f"not {other.marker}" for other in LAYERS[: LAYERS.index(layer)]]
    return " and ".join([*([layer.marker] if layer.marker else []), *earlier])


def run_check() -> Tally:
    """Run scripts/check as one test."""
    started = time.monotonic()
    code = subprocess.run([TOP / "scripts/check"], check=False).returncode
    return Tally(passed=int(code == 0), failed=int(code != 0), seconds=time.monotonic() - started)


def run_layer(layer: Layer, *, strict: bool, begun: Preparation | None = None) -> Tally:
    """
    Run one layer; with `strict` a test that is skipped, or a layer that can't be run, has failed.

    `begun`: its preparation, if that is at work already.
    """
    print(f"\n== {layer.name} ==", flush=True)
    if reason := layer.lacks():
        return Tally(left_out=reason, failed=int(strict))
    started = time.monotonic()
    # If it fails, the tests do too, and say why.
    if begun:
        begun.finish()
    elif layer.prepare:
        subprocess.run((sys.executable, "-m", layer.prepare), check=False, cwd=TOP)
    with tempfile.TemporaryDirectory() as scratch:
        record = Path(scratch, "record.xml")
        options = ["-q", "-m", expression(layer), f"--junitxml={record}"]
        if layer.at_once > 1:
            options += ["-n", str(layer.at_once), "--dist", "worksteal" if layer.alone else "loadfile"]
        argv = (sys.executable, "-m", "pytest", *options)
        code = subprocess.run(argv, check=False, cwd=TOP).returncode
        tally = read_record(record, time.monotonic() - started) if record.exists() else Tally(failed=1)
    if strict and tally.skipped:
        print(f"{tally.skipped} tests were skipped, and CI=true leaves nothing out")
        tally = Tally(passed=tally.passed, failed=tally.failed + tally.skipped, seconds=tally.seconds)
    # pytest also fails for what is no test: a file that cannot be imported, an internal error.
    if code not in (0, NOTHING_COLLECTED) and not tally.failed:
        return Tally(passed=tally.passed, failed=1, skipped=tally.skipped, seconds=tally.seconds)
    return tally


def read_record(record: Path, seconds: float) -> Tally:
    """Return what pytest's JUnit file counts."""
    suites = ET.parse(record).getroot().iter("testsuite")
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in suites:
        counts = {key: value + int(suite.get(key, "0")) for key, value in counts.items()}
    failed = counts["failures"] + counts["errors"]
    passed = max(0, counts["tests"] - failed - counts["skipped"])
    return Tally(passed=passed, failed=failed, skipped=counts["skipped"], seconds=seconds)


def main(names: Sequence[str]) -> int:
    known = {layer.name: layer for layer in LAYERS[::-1]}
    if unknown := set(names) - {"check", *known}:
        print(f"no layer {', '.join(sorted(unknown))}; there are check, {', '.join(known)}", file=sys.stderr)
        return 64
    strict = os.environ.get("CI") == "true"
    chosen = {name: layer for name, layer in known.items() if not names or name in names}
    tallies: dict[str, Tally] = {}
    with contextlib.ExitStack() as ends:
        begun = {
            name: Preparation.begin(layer)
            for name, layer in chosen.items()
            if layer.ahead and not layer.lacks()
        }
        for preparation in begun.values():
            ends.callback(preparation.end)
        if not names or "check" in names:
            tallies["check"] = run_check()
        for name, layer in chosen.items():
            tallies[name] = run_layer(layer, strict=strict, begun=begun.get(name))
    print()
    for name, tally in tallies.items():
        print(tally.line(name))
    failed = sum(tally.failed for tally in tallies.values())
    print(f"{sum(tally.passed for tally in tallies.values())} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
