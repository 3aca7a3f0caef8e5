"""Teller, with a real publisher and a real bare repository; what goes wrong is a remote that is really away."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.git.address import Access
from agent.git.publish import Publisher
from agent.model import Report, Standing, Verdict
from agent.telling import Nobody, Teller, last_path
from tests.servers.repo import bare, git
from tests.status.reports import CHANGED, FAILED, NOON, UNCHANGED, report

FINE = report({"/a": UNCHANGED})
BROKEN = report({"/a": FAILED}, Verdict.FAILED)


class World:
    """A host's state folder, its remote, and a clock that stands still until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.remote = folder / "remote.git"
        self.state = folder / "state"
        self.time = NOON
        self.attach()
        self.teller = self.another()

    def another(self) -> Teller:
        """Return the teller of a new process."""
        publisher = Publisher(Access(url=str(self.remote)), "status/edge-01", self.state, host="edge-01")
        return Teller(publisher=publisher, state_dir=self.state, heartbeat=3600, now=lambda: self.time)

    def attach(self) -> None:
        if self.remote.with_suffix(".away").exists():
            self.remote.with_suffix(".away").rename(self.remote)
        else:
            bare(self.remote)

    def detach(self) -> None:
        self.remote.rename(self.remote.with_suffix(".away"))

    def tell(self, what: Report, after: timedelta = timedelta(0), *, soon: bool = False) -> None:
        self.time += after
        self.teller.tell(replace(what, started=self.time, finished=self.time), soon=soon)

    def subjects(self) -> list[str]:
        """Return what stands on the branch, oldest first."""
        said = git("log", "--reverse", "--format=%s", "--branches=status/edge-01*", cwd=self.remote)
        return said.splitlines()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


MINUTE = timedelta(minutes=1)


def test_only_news_become_commits(world: World) -> None:
    """The same failure is told once, and so is recovery; a heartbeat follows a silence."""
    for told in (FINE, FINE, BROKEN, BROKEN, BROKEN, FINE, FINE):
        world.tell(told, MINUTE)
    world.tell(FINE, timedelta(hours=1))

    assert [
        "edge-01: converged at 1a2b3c4",
        "edge-01: failed at 1a2b3c4, 1 failed",
        "edge-01: converged at 1a2b3c4",
        "edge-01: still converged at 1a2b3c4",
    ] == world.subjects()


def test_a_commit_holds_both_files(world: World) -> None:
    """For a program, and for a person."""
    world.tell(report({"/a": CHANGED}))

    document, page = (
        git("show", f"status/edge-01:{name}", cwd=world.remote) for name in ("status.json", "README.md")
    )

    assert "changed" == json.loads(document)["resources"]["file:/a"]["result"]
    assert page.startswith("# edge-01: converged\n")


def test_the_last_report_is_kept_here_too(world: World) -> None:
    """trued status works without the network."""
    world.detach()
    world.tell(BROKEN)

    assert "failed" == json.loads(last_path(world.state).read_bytes())["result"]
    assert 0o600 == last_path(world.state).stat().st_mode & 0o777


def test_an_idle_cycle_writes_no_file_anew(world: World) -> None:
    """Its age alone says that somebody looked: flash storage wears."""
    world.tell(FINE)
    files = {path: path.stat().st_ino for path in (world.state / "status").glob("*.json")}
    before = last_path(world.state).stat().st_mtime_ns

    world.tell(FINE, MINUTE)

    assert files == {path: path.stat().st_ino for path in (world.state / "status").glob("*.json")}
    assert before < last_path(world.state).stat().st_mtime_ns


def test_what_cannot_be_pushed_waits_and_goes_later_in_order(world: World) -> None:
    """A failing push holds nothing up, and nothing is lost."""
    world.detach()
    for told in (FINE, BROKEN, FINE):
        world.tell(told, MINUTE)
    world.attach()
    world.tell(FINE, timedelta(minutes=20))

    assert [
        "edge-01: converged at 1a2b3c4",
        "edge-01: failed at 1a2b3c4, 1 failed",
        "edge-01: converged at 1a2b3c4",
    ] == world.subjects()


def test_what_waits_survives_the_process(world: World) -> None:
    """The next one pushes it, though it has nothing new to tell."""
    world.detach()
    world.tell(BROKEN)
    world.attach()
    world.teller = world.another()

    world.tell(BROKEN, MINUTE)

    assert ["edge-01: failed at 1a2b3c4, 1 failed"] == world.subjects()


def test_a_new_process_does_not_tell_the_same_again(world: World) -> None:
    """What was told is remembered on disk."""
    world.tell(BROKEN)
    world.teller = world.another()
    world.tell(BROKEN, MINUTE)

    assert 1 == len(world.subjects())


class Counting(Nobody):
    """A publisher that counts how often it is asked to push, before it really tries."""

    def __init__(self, real: Publisher) -> None:
        self.real = real
        self.pushes = 0

    def put(self, files: object, message: str, when: datetime) -> None:
        self.real.put(files, message, when)  # type: ignore[arg-type]

    def push(self) -> int:
        self.pushes += 1
        return self.real.push()


