"""Many files at once and the power goes: each is the old one or the new one, and what an apply has said is done stays."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.machine.host import Host
from tests.host.machine.python import COMMAND

FILES = 300
CUTS = (0, 1, 100, 260)
"""How many files are in place when the power goes; the last is more than one batch has."""
PLACE = "/srv/tree"


def generation(number: int) -> dict[str, str]:
    """Return a tree whose files all say which one it is, and a folder that only this one has."""
    names = [*(f"d{n % 7}/{n:03d}" for n in range(FILES)), *(f"new{number}/{n}" for n in range(20))]
    return {name: f"generation {number} of {name}\n" * 20 for name in names}


def push(host: Host, number: int) -> None:
    before = {f"base/tree/{name}": None for name in generation(number - 1)}
    files = {f"base/tree/{name}": text for name, text in generation(number).items()}
    host.push(
        {"base/base.yaml": f"files: {{{PLACE}: {{source: tree/}}}}", **(before if number else {}), **files}
    )


def standing(top: Path) -> dict[str, str]:
    """Return what is in the tree, without what was only begun."""
    found = {}
    for path in below(top):
        with contextlib.suppress(FileNotFoundError):  # it may go while this looks
            if ".trued-" not in str(path):
                found[str(path.relative_to(top))] = path.read_text()
    return found


def below(top: Path) -> list[Path]:
    """Return the files at any depth; a folder that goes meanwhile, which `rglob` stumbles over, has none."""
    return sorted(Path(folder, name) for folder, _, names in os.walk(top) for name in names)


def begun(host: Host, number: int, count: int) -> subprocess.Popen[bytes]:
    """Begin an apply, and return once so many files are in place, or the first is being written."""
    new, top = generation(number), host.machine.path(PLACE)
    argv = host.machine.argv(COMMAND, "apply", "--allow-removals")
    apply = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while apply.poll() is None:
        assert time.monotonic() < deadline
        if count and sum(text == new.get(name) for name, text in standing(top).items()) >= count:
            break
        if not count and any(".trued-" in path.name for path in below(top)):
            break
        time.sleep(0.002)
    return apply


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file_system", ["ext4", "xfs"])
def test_a_power_cut_in_a_batch_leaves_each_file_old_or_new(
    manage: Callable[..., Host], file_system: str
) -> None:
    host = manage(disk="900M", file_system=file_system)
    push(host, 0)
    host.machine.run("sync")
    host.trued("apply", code=0)
    chance, seen = random.Random(20261128), Counter[str]()
    for number, count in enumerate(CUTS, 1):
        host.machine.power_cut()  # right after an apply: nothing else has made it durable
        host.machine.start(healthy=False)
        assert generation(number - 1) == standing(host.machine.path(PLACE))
        push(host, number)
        with begun(host, number, count):
            time.sleep(chance.uniform(0.0, 0.05))
            host.machine.power_cut()
        host.machine.start(healthy=False)
        old, new = generation(number - 1), generation(number)
        for name, text in standing(host.machine.path(PLACE)).items():
            assert text in {old.get(name), new.get(name)}, f"{name} is neither"
            seen["new" if text == new.get(name) else "old"] += 1
        host.json("apply", "--allow-removals", code=0)
        assert new == standing(host.machine.path(PLACE))
        assert [] == list(host.machine.path(PLACE).rglob(".trued-*"))
        assert "nothing to do" in host.trued("plan", code=0)
    assert seen["old"] > 0
    assert seen["new"] > 0
