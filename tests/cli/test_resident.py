"""`trued run` that reads agent.yaml again: what cannot be used changes nothing, and leaves nothing behind."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.run import Resident
from agent.daemon import Loop
from agent.daemon.heart import Heart
from agent.looks import Occasion
from agent.outfit import Quiet
from tests.cli.fleet import Box
from tests.waiting import until


class Unmanaged:
    """No service manager."""

    watchdog = None

    def send(self, *assignments: str) -> bool:
        return True

    def reloading(self) -> bool:
        return True


@pytest.fixture(name="loop")
def _loop(box: Box) -> Iterator[Loop]:
    """A daemon that has looked at its host once."""
    box.push(motd="hi")
    (box.root / "etc").mkdir()
    resident = Resident(box.config)
    heart = Heart(Unmanaged())
    work = resident.assemble()
    loop = Loop(work=work, assemble=resident.assemble, heart=heart, notifier=Unmanaged(), chance=lambda: 0.5)
    work.listen(heart.rouse)
    look(loop)
    yield loop
    resident._open.close()


def look(loop: Loop) -> None:
    assert "converged" == loop.work.cycle(Quiet(), Occasion()).result
    loop.heart.heard()


def open_now() -> tuple[int, list[str]]:
    """Return how many files this process has open, and which threads run."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), sorted(one.name for one in threading.enumerate())


def hears(loop: Loop, box: Box) -> bool:
    """Return whether the loop is told of what happens, once."""
    (box.root / "etc/motd").write_text("hacked")
    until(lambda: loop.heart.roused)
    return frozenset({"/etc/motd"}) == loop.heart.heard()


@pytest.mark.parametrize("refused", ["no YAML: [", "elsewhere", "allow: {nonsense: []}\n"])
def test_a_reload_that_is_refused_leaves_nothing_open(loop: Loop, box: Box, refused: str) -> None:
    work, before = loop.work, open_now()
    for _ in range(3):
        box.configure(refused)
        if refused == "elsewhere":
            box.config.write_text(box.config.read_text().replace(str(box.state), str(box.folder / refused)))
        loop._reload()
        look(loop)

    assert work is loop.work
    assert before == open_now()
    assert hears(loop, box)
    assert not (box.folder / "elsewhere").exists()


def test_a_reload_lets_go_of_what_was_open_before(loop: Loop, box: Box) -> None:
    work, before = loop.work, open_now()
    for _ in range(3):
        loop._reload()
        look(loop)

    assert work is not loop.work
    assert before == open_now()
    assert hears(loop, box)


def test_a_reload_after_one_that_was_refused_lets_go_of_both(loop: Loop, box: Box) -> None:
    before, good = open_now(), box.config.read_text()
    for _ in range(3):
        box.config.write_text(good.replace(str(box.state), str(box.folder / "elsewhere")))
        loop._reload()
        look(loop)
        box.config.write_text(good)
        loop._reload()
        look(loop)

    assert before == open_now()


def test_what_has_happened_meanwhile_is_looked_at_before_the_report_is_pushed(loop: Loop, box: Box) -> None:
    """A remote may take its time; the report waits on disk, and goes with the next one."""
    report = loop.work.cycle(Quiet(), Occasion())
    pushed = []
    for happens in (True, False):
        if happens:
            loop.heart.rouse(frozenset({"/etc/motd"}))
        loop.work.tell(report, loop.heart)
        pushed.append(box.git("branch", "--list", "status/*", cwd=box.remote).split())
        loop.heart.heard()

    assert [[], ["status/edge-01"]] == pushed
