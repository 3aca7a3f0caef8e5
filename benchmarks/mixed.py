"""
A host of several kinds with nothing to do: files, packages, users and, where systemd runs, units, as this machine has them.

Changes nothing: what is declared is what is there, and a plan that says otherwise ends it before anything runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import measure
import packages
import workload as loads
from fleet import Fleet, environment
from frame import staying
from measure import Sample
from results import NotHereError, Row
from workload import Workload

from agent import kinds
from agent.host.local import Local

FILES, PACKAGES, MOST = 300, 50, 30
PUPPET, ANSIBLE = "puppet apply --noop", "ansible-playbook --check"


def declared(load: Workload) -> Mapping[str, Mapping[str, object]]:
    """Return what this machine is, by section."""
    state: dict[str, Mapping[str, object]] = {
        "files": {str(load.live): {"source": "files/tree/", "mode": f"{loads.MODE:04o}"}},
        "packages": dict.fromkeys(packages.installed(PACKAGES), "present"),
    }
    wanted = ("user", *(("unit",) if Path("/run/systemd/system").is_dir() else ()))
    with tempfile.TemporaryDirectory() as folder:
        probe = Local(Path("/"), Path(folder)).probe()
        for name in wanted:
            kind = kinds.discover()[name]
            if found := {one.name: one.entry for one in list(kind.survey(probe))[:MOST]}:
                state[kind.section] = found
    return state


def rows(runs: int, scratch: Path) -> Iterator[Row]:
    """Measure; raises NotHereError where it cannot be done, or where something would be done to this machine."""
    if os.geteuid() != 0 or not shutil.which("dpkg-query"):
        raise NotHereError("needs root and dpkg")
    load = loads.make(scratch / "mixed", FILES)
    loads.same(load)
    fleet = Fleet(top=load.top, remote=load.top / "remote.git")
    fleet.start()
    state = declared(load)
    fleet.declare(state)
    fleet.push("Declare this machine")
    _check(fleet)
    title = ", ".join(f"{len(some) if name != 'files' else FILES} {name}" for name, some in state.items())
    with staying(fleet.config("resident")) as resident:
        resident.cycle()
        time.sleep(2.5)  # what was changed in the last two seconds is not remembered
        ways: dict[str, Callable[[], Sample]] = {
            "cycle": resident.cycle,
            "plan": fleet.verb("plan"),
            **_rivals(load, state["packages"]),
        }
        samples: dict[str, list[Sample]] = {name: [] for name in ways}
        for turn in range(-1, runs):
            for name, way in ways.items():
                if name in (PUPPET, ANSIBLE) and turn:
                    continue  # they take seconds
                sample = way()
                if turn >= 0:
                    samples[name].append(sample)
    without = "" if "units" in state else "; no systemd here, so no units"
    for mine, words in (("cycle", "a cycle"), ("plan", "trued plan")):
        for rival in (name for name in (PUPPET, ANSIBLE) if name in samples) if len(samples) > 2 else ("",):
            yield Row(
                key=f"mixed/{mine}/{rival.partition(' ')[0]}",
                work=f"{title}, nothing to do{without}: {words}",
                unit="ms",
                trued=tuple(sample.cpu * 1000 for sample in samples[mine]),
                rival=rival,
                against=tuple(sample.cpu * 1000 for sample in samples.get(rival, ())),
            )


def _check(fleet: Fleet) -> None:
    argv = (sys.executable, "-m", "agent", "plan", "--json")
    for host in ("once", "resident"):
        mine = {**os.environ, **environment(fleet.config(host))}
        said = subprocess.run(argv, env=mine, capture_output=True, text=True, check=False)
        if said.returncode or (entries := json.loads(said.stdout)["entries"]):
            raise NotHereError(f"this machine is not as declared: {said.stderr or entries}"[:300])


def _rivals(load: Workload, names: Mapping[str, object]) -> Mapping[str, Callable[[], Sample]]:
    found: dict[str, Callable[[], Sample]] = {}
    if shutil.which("puppet"):
        manifest = load.top / "mixed.pp"
        manifest.write_text(
            f"file {{ '{load.live}': ensure => directory, recurse => true, source => '{load.source}', "
            f"mode => '{loads.MODE:04o}', checksum => 'sha256' }}\n"
            + "".join(f"package {{ '{name}': ensure => present }}\n" for name in names)
        )
        found[PUPPET] = partial(measure.process, ("puppet", "apply", "--noop", str(manifest)), {})
    if shutil.which("ansible-playbook"):
        sync = {"src": f"{load.source}/", "dest": f"{load.live}/", "checksum": True, "archive": True}
        tasks = [
            {"ansible.posix.synchronize": sync},
            {"ansible.builtin.apt": {"name": list(names), "state": "present"}},
        ]
        book = load.top / "mixed.yml"
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        book.write_text(json.dumps([play]))
        argv = ("ansible-playbook", "--check", "-i", "localhost,", str(book))
        home = {"ANSIBLE_HOME": str(load.top / "ansible"), "ANSIBLE_PIPELINING": "1"}
        found[ANSIBLE] = partial(measure.process, argv, home)
    return found
