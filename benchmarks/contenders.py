"""What is compared: each tool with its own description of one workload, in the best practice of its documentation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import measure
import workload as loads
from fleet import HOSTS, Fleet
from measure import Sample
from workload import Workload

STATES = ("first", "nothing", "drift")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One row of the table. `fresh` makes it forget what it did; outside the measurement, before a first apply."""

    name: str
    run: Callable[[], Sample]
    states: tuple[str, ...] = STATES
    fresh: Callable[[], object] = field(default=lambda: None)
    changes: bool = True  # whether the tree must be as wanted after its run


def floors(load: Workload) -> list[Contender]:
    """The least that the work costs, in this process. The first row of each state is what ratios are taken to."""
    return [
        Contender(
            name="floor: write, fsync, rename",
            run=lambda: measure.piece(lambda: loads.write(load)),
            states=("first",),
        ),
        Contender(
            name="floor: read and SHA-1",
            run=lambda: measure.piece(lambda: loads.read(load)),
            states=("nothing", "drift"),
            changes=False,
        ),
        Contender(
            name="floor: lstat",
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
            Contender(name="trued apply (a process)", run=lambda: self.verb("apply"), fresh=self.fresh),
            Contender(name="trued plan (a process)", run=lambda: self.verb("plan"), states=("nothing",)),
            Contender(name="trued run (one cycle)", run=self.cycle, states=("nothing", "drift")),
        ]

    def verb(self, verb: str) -> Sample:
        return self.fleet.verb(verb)()

    def cycle(self) -> Sample:
        if self._resident is None:
            self._resident = Resident(self.fleet.config("resident"))
            self._resident.cycle()  # the first one fills what a running daemon holds
        return self._resident.cycle()

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


def others(load: Workload) -> list[Contender]:
    """Return those that are installed here."""
    return [make(load) for tool, make in OTHERS.items() if shutil.which(tool)]


def _rsync(load: Workload) -> Contender:
    argv = ("rsync", "-ac", f"{load.source}/", f"{load.live}/")
    return Contender(name="rsync -ac (a process)", run=lambda: measure.process(argv, {}))


def _cfengine(load: Workload) -> Contender:
    policy = load.top / "copy.cf"
    policy.write_text(
        f"""\
body common control {{ bundlesequence => {{ "main" }}; }}
body perms m {{ mode => "{loads.MODE:04o}"; rxdirs => "true"; }}
body depth_search all {{ depth => "inf"; }}
body copy_from digest {{ source => "{load.source}"; compare => "digest"; }}
bundle agent main {{
  files: "{load.live}" depth_search => all, copy_from => digest, perms => m;
}}
"""
    )
    policy.chmod(0o600)  # cf-agent refuses what others may write
    argv = ("cf-agent", "-K", "-f", str(policy))
    return Contender(name="cf-agent copy_from digest", run=lambda: measure.process(argv, {}))


def _puppet(load: Workload) -> Contender:
    manifest = load.top / "tree.pp"
    manifest.write_text(
        f"file {{ '{load.live}': ensure => directory, recurse => true, source => '{load.source}', "
        f"mode => '{loads.MODE:04o}', checksum => 'sha256' }}\n"
    )
    argv = ("puppet", "apply", str(manifest))
    return Contender(name="puppet apply, recurse", run=lambda: measure.process(argv, {}))


def _ansible(load: Workload) -> Contender:
    sync = {"src": f"{load.source}/", "dest": f"{load.live}/", "checksum": True, "archive": True}
    task = {"ansible.posix.synchronize": {**sync, "rsync_opts": ["--chmod=F644,D755"]}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    book = load.top / "tree.yml"
    book.write_text(json.dumps([play]))
    argv = ("ansible-playbook", "-i", "localhost,", str(book))
    environment = {"ANSIBLE_HOME": str(load.top / "ansible"), "ANSIBLE_PIPELINING": "1"}
    return Contender(name="ansible synchronize", run=lambda: measure.process(argv, environment))


OTHERS: Mapping[str, Callable[[Workload], Contender]] = {
    "cf-agent": _cfengine,
    "puppet": _puppet,
    "ansible-playbook": _ansible,
    "rsync": _rsync,
}