def counted(world: World) -> Counting:
    publisher = Counting(Publisher(Access(url=str(world.remote)), "status/edge-01", world.state))
    world.teller = Teller(publisher=publisher, state_dir=world.state, heartbeat=3600, now=lambda: world.time)
    return publisher


def test_a_dead_remote_is_tried_ever_less_often(world: World) -> None:
    """After 1, 2, 4, 8, 15, 15 … minutes, though every cycle brings news: a try may cost a connect timeout."""
    publisher = counted(world)
    world.detach()
    tried = []
    for minute in range(62):
        before = publisher.pushes
        world.tell(report({"/a": CHANGED}))
        tried += [minute] if publisher.pushes > before else []
        world.time += MINUTE

    assert [0, 1, 3, 7, 15, 30, 45, 60] == tried


def test_when_an_error_goes_away_the_push_is_tried_at_once(world: World) -> None:
    """Git can be reached again, so reports probably can too."""
    world.detach()
    for _ in range(10):
        world.tell(replace(FINE, error="unreachable"), MINUTE)
    world.attach()
    world.tell(FINE, timedelta(seconds=1))

    assert 2 == len(world.subjects())


def test_an_idle_cycle_asks_the_remote_nothing(world: World) -> None:
    """Once all is told, there is nothing to push."""
    publisher = counted(world)
    for _ in range(5):
        world.tell(FINE, MINUTE)

    assert 1 == publisher.pushes


def test_a_push_makes_way_for_a_repair_and_not_for_ever(world: World) -> None:
    """What is put off goes with the next report, in order, though there be more to repair, or nothing new in it."""
    publisher = counted(world)
    world.tell(FINE)
    pushes = []
    for what, soon in ((BROKEN, True), (FINE, True), (BROKEN, True), (BROKEN, False)):
        world.tell(what, soon=soon)
        pushes.append(publisher.pushes)

    assert [1, 2, 2, 3] == pushes
    assert ["converged", "failed", "converged", "failed"] == [words.split()[1] for words in world.subjects()]


def test_a_dead_remote_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """And so is its return."""
    caplog.set_level(logging.INFO, "agent.telling")
    world.detach()
    for _ in range(30):
        world.tell(FINE, MINUTE)
    world.attach()
    for _ in range(30):
        world.tell(FINE, MINUTE)

    assert ["WARNING", "INFO"] == [record.levelname for record in caplog.records]
    assert "status: reports arrive again" == caplog.messages[1]


def test_what_kills_left_half_written_goes(world: World) -> None:
    """Else each would stay for ever."""
    world.tell(FINE)
    folder = last_path(world.state).parent
    for name in ("last", "told", "tip"):
        (folder / f".{name}.json.abcdefgh").write_bytes(b"half")

    world.teller = world.another()
    world.tell(FINE, MINUTE)

    assert {"last.json", "spool", "tip.json", "told.json"} == {path.name for path in folder.iterdir()}


def test_a_clock_that_was_set_back_does_not_silence_the_host(world: World) -> None:
    """A board without a battery may have started in the wrong year."""
    world.time += timedelta(days=4000)
    world.detach()
    world.tell(FINE)
    world.time = NOON
    world.attach()
    world.tell(FINE, MINUTE)

    assert ["edge-01: converged at 1a2b3c4", "edge-01: still converged at 1a2b3c4"] == world.subjects()


@pytest.mark.parametrize("garbage", [b"", b"{", b"\0" * 100])
def test_a_damaged_file_is_written_anew(world: World, garbage: bytes) -> None:
    """What was told is told once more, rather than never again."""
    world.tell(FINE)
    for path in (world.state / "status").glob("*.json"):
        if path.name in {"last.json", "told.json"}:
            path.write_bytes(garbage)
    world.teller = world.another()
    world.tell(FINE, MINUTE)

    assert 2 == len(world.subjects())
    assert "converged" == json.loads(last_path(world.state).read_bytes())["result"]


def test_a_state_folder_that_cannot_be_written_is_logged_and_nothing_is_raised(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The host is kept true all the same."""
    world.state.write_text("in the way")

    world.tell(BROKEN)

    assert any("cannot be kept" in text for text in caplog.messages)


class StopError(BaseException):
    """What a signal raises inside an interruptible wait."""


def test_an_interrupted_push_loses_nothing(world: World) -> None:
    """SIGTERM while the remote hangs: the report waits on disk for the next process."""

    @contextmanager
    def interruptible():
        raise StopError
        yield

    with pytest.raises(StopError):
        world.teller.tell(BROKEN, interruptible)
    world.teller = world.another()
    world.tell(BROKEN, MINUTE)

    assert ["edge-01: failed at 1a2b3c4, 1 failed"] == world.subjects()


def test_nobody_is_told_when_reports_are_switched_off(world: World) -> None:
    """The last report is kept all the same."""
    world.teller = Teller(publisher=Nobody(), state_dir=world.state, heartbeat=3600, now=lambda: world.time)
    world.tell(report({"/a": Standing(result="failed", reason="no")}, Verdict.FAILED))

    assert last_path(world.state).exists()
    assert [] == world.subjects()
