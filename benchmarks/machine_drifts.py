"""
Drifts of units and of packages of a machine of its own, whose systemd is its PID 1 (tests/host/machine), trued its service.

Before each round the machine gets a new commit, which makes one file otherwise: what drifts again for the same commit is fought for, ever less often.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import inside
import repairs
from drifts import Drift, schedule
from repairs import Repair
from results import NotHereError

from tests.host.machine import apt
from tests.host.machine.apt import COMPONENT, SUITE
from tests.host.machine.catalog import bulk
from tests.host.machine.fixtures import missing
from tests.host.machine.host import Host, repository
from tests.host.machine.nspawn import Binding
from tests.host.machine.python import CHECKOUT
from tests.host.machine.service import serve
from tests.host.machine.single import single
from tests.host.machine.web import Web

HERE, THERE = Path(__file__).parent, f"{CHECKOUT}/benchmarks"
MARK = "/etc/round"  # says which round the machine is at
UNITS, PACKAGES = 10, 5
TIMEOUT = 600.0  # seconds for the drifts of a round
SLEEPS = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


@contextmanager
def managed(folder: Path) -> Iterator[Host]:
    """A machine with a fleet repository in a new folder, and this one seen inside; raises NotHereError."""
    if reason := missing():
        raise NotHereError(f"no machine here: {reason}")
    with single(repository(folder), Binding(source=HERE, place=THERE, read_only=True)) as machine:
        yield Host(machine=machine, folder=folder, more={"interval": "10m"})


def units(count: int, seed: int, scratch: Path) -> list[Repair]:
    """Measure stops and kills; raises NotHereError."""
    unit = {"content": SLEEPS, "enabled": True, "active": True}
    state = {"units": {inside.UNIT.format(number): unit for number in range(UNITS)}}
    with managed(scratch / "units") as host:
        return list(
            _rounds(host, "units", state, schedule(count, seed, ("stopped", "killed"), things=UNITS))
        )


def packages(count: int, seed: int, scratch: Path) -> list[Repair]:
    """Measure removals, one after the other; raises NotHereError."""
    with managed(scratch / "packages") as host, ExitStack() as stack:
        folder = apt.stored("bulk300", bulk(300))
        web = Web(host.machine.network, folder)
        stack.callback(web.close)
        repository = {
            "uris": [web.url],
            "suites": [SUITE],
            "components": [COMPONENT],
            "signed_by": (folder / "key.asc").read_text(),
        }
        names = [inside.PACKAGE.format(number) for number in range(PACKAGES)]
        state = {"repositories": {"bulk": repository}, "packages": dict.fromkeys(names, "present")}
        rounds = schedule(count, seed, ("dpkg -r", "apt-get remove"), things=PACKAGES, largest=1)
        return list(_rounds(host, "packages", state, rounds))


def _rounds(
    host: Host, what: str, state: Mapping[str, object], rounds: Iterable[Sequence[Drift]]
) -> Iterator[Repair]:
    run = host.machine.run
    for number, todo in enumerate(rounds):
        host.declare({**state, "files": {MARK: {"content": f"{number}\n"}}})
        if number:
            run("systemctl", "reload", "trued.service")
        else:
            serve(host)
        at = partial(_at, host, number)
        repairs.until(at, 120, "the machine did not take up the next round")
        words = json.dumps([asdict(drift) for drift in todo])
        done = run("python3", f"{THERE}/inside.py", what, stdin=words, timeout=TIMEOUT, check=False)
        if done.code:
            raise RuntimeError(f"inside the machine: {done.said[-2000:]}")
        yield from (Repair(**one) for one in json.loads(done.stdout))


def _at(host: Host, number: int) -> bool:
    return host.machine.exists(MARK) and host.machine.read(MARK) == f"{number}\n"
