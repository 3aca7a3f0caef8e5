#!/usr/bin/env python3
"""
What it costs to ask Git whether there is anything new, and to bring what there is.

A poll is the real daemon's, at its shortest interval, over HTTPS from a server of the tests, beside `git ls-remote`: requests and
bytes are counted by the server; all CPU between two polls is the poll's, and once more with a look at everything each time. Bringing is a cycle of a host of a seeded fleet of many hosts, beside `git clone` and `git fetch`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import crowd
import measure
from fleet import Fleet
from frame import staying
from idle import daemon, exact, looks, tree
from measure import Sample

from tests.servers.git import Bare, GitServer, Request

INTERVAL = 5.0  # seconds, the shortest there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one takes: ms of CPU, requests, and bytes both ways without TLS."""

    cpu: float
    requests: float
    bytes: float


def poll(server: GitServer, files: int, seconds: float, scratch: Path, *, whole: bool = False) -> Poll:
    """
    Count all that a daemon does while nothing happens, by the cycles that it tells of: their intervals vary by a tenth.

    A poll looks at what no ear hears of, which is none of the files; `whole`: with it comes a look at everything each time.
    """
    name = f"poll-{files}-{'whole' if whole else 'alone'}"
    often = f"{INTERVAL:g}s"
    fleet = tree(scratch / name, files, server, interval=often, verify_interval=often if whole else "12h")
    with daemon(fleet) as pid:
        time.sleep(4 * INTERVAL)  # its first looks hash what has just changed
        with server.requests() as seen:
            before, spent = looks(fleet), exact(pid)
            time.sleep(seconds)
            polls, spent = looks(fleet) - before, exact(pid) - spent
    return Poll(cpu=spent * 1000 / polls, requests=len(seen) / polls, bytes=_bytes(seen) / polls)


def ls_remote(server: GitServer, count: int) -> tuple[Sequence[Sample], Poll]:
    """The same with `git ls-remote` of one branch: its samples, and what one takes."""
    bare = server.create("ls-remote")
    fleet = Fleet(top=server.folder / "ls-remote", remote=bare.path)
    fleet.start()
    fleet.push("Declare nothing")
    argv = ("git", "ls-remote", bare.admin, "refs/heads/main")
    with server.requests() as seen:
        samples = [measure.process(argv, server.git_environment) for _ in range(count)]
    cpu = measure.middle([sample.cpu for sample in samples]) * 1000
    return samples, Poll(cpu=cpu, requests=len(seen) / count, bytes=_bytes(seen) / count)


def _bytes(seen: Sequence[Request]) -> int:
    return sum(one.up + one.down for one in seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """One run, and the bytes that came down."""

    sample: Sample
    down: int


def bring(server: GitServer, hosts: int, runs: int, scratch: Path) -> Mapping[str, Sequence[Brought]]:
    """Clone and fetch, in turn, with trued's agent and with git; one commit for another host comes in between."""
    bare = server.create("crowd")
    crowd.write(bare.path, hosts)
    found: dict[str, list[Brought]] = {}

    def count(name: str, run: Callable[[], Sample]) -> None:
        with server.requests() as seen:
            sample = run()
        found.setdefault(name, []).append(Brought(sample=sample, down=sum(one.down for one in seen)))

    for turn in range(runs):
        top = scratch / f"bring-{turn}"
        top.mkdir()
        fleet = Fleet(
            top=top, remote=bare.path, source=_source(server, bare), more={"root": str(top / "root")}
        )
        (top / "root").mkdir()
        clone = top / "clone"
        git = partial(measure.process, environment=server.git_environment)
        depth = ("git", "clone", "-q", "--depth", "1", "--single-branch", bare.admin, str(clone))
        with staying(fleet.config(crowd.HOST)) as resident:
            count("trued, first clone", resident.cycle)
            count("git clone --depth 1", partial(git, depth))
            crowd.change(bare.path, turn)
            count("trued, a commit for another host", resident.cycle)
            fetch = ("git", "-C", str(clone), "fetch", "-q", "--depth", "1", "origin", "main")
            count("git fetch", partial(git, fetch))
        shutil.rmtree(clone)
    return found


def _source(server: GitServer, bare: Bare) -> Mapping[str, str]:
    return {"url": bare.https, "token_file": str(server.token_file), "ca_file": str(server.tls.ca)}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="trued-poll.") as folder,
        GitServer(Path(folder, "server")) as server,
    ):
        scratch = Path(folder)
        print("| a poll | CPU ms | requests | bytes |\n| --- | --: | --: | --: |")
        alone, whole = (
            poll(server, options.files, options.seconds, scratch, whole=one) for one in (False, True)
        )
        _, git = ls_remote(server, options.runs)
        for name, one in (
            ("trued run", alone),
            ("trued run, with a look at everything", whole),
            ("git ls-remote", git),
        ):
            print(f"| {name} | {one.cpu:.2f} | {one.requests:.2f} | {one.bytes:.0f} |")
        print("\n| bring | CPU ms | wall ms | KiB down |\n| --- | --: | --: | --: |")
        for name, found in bring(server, options.hosts, options.runs, scratch).items():
            cpu, wall = (
                measure.middle([getattr(one.sample, what) * 1000 for one in found])
                for what in ("cpu", "wall")
            )
            print(f"| {name} | {cpu:.0f} | {wall:.0f} | {found[0].down / 1024:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
