#!/usr/bin/env python3
"""
What the daemon costs while nothing happens: memory, CPU and wake-ups, with its polls.

One daemon for each size, side by side, at the default interval, following a repository on the same disk and, where the servers of
the tests can be started, the same over HTTPS; counted after they have settled. Beside them CFEngine's three daemons, if they are here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import workload as loads
from contenders import Trued
from fleet import Fleet, environment
from measure import COMPILED

from tests.servers.git import GitServer, missing_tools

CFENGINE = "cf-execd, cf-monitord and cf-serverd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What /proc says of a process (proc(5)): KiB, seconds, and how often it gave up the CPU by itself."""

    rss: int
    pss: int
    cpu: float
    wakes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """MiB, and what a minute took: ms of CPU, wake-ups."""

    rss: float
    pss: float
    cpu: float
    wakes: float


def read(pid: int) -> Reading:
    """Read both, with the CPU in steps of the kernel's clock, 10 ms."""
    place = Path(f"/proc/{pid}")
    memory = _fields((place / "smaps_rollup").read_text())
    spent = (place / "stat").read_text().rpartition(")")[2].split()[11:13]  # utime, stime
    return Reading(
        rss=memory["Rss"],
        pss=memory["Pss"],
        cpu=sum(map(int, spent)) / os.sysconf("SC_CLK_TCK"),
        wakes=sum(
            _fields((task / "status").read_text())["voluntary_ctxt_switches"]
            for task in (place / "task").iterdir()
        ),
    )


def exact(pid: int) -> float:
    """Return the CPU seconds of a process so far, to the nanosecond (proc(5), schedstat), without its children."""
    return (
        sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
        / 1e9
    )


def _fields(text: str) -> dict[str, int]:
    pairs = (line.partition(":")[::2] for line in text.splitlines())
    return {name: int(words[0]) for name, rest in pairs if (words := rest.split()) and words[0].isdigit()}


def watch(groups: Mapping[str, Sequence[int]], settle: float, seconds: float) -> Mapping[str, Idle]:
    """Count what each group of processes costs, all at the same time."""
    time.sleep(settle)
    before = {pid: (exact(pid), read(pid).wakes) for pids in groups.values() for pid in pids}
    time.sleep(seconds)
    return {name: _sum(pids, before, seconds / 60) for name, pids in groups.items()}


def _sum(pids: Sequence[int], before: Mapping[int, tuple[float, int]], minutes: float) -> Idle:
    now = [read(pid) for pid in pids]
    return Idle(
        rss=sum(one.rss for one in now) / 1024,
        pss=sum(one.pss for one in now) / 1024,
        cpu=sum(exact(pid) - before[pid][0] for pid in pids) * 1000 / minutes,
        wakes=sum(one.wakes - before[pid][1] for one, pid in zip(now, pids, strict=True)) / minutes,
    )


def run(
    counts: Sequence[int], settle: float, seconds: float, scratch: Path, *, many: Sequence[int] = ()
) -> Mapping[str, Idle]:
    """
    Return what each daemon costs; raises ProcessLookupError or FileNotFoundError if one has ended.

    `many`: with so many files, with a repository on the same disk only.
    """
    groups: dict[str, list[int]] = {}
    with ExitStack() as stack:
        for count in (*counts, *many):
            groups[f"{count}/disk"] = [stack.enter_context(daemon(tree(scratch / f"{count}-disk", count)))]
        if not missing_tools():
            server = stack.enter_context(GitServer(scratch / "server"))
            for count in counts:
                fleet = tree(scratch / f"{count}-https", count, server)
                groups[f"{count}/https"] = [stack.enter_context(daemon(fleet))]
        if shutil.which("cf-execd"):
            groups[CFENGINE] = list(stack.enter_context(cfengine(scratch / "cfengine")))
        return watch(groups, settle, seconds)


def tree(top: Path, count: int, server: GitServer | None = None, **more: object) -> Fleet:
    """Make a host with so many files that are as declared; over HTTPS, where there is a server."""
    load = loads.make(top, count)
    remote, source = top / "remote.git", {}
    if server:
        bare = server.create(top.name)
        remote = bare.path
        ways = {"url": bare.https, "token_file": server.token_file, "ca_file": server.tls.ca}
        source = {name: str(way) for name, way in ways.items()}
    fleet = Fleet(top=top, remote=remote, source=source, more={"root": str(top), **more})
    Trued(load, fleet)
    loads.same(load)
    return fleet


@contextmanager
def daemon(fleet: Fleet, host: str = "resident") -> Iterator[int]:
    """Run `trued run` as long as the block lasts; lends its process id."""
    mine = {**os.environ, **COMPILED, **environment(fleet.config(host))}
    log_of(fleet).parent.mkdir(exist_ok=True)
    with (
        log_of(fleet).open("wb") as log,
        ended(
            subprocess.Popen((sys.executable, "-m", "agent", "run"), env=mine, stdout=log, stderr=log)
        ) as pid,
    ):
        yield pid


def log_of(fleet: Fleet) -> Path:
    """Return where its daemon's log is: in a folder of its own, as in the one above all that is written would be heard of."""
    return fleet.top / "log/daemon.log"


def looks(fleet: Fleet) -> int:
    """Return how many cycles its daemon has told of."""
    return log_of(fleet).read_text().count(" nothing to do, in ")


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[int]:
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def cfengine(folder: Path) -> Iterator[Sequence[int]]:
    """CFEngine's daemons with a policy that wants nothing, in a folder of their own."""
    (folder / "inputs").mkdir(parents=True)
    for name in ("ppkeys", "outputs", "state", "bin"):
        (folder / name).mkdir(mode=0o700)
    policy = folder / "inputs/promises.cf"
    (folder / "bin/cf-promises").symlink_to(shutil.which("cf-promises") or "")
    policy.write_text(
        'body common control { bundlesequence => { "main" }; }\n'
        'body server control { bindtointerface => "127.0.0.1"; }\nbundle agent main { }\n'
    )
    policy.chmod(0o600)
    mine = {**os.environ, "CFENGINE_TEST_OVERRIDE_WORKDIR": str(folder)}
    subprocess.run(("cf-key",), env=mine, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                ended(
                    subprocess.Popen(
                        (name, "--no-fork"), env=mine, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                    )
                )
            )
            for name in ("cf-execd", "cf-monitord", "cf-serverd")
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1_000], metavar="N")
    parser.add_argument("--settle", type=float, default=75, help="seconds before counting (default: 75)")
    parser.add_argument("--seconds", type=float, default=180, help="how long to count (default: 180)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trued-idle.") as scratch:
        found = run(args.files, args.settle, args.seconds, Path(scratch))
    print("| files/repository | RSS MiB | PSS MiB | CPU ms a minute | wake-ups a minute |")
    print("| --- | --: | --: | --: | --: |")
    for name, one in found.items():
        print(f"| {name} | {one.rss:.1f} | {one.pss:.1f} | {one.cpu:.1f} | {one.wakes:.1f} |")


if __name__ == "__main__":
    main()
