"""
Drifts of containers in a dockerd of its own (tests/engine), counted by dockerd's clock: from when the process of a container
has ended to when it is started again, by the same container's FinishedAt and StartedAt.

So what docker stop itself takes is not in it. Before each round the host gets a new commit, as in machine_drifts.py.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from drifts import Drift, schedule
from fleet import Fleet
from idle import daemon
from repairs import FLOOR, PATIENCE, Repair, Seen, until, watch
from results import NotHereError

from tests.engine import images
from tests.engine.api import Client
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import missing
from tests.host.machine import slot

LOOK = 0.05  # seconds between two looks, which only see that it is over
CONTAINERS = 10
NAME = "lamp-{:0>2}"
STARTS = 5  # of the floor


class Containers:
    """Those of one engine. While one is started it answers no inspection, so that only the list of all is asked for."""

    def __init__(self, api: Client) -> None:
        self._api = api

    def all_run(self) -> bool:
        return {NAME.format(number) for number in range(CONTAINERS)} <= self._running()

    def harm(self, drift: Drift) -> float:
        """End it; StopSignal of the image is SIGKILL, so that a stop is no wait for ten seconds."""
        name = NAME.format(drift.number)
        since = time.monotonic()
        if drift.sort == "killed":
            self._api.kill(name)
        else:
            self._api.stop(name)
        until(lambda: not self.is_right(drift), PATIENCE, "a container that was killed still ran")
        return since

    def is_right(self, drift: Drift) -> bool:
        return NAME.format(drift.number) in self._running()

    def repair(self, seen: Seen) -> Repair:
        drift = seen.drift
        found = self._api.inspect_container(NAME.format(drift.number))["State"]
        ended, begun = (_moment(str(found[name])) for name in ("FinishedAt", "StartedAt"))
        ms = None if seen.until is None else (begun - ended) * 1000
        return Repair(sort=drift.sort, alone=drift.alone, ms=ms)

    def _running(self) -> set[str]:
        return {name.removeprefix("/") for one in self._api.containers() for name in one["Names"]}


def floor(api: Client) -> Iterator[Repair]:
    """Yield what dockerd takes for a start that nothing but this has asked for; of one container again and again."""
    name = NAME.format("floor")
    api.create_container(images.STOCK[0].name, command=["sleep", "infinity"], name=name)
    for _ in range(STARTS):
        since = time.time()
        api.start(name)
        begun = _moment(str(api.inspect_container(name)["State"]["StartedAt"]))
        yield Repair(sort=FLOOR, alone=True, ms=(begun - since) * 1000)
        api.kill(name)
        api.wait(name)
    api.remove_container(name)


def _moment(text: str) -> float:
    """Return the seconds of a time as the engine writes it, RFC 3339 with up to nine digits."""
    seconds, _, digits = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}+00:00").timestamp() + float(f"0.{digits or 0}")


def run(count: int, seed: int, scratch: Path) -> list[Repair]:
    """Measure stops and kills; raises NotHereError."""
    if reason := missing():
        raise NotHereError(f"no engine here: {reason}")
    with ExitStack() as stack:
        docker = Docker(stack.enter_context(Cell(stack.enter_context(slot.take()))))
        docker.start()
        docker.load(images.STOCK[0])
        rounds = schedule(count, seed, ("stopped", "killed"), things=CONTAINERS)
        return [*floor(docker.api), *_rounds(docker, scratch / "containers", rounds, stack)]


def _rounds(
    docker: Docker, top: Path, rounds: Iterator[Sequence[Drift]], stack: ExitStack
) -> Iterator[Repair]:
    more = {"engine": {"socket": str(docker.socket)}, "interval": "10m"}
    fleet = Fleet(top=top, remote=top / "fleet.git", more=more)
    fleet.start()
    host, pid = Containers(docker.api), 0
    one = {"image": images.STOCK[0].name, "command": ["sleep", "infinity"]}
    containers = {NAME.format(number): one for number in range(CONTAINERS)}
    for number, todo in enumerate(rounds):
        mark = top / f"round-{number}"
        fleet.declare({"containers": containers, "files": {str(mark): {"content": ""}}})
        fleet.push("The next round")
        if pid:
            os.kill(pid, signal.SIGHUP)
        else:
            pid = stack.enter_context(daemon(fleet))
        until(mark.exists, 120, "the host did not take up the next round")
        until(host.all_run, 120, "the containers were not made")
        yield from map(host.repair, watch(host, todo, LOOK))
