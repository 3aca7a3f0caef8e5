"""systemd is asked on a real bus, or itself, and what it answers is what is seen of its units."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.bus import asking
from agent.host.bus.asking import Asking
from agent.host.bus.units import path_of
from agent.model import Activity
from tests.host.fake_systemd import Systemd, bus

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")

WEB, DISK = path_of("web.service"), path_of("dev-disk-by\\x2duuid-1.swap")


@pytest.fixture(name="systemd", params=["bus", "private"])
def _systemd(short_path: Path, request: pytest.FixtureRequest) -> Iterator[Systemd]:
    with ExitStack() as stack:
        if request.param == "bus":
            stack.enter_context(bus(short_path))
        yield stack.enter_context(Systemd(short_path, private=request.param == "private"))


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAUSES", (0.01, 0.01))


def test_what_units_are_at_is_asked_of_many_at_once(short_path: Path, systemd: Systemd) -> None:
    """Those that systemd has not loaded are left out."""
    names = [f"unit-{number:03}.service" for number in range(2 * asking.BATCH + 1)]
    systemd.loaded = dict.fromkeys(names[1:], ("active", "running", ""))
    systemd.loaded[names[-1]] = ("deactivating", "stop-sigterm", "restart")
    found = Asking(short_path).loaded(names)

    assert set(names[1:]) == set(found)
    assert Activity(active="active", sub="running") == found[names[1]]
    assert Activity(active="deactivating", sub="stop-sigterm", job="restart") == found[names[-1]]
    assert ["ListUnitsByPatterns"] * 3 == systemd.asked[-3:]


def test_properties_are_what_they_are_on_the_bus(short_path: Path, systemd: Systemd) -> None:
    """One that a unit does not have is left out."""
    systemd.facts = {
        (WEB, "CanReload"): ("b", 1),
        (WEB, "LoadError"): ("(ss)", ("org.x.No", "why")),
        (WEB, "Triggers"): ("as", ["a.b", "c.d"]),
        (WEB, "ExecMainStatus"): ("i", -3),
        (WEB, "InvocationID"): ("ay", b"\x01\xff"),
        (DISK, "LoadError"): ("(ss)", ("", "")),
    }
    general = ("CanReload", "LoadError", "Triggers", "InvocationID")
    names = ("web.service", "dev-disk-by\\x2duuid-1.swap")

    assert {
        names[0]: {
            "CanReload": True,
            "LoadError": ("org.x.No", "why"),
            "Triggers": ["a.b", "c.d"],
            "ExecMainStatus": -3,
            "InvocationID": [1, 255],
        },
        names[1]: {"LoadError": ("", "")},
    } == Asking(short_path).properties(names, general=general, own=("ExecMainStatus",))


def test_how_unit_files_are_enabled(short_path: Path, systemd: Systemd) -> None:
    systemd.files = {"a.service": "enabled", "c@.service": "static"}

    assert systemd.files == Asking(short_path).enabled(("a.service", "b.service", "c@.service"))


def test_what_is_told_meanwhile_is_no_answer(short_path: Path, systemd: Systemd) -> None:
    systemd.general("Subscribe")
    systemd.with_answer["Get"] = ("web.service", "failed")
    systemd.facts = {(WEB, "CanReload"): ("b", 0)}

    assert {"web.service": {"CanReload": False}} == Asking(short_path).properties(
        ("web.service",), general=("CanReload",)
    )


def test_systemd_itself_is_asked_where_it_is_not_on_the_bus(short_path: Path) -> None:
    """As after a dbus-daemon was started anew, until systemd is connected to it."""
    with bus(short_path), Systemd(short_path, private=True) as systemd:
        systemd.loaded = {"a.service": ("active", "running", "")}
        assert set(systemd.loaded) == set(Asking(short_path).loaded(("a.service",)))


def test_one_that_begins_anew_is_waited_for(short_path: Path) -> None:
    started = threading.Event()

    def start() -> None:
        time.sleep(0.2)
        systemd = Systemd(short_path, private=True)
        systemd.files = {"a.service": "enabled"}
        started.wait(10)
        systemd.leave()

    thread = threading.Thread(target=start)
    thread.start()
    found = Asking(short_path).enabled(("a.service",))
    started.set()
    thread.join()

    assert {"a.service": "enabled"} == found


@pytest.mark.usefixtures("quick")
def test_that_none_answers_is_said_with_both_places(short_path: Path) -> None:
    beats: list[int] = []
    with pytest.raises(HostError) as caught:
        Asking(short_path, lambda: beats.append(1)).loaded(("a.service",))

    assert "systemd cannot be asked about units: /run/dbus/system_bus_socket: No such file or directory; /run/systemd/private: No such file or directory" == str(caught.value)  # fmt: skip
    assert "trued doctor" in caught.value.hint
    assert beats


@pytest.mark.usefixtures("quick")
def test_one_that_does_not_answer_is_left(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked again and again: each time takes long."""
    monkeypatch.setattr(asking, "WAYS", ((asking.PRIVATE, 0.1),))
    with Systemd(short_path, private=True) as systemd:
        systemd.mute = True
        monkeypatch.setattr(asking, "WAIT", 0.0)
        with pytest.raises(HostError, match=r"/run/systemd/private: the bus does not answer"):
            Asking(short_path).loaded(("a.service",))

        assert ["ListUnitsByPatterns"] == systemd.asked


def test_nothing_is_asked_where_there_is_nothing_to_ask_about(short_path: Path) -> None:
    asks = Asking(short_path)

    assert ({}, {}, {}) == (asks.loaded(()), asks.properties(()), asks.enabled(()))
