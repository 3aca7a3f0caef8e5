#!/usr/bin/env python3
"""
What containers cost in a cycle with nothing to do: 100 of them in a dockerd of its own, declared to trued and to docker-compose.

Needs root, and what tests/servers/packages.txt names. Both hold the same: a busybox that sleeps, in a network of its project.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import frame
import measure
from fleet import Fleet
from frame import Bench, Measured, Run, Runs, staying
from idle import read
from measure import spread

from tests.engine import images
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import missing
from tests.host.machine import slot

COMPOSE = "docker-compose up -d (a process)"
CYCLE, ONCE = "trued run (one cycle)", "trued apply (a process)"


def add_compose(bench: Bench, docker: Docker, scratch: Path, count: int) -> None:
    """Have docker-compose start its containers."""
    file = scratch / "compose.yaml"
    file.write_text(json.dumps({"version": "2.4", "services": declared("compose", count)}))
    argv = ("docker-compose", "--project-name", "bench", "--file", str(file), "up", "--detach")
    # With its usual limit of 64 it waits for itself for ever, now and then, when there are more services than that.
    limit = str(max(64, 4 * count))
    environment = {"DOCKER_HOST": f"unix://{docker.socket}", "COMPOSE_PARALLEL_LIMIT": limit}
    bench.rows[COMPOSE] = partial(measure.process, argv, environment)
    bench.make(COMPOSE)


@contextmanager
def trued(bench: Bench, docker: Docker, scratch: Path, count: int) -> Iterator[int]:
    """
    Have trued make its containers; lends both ways of running it, and says which process stays.

    The agent that stays is a host of its own, with the same containers: two would get in each other's way.
    """
    more = {"engine": {"socket": str(docker.socket)}}
    fleet = Fleet(top=scratch, remote=scratch / "fleet.git", more=more)
    fleet.start()
    fleet.declare({"containers": declared("trued", count)})
    fleet.push("Declare containers")
    bench.rows[ONCE] = fleet.verb("apply")
    bench.make(ONCE)
    with staying(fleet.config("resident")) as resident:
        resident.cycle()  # fills what a running daemon holds
        bench.rows[CYCLE] = resident.cycle
        yield resident.pid


def declared(owner: str, count: int) -> Mapping[str, object]:
    one = {"image": images.STOCK[0].name, "command": ["sleep", "infinity"], "restart": "unless-stopped"}
    names = [f"{owner}-{number:03}" for number in range(count)]
    return {name: {**one, "container_name": name} if owner == "compose" else one for name in names}


def known(docker: Docker) -> Mapping[str, str]:
    """Return the containers that run, and since when."""
    found = docker.api.containers(filters={"status": "running"})
    names = [one["Names"][0] for one in found]
    return {name: docker.api.inspect_container(name)["State"]["StartedAt"] for name in names}


def run(count: int, runs: int, only: str | None = None) -> Measured:
    """Measure; raises RuntimeError where there is no engine."""
    if reason := missing():
        raise RuntimeError(f"no engine here: {reason}")
    with ExitStack() as stack:
        taken = stack.enter_context(slot.take())
        docker = Docker(stack.enter_context(Cell(taken)))
        docker.start()
        docker.load(images.STOCK[0])
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trued-containers.")))
        bench = Bench(pid=lambda: docker.pid)
        if only != "trued":
            add_compose(bench, docker, scratch, count)
        stays = 0
        if only != "docker-compose":
            stays = stack.enter_context(trued(bench, docker, scratch, count))
        time.sleep(2.5)  # what has just changed is not remembered
        before = known(docker)
        bench.warm()
        found = bench.rounds(runs)
        pss = read(stays).pss / 1024 if stays else 0.0
        fault = (
            ""
            if known(docker) == before
            else "something was done to the containers, though nothing was to do"
        )
    return Measured(first=bench.first, runs=found, fault=fault, pss=pss)


def show(measured: Measured) -> None:
    print("| first time, everything is to be made | wall s | CPU s |\n| --- | --: | --: |")
    for name, first in measured.first.items():
        print(f"| {name} | {first.own.wall:.1f} | {first.own.cpu:.2f} |")
    print(
        "\n| nothing to do | wall ms | CPU ms | of docker-compose's CPU | dockerd's CPU ms |"
        "\n| --- | --: | --: | --: | --: |"
    )
    for name, found in measured.runs.items():
        wall = spread([run.own.wall * 1000 for run in found])
        cpu = spread([run.own.cpu * 1000 for run in found])
        engine = spread([run.server * 1000 for run in found], digits=0)
        print(f"| {name} | {wall} | {cpu} | {ratio(found, measured.runs)} | {engine} |")


def ratio(found: Sequence[Run], runs: Runs) -> str:
    """Return the median of the ratios round by round; empty without docker-compose."""
    pairs = [one.own.cpu / other.own.cpu for one, other in zip(found, runs.get(COMPOSE, ()), strict=False)]
    return f"{statistics.median(pairs):.2f}" if pairs else ""


if __name__ == "__main__":
    sys.exit(frame.main(__doc__, run, show, things="containers", count=100, rival="docker-compose"))
