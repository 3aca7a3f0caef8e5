"""Runs of the tests leave nothing behind, don't meet, and say what they lack."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.machine import slot
from tests.host.machine.machine import Machine
from tests.waiting import until

TOP = Path(__file__).parents[3]

# A run that is killed while a machine of its own is up; it prints who was PID 1, and what else there was.
KILLED = """\
import os, signal
from tests.host.machine import debian, slot
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.machine import Machine
from tests.host.machine.network import Network
with slot.take() as taken:
    machine = Machine(
        name="left", lower=[debian.tree()], work=taken.work / "left", runtime=taken.runtime,
        network=Network(taken), cgroups=Cgroups.named(f"trued-machines/{taken.number}/left"), disk="320M",
    )
    machine.start()
    print(machine.leader, machine.work, machine.plug.path.stat().st_ino, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

LACKING = """\
import sys, pytest
from tests.host.machine import fixtures
fixtures.TOOLS = ("no-such-tool",)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "ignore", sys.argv[1]]))
"""


def alive(pid: int) -> bool:
    """Not a zombie: who adopts the orphans here may be slow to ask for their end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def namespaces() -> set[int]:
    """Return the numbers of all named network namespaces; other runs make and remove theirs meanwhile."""
    found = set()
    for path in Path("/run/netns").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(path.stat().st_ino)
    return found


def python(code: str, *words: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-c", code, *words)
    env = {**os.environ, "CI": ci}
    return subprocess.run(argv, cwd=TOP, env=env, capture_output=True, text=True, check=False)


def test_a_killed_run_is_cleaned_up_by_the_next(machine: Machine) -> None:
    """Processes, mounts, namespaces and folders; and what another run has is left alone."""
    killed = python(KILLED)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    leader, work, namespace = killed.stdout.split()
    assert Path(work).exists()
    with slot.take():
        until(lambda: not alive(int(leader)))
        assert work not in Path("/proc/self/mounts").read_text()
        assert int(namespace) not in namespaces()
        assert not Path(work).exists()
    assert "running\n" == machine.run("systemctl", "is-system-running").stdout


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_what_is_missing_is_said_and_an_error_in_ci(machines: slot.Slot, ci: str, outcome: str) -> None:
    """Nobody believes to have tested what was left out."""
    test = Path(__file__).with_name("test_machine.py")
    done = python(LACKING, f"{test}::test_it_boots_with_systemd_as_its_first_process", ci=ci)

    assert outcome in done.stdout.splitlines()[-1]
    assert "missing: no-such-tool; the packages are in " in done.stdout
