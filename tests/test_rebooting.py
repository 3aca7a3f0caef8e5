"""When a machine is rebooted, and when it is not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.model import Report, Step, Verdict
from agent.rebooting import DAY, REBOOT, Rebooter
from tests.fakes import FakeHost
from tests.status.reports import CHANGED, FAILED, NOON, UNCHANGED, report

WAITING = replace(report({"/a": UNCHANGED}), reboot=("asked for by linux-base",))


class World:
    """A machine that counts its reboots, and a clock."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.time, self.up = NOON, timedelta(minutes=5)
        self.reboots = 0
        self.host = FakeHost()
        self.host.perform = self._perform  # type: ignore[method-assign]

    def _perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        assert step == REBOOT
        self.reboots += 1

    def consider(self, what: Report = WAITING) -> None:
        """One cycle of a process of its own."""
        Rebooter(self.host, self.state, now=lambda: self.time, uptime=lambda: self.up).consider(what)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_a_kill_left_of_its_record_goes(world: World) -> None:
    world.state.mkdir(exist_ok=True)
    (world.state / ".rebooted.abcdefgh").touch()

    world.consider()

    assert ["rebooted"] == [path.name for path in world.state.iterdir()]


def test_a_machine_that_asks_for_it_is_rebooted(world: World) -> None:
    world.consider()

    assert 1 == world.reboots


@pytest.mark.parametrize(
    "busy",
    [
        pytest.param(replace(WAITING, reboot=()), id="nothing asks for it"),
        pytest.param(replace(WAITING, result=Verdict.FAILED), id="failed"),
        pytest.param(replace(WAITING, result=Verdict.HELD), id="held"),
        pytest.param(replace(WAITING, error="cannot be reached"), id="Git is away"),
        pytest.param(replace(report({"/a": CHANGED}), reboot=("x",)), id="just changed"),
        pytest.param(replace(report({"/a": FAILED}), reboot=("x",)), id="a resource failed"),
    ],
)
def test_unless_all_is_well_and_quiet_it_is_not(world: World, busy: Report) -> None:
    world.consider(busy)

    assert 0 == world.reboots


def test_a_reboot_that_mends_nothing_comes_once_a_day(world: World) -> None:
    for _ in range(5 * 24):
        world.consider()
        world.time += timedelta(hours=1)

    assert 5 == world.reboots


@pytest.mark.parametrize("clock", [timedelta(days=-20_000), timedelta(hours=-1)])
def test_a_clock_that_starts_in_the_past_makes_no_loop(world: World, clock: timedelta) -> None:
    world.consider()
    world.time += clock
    world.consider()

    assert 1 == world.reboots
    world.up = DAY
    world.consider()
    assert 2 == world.reboots


def test_a_damaged_mark_counts_as_a_reboot_just_now(world: World) -> None:
    (world.state / "rebooted").write_text("{")
    world.consider()
    assert 0 == world.reboots
    world.up = DAY
    world.consider()

    assert 1 == world.reboots


def test_without_a_mark_there_is_no_reboot(
    world: World, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    world.state = tmp_path / "file"
    world.state.write_text("in the way")
    with caplog.at_level(logging.ERROR, "agent.rebooting"):
        Rebooter(world.host, world.state / "below", now=lambda: world.time, uptime=lambda: DAY).consider(
            WAITING
        )

    assert 0 == world.reboots


def test_one_that_fails_is_said_and_tried_again_the_next_day(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(step: Step, beat: Callable[[], None] = lambda: None) -> None:
        world.reboots += 1
        raise HostError("a lock is held by backup")

    world.host.perform = refuse  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR, "agent.rebooting"):
        world.consider()
        world.consider()

    assert 1 == world.reboots
    assert ["not rebooted (asked for by linux-base), tried again in a day: a lock is held by backup"] == [
        record.getMessage() for record in caplog.records
    ]
