"""What is compared: each tool with its own description of one workload, in the best practice of its documentation."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import measure
import workload as loads
from fleet import HOSTS, Fleet
from measure import Sample
from workload import Workload

STATES = ("first", "nothing", "content", "drift")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """
    One row of the table, `key` for short. `fresh` makes it forget what it did; outside the measurement, before a first apply.

    A slow one runs in few rounds, and not at all where there are many files: what it takes grows with their number.
    """

    name: str
    key: str
    run: Callable[[], Sample]
    states: tuple[str, ...] = STATES
    fresh: Callable[[], object] = field(default=lambda: None)
    changes: bool = True  # whether the tree must be as wanted after its run
    slow: bool = False


def floors(load: Workload) -> list[Contender]:
    """The least that the work costs, in this process. The first row of each state is what ratios are taken to."""
    return [
        Contender(
            name="floor: write, fsync, rename",
            key="floor",
            run=lambda: measure.piece(lambda: loads.write(load)),
            states=("first",),
        ),
        Contender(
            name="floor: read and SHA-1",
            key="floor",
            run=lambda: measure.piece(lambda: loads.read(load)),
            states=("nothing", "content", "drift"),
            changes=False,
        ),
        Contender(
            name="floor: lstat",
            key="lstat",
            run=lambda: measure.piece(lambda: loads.look(load)),
            states=("nothing",),
            changes=False,
        ),
    ]


class Trued:
    """
    trued on the workload: a fleet repository, a bare remote, and the host's own file, all below the scratch folder.

    The agent that stays is a host of its own that manages the same tree: two would get in each other's way.
    """

    def __init__(self, load: Workload, fleet: Fleet | None = None) -> None:
        self.load = load
        self.fleet = fleet or Fleet(
            top=load.top, remote=load.top / "remote.git", more={"root": str(load.top)}
        )
        self._resident: Resident | None = None
        self.fleet.start()
        self.fleet.declare(declared())
        self.fleet.push("Declare the tree")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fresh()

    def contenders(self) -> list[Contender]:
        return [
            Contender(
                name="trued apply (a process)",
                key="apply",
                run=lambda: self.verb("apply"),
                states=("first", "nothing", "drift"),
                fresh=self.fresh,
            ),
            Contender(
                name="trued plan (a process)", key="plan", run=lambda: self.verb("plan"), states=("nothing",)
            ),
            Contender(
                name="trued run (one cycle)",
                key="cycle",
                run=self.cycle,
                states=("nothing", "content", "drift"),
            ),
        ]

    def verb(self, verb: str) -> Sample:
        return self.fleet.verb(verb)()

    def cycle(self) -> Sample:
        if self._resident is None:
            self._resident = Resident(self.fleet.config("resident"))
            self._resident.cycle()  # the first one fills what a running daemon holds
        return self._resident.cycle()

    def settle(self) -> None:
        """Have both hosts put the tree in place themselves, unless they have: what they then repair is their own, with nothing in it to be kept."""
        if self._resident is None:
            for put in (partial(self.verb, "apply"), self.cycle):
                loads.empty(self.load)
                put()
            loads.date(self.load)

    def fresh(self) -> None:
        """Forget the host: its next apply is its first."""
        if self._resident:
            self._resident.end()
            self._resident = None
        aside = self.load.top / "states"
        aside.mkdir(exist_ok=True)
        for host in HOSTS:
            if (state := self.fleet.state(host)).exists():
                state.rename(aside / str(len(list(aside.iterdir()))))


def declared() -> Mapping[str, object]:
    """Return what the fleet says of the tree."""
    return {"files": {"/live": {"source": "files/tree/", "mode": f"{loads.MODE:04o}"}}}


class Resident:
    """A process that holds an agent, and runs a cycle whenever it is told to."""

    def __init__(self, config: Path) -> None:
        argv = (sys.executable, str(Path(__file__).with_name("resident.py")), str(config))
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cycle(self) -> Sample:
        """Run one cycle; raises RuntimeError if the process has ended."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the resident agent ended with {self._process.wait()}")
        return Sample(**json.loads(line))

    def end(self) -> None:
        self._process.communicate()
