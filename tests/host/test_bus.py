"""What happens to a unit that is kept is heard from a real dbus-daemon, and nothing else is."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.host.bus import ear as ears
from agent.host.bus import units
from agent.host.bus.ear import NEWS, UnitEar
from agent.model import ResourceId
from tests.host import hearing
from tests.host.fake_systemd import Systemd, bus
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")

MOMENT = 0.25  # seconds in which nothing is heard, or it would have been


class Heard(hearing.Heard):
    def something(self) -> bool:
        return set(self.taken(10)) == {NEWS}


@pytest.fixture(name="heard")
def _heard() -> Heard:
    return Heard(MOMENT)


@pytest.fixture(name="ear")
def _ear(short_path: Path, heard: Heard) -> Iterator[UnitEar]:
    ear = UnitEar(short_path)
    ear.listen(heard)
    yield ear
    ear.close()


@pytest.fixture(name="systemd", params=["bus", "private"])
def _systemd(short_path: Path, request: pytest.FixtureRequest) -> Iterator[Systemd]:
    with ExitStack() as stack:
        if request.param == "bus":
            stack.enter_context(bus(short_path))
        aliases = {"alias.service": "own.service"}
        yield stack.enter_context(Systemd(short_path, private=request.param == "private", aliases=aliases))


def places(*names: str) -> tuple[str, ...]:
    return tuple(map(units.place, names))


def looked(ear: UnitEar, *names: str) -> tuple[str, ...]:
    kept = places(*names)
    ear.attend(kept)
    ear.rest(well=True)
    return kept


def test_only_what_is_kept_is_told(ear: UnitEar, systemd: Systemd, heard: Heard) -> None:
    looked(ear, "web.service", "db-1@x.service")
    assert ear.hears
    assert heard.nothing()  # the look began after it was listening
    systemd.becomes("other.service", "failed")
    assert heard.nothing()
    systemd.becomes("web.service", "failed")
    assert heard.something()
    systemd.becomes("db-1@x.service", "inactive")

    assert heard.something()


def test_only_what_a_unit_is_kept_for_is_told(ear: UnitEar, systemd: Systemd, heard: Heard) -> None:
    """Not what is on its way, not what a service says of itself, and not a restart as a whole."""
    looked(ear, "web.service")
    systemd.becomes("web.service", "active")
    systemd.becomes("web.service", "active", StatusText=("s", "fine"))
    for state, job in (
        ("active", 7),
        ("deactivating", 7),
        ("inactive", 7),
        ("activating", 7),
        ("active", 0),
    ):
        systemd.becomes("web.service", state, job=job)
    systemd.becomes("web.service", "activating")  # systemd itself starts it again
    systemd.becomes("web.service", "active")
    assert heard.nothing()
    systemd.becomes("web.service", "inactive")

    assert heard.something()


def test_a_unit_is_heard_of_by_another_name(ear: UnitEar, systemd: Systemd, heard: Heard) -> None:
    """systemd tells of it by its own; one that cannot be loaded does not keep the others from being heard."""
    looked(ear, "alias.service", "bad.service")
    systemd.becomes("own.service", "failed")

    assert heard.something()


def test_what_may_be_about_any_unit_is_told(ear: UnitEar, systemd: Systemd, heard: Heard) -> None:
    looked(ear, "web.service")
    systemd.general("Reloading", "b", 1)
    assert heard.nothing()
    systemd.general("Reloading", "b", 0)
    assert heard.something()
    systemd.general("UnitFilesChanged")

    assert heard.something()


def test_units_that_come_and_go_are_listened_for(ear: UnitEar, systemd: Systemd, heard: Heard) -> None:
    looked(ear, "web.service")
    looked(ear, "db.service")
    systemd.becomes("web.service", "failed")
    assert heard.nothing()
    systemd.becomes("db.service", "failed")
    assert heard.something()
    looked(ear, *(f"many-{number}.service" for number in range(units.MANY + 1)))
    systemd.becomes("db.service", "inactive")
    assert heard.nothing()
    systemd.becomes("many-7.service", "inactive")

    assert heard.something()


def test_our_own_work_is_forgiven_and_anybody_elses_is_told(
    ear: UnitEar, systemd: Systemd, heard: Heard
) -> None:
    """What systemd tells late, too: it is asked first whether that was all."""
    kept = looked(ear, "ours.service", "theirs.service")
    for state, well in (("inactive", True), ("active", False)):
        ear.attend(kept)
        systemd.becomes("ours.service", state)
        systemd.general("UnitFilesChanged")
        ear.seen(places("ours.service"))
        assert heard.nothing()
        ear.rest(well=well)
        assert heard.nothing() if well else heard.something()
    ear.attend(kept)
    systemd.becomes("theirs.service", "failed")
    ear.seen(places("ours.service"))
    ear.rest(well=True)
    assert heard.something()
    ear.attend(kept)
    ear.seen(places("ours.service"))
    systemd.becomes("ours.service", "failed")
    ear.rest(well=True)

    assert heard.something()


def test_what_is_told_in_one_breath_with_an_answer_is_heard(
    short_path: Path, ear: UnitEar, heard: Heard
) -> None:
    """It is all read at once, and the kernel has nothing more to wake anybody for."""
    with Systemd(short_path, private=True) as systemd:
        kept = looked(ear, "web.service")
        assert heard.nothing()
        systemd.with_answer["Ping"] = ("web.service", "failed")
        ear.attend(kept)
        ear.seen(kept)
        ear.rest(well=True)
        assert heard.something()
        systemd.with_answer["LoadUnit"] = ("web.service", "inactive")
        systemd.general("UnitFilesChanged")

        until(lambda: [NEWS, NEWS] == heard.told)  # one for all units, and one for this


def test_during_a_look_it_says_whether_something_happened_to_others(ear: UnitEar, systemd: Systemd) -> None:
    """Not what may be about any unit: our own commands make it, too."""
    kept, ours = looked(ear, "ours.service", "theirs.service"), [ResourceId("unit", "ours.service")]
    ear.attend(kept)
    systemd.becomes("ours.service", "inactive")
    systemd.general("UnitFilesChanged")
    ear.seen(places("theirs.service"))  # all is heard by then
    assert not ear.others(ours, 0.0)
    systemd.becomes("theirs.service", "failed")

    until(lambda: ear.others(ours, 0.0), 10)


def test_it_hears_again_when_systemd_begins_anew(short_path: Path, ear: UnitEar, heard: Heard) -> None:
    """And tells it: something may have been missed."""
    with bus(short_path):
        with Systemd(short_path):
            looked(ear, "web.service")
        until(lambda: not ear.hears)
        with Systemd(short_path) as systemd:
            assert heard.something()
            systemd.becomes("web.service", "failed")
            assert heard.something()


def test_it_hears_again_when_the_bus_was_restarted(short_path: Path, ear: UnitEar, heard: Heard) -> None:
    with bus(short_path), Systemd(short_path):
        looked(ear, "web.service")
    until(lambda: not ear.hears)
    with bus(short_path), Systemd(short_path) as systemd:
        assert heard.something()
        systemd.becomes("web.service", "failed")
        assert heard.something()


def test_others_on_the_bus_are_not_believed(short_path: Path, ear: UnitEar, heard: Heard) -> None:
    """Whoever may use the bus may send a signal, to all or to us."""
    with bus(short_path), Systemd(short_path) as systemd:
        looked(ear, "web.service")
        with Systemd(short_path) as stranger:  # who gets no name: it is taken
            stranger._subscribed = True
            stranger.becomes("web.service", "failed")
            for number in range(5):
                stranger.signal(
                    units.MANAGER, f"{units.SYSTEMD}.Manager.UnitFilesChanged", destination=f":1.{number}"
                )
            assert heard.nothing()
        systemd.becomes("web.service", "failed")
        assert heard.something()


def test_who_keeps_no_units_pays_nothing(short_path: Path, ear: UnitEar) -> None:
    ear.attend(
        ("/etc/motd", "/etc/systemd/system/web.service.d/x.conf", "/etc/systemd/system/each@.service")
    )
    ear.rest(well=True)

    assert "units" not in {thread.name for thread in threading.enumerate()}


def test_no_bus_at_all_is_said_once(
    short_path: Path,
    ear: UnitEar,
    heard: Heard,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a notice in each report for as long as it is so; and when there is one, it is heard."""
    monkeypatch.setattr(ears, "LATE", 0.1)
    monkeypatch.setattr(ears, "SOON", 0.01)
    kept = looked(ear, "web.service")
    with caplog.at_level(logging.INFO):
        until(lambda: looked(ear, "web.service") and ear.notices)
        looked(ear, "web.service")
        with bus(short_path), Systemd(short_path):
            assert heard.something()
            ear.attend(kept)
            ear.rest(well=True)

    assert ear.notices == ()
    said = caplog.messages
    assert len(said) == 2
    assert said[0].startswith(
        "systemd is not heard, and what happens to units is found at the interval only: /run/dbus/"
    )
    assert said[1] == "what happens to units is heard of again"


def test_a_thread_that_dies_is_said_and_begun_anew(
    ear: UnitEar,
    systemd: Systemd,
    heard: Heard,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked(ear, "web.service")
    with monkeypatch.context() as broken:
        broken.setattr(units, "settled", lambda _: 1 / 0)
        systemd.becomes("web.service", "failed")
        assert heard.something()
    until(lambda: not ear.hears)
    assert ["hearing of units ended in an unexpected error, and begins anew"] == caplog.messages
    looked(ear, "web.service")
    systemd.becomes("web.service", "inactive")

    assert heard.something()
