"""The doctor says whether what happens to units can be heard, and by which way."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.doctor import Grade
from agent.doctor.bus import bus
from tests.host import fake_systemd
from tests.host.fake_systemd import Systemd


@pytest.fixture
def root(short_path: Path) -> Path:
    (short_path / "run/systemd/system").mkdir(parents=True)
    return short_path


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")
def test_systemd_on_the_bus(root: Path) -> None:
    with fake_systemd.bus(root), Systemd(root):
        found = bus(root)

    assert (Grade.OK, "systemd answers on the system bus, /run/dbus/system_bus_socket") == (
        found.grade,
        found.text,
    )


@pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="there is no dbus-daemon")
def test_a_bus_without_systemd_is_said(root: Path) -> None:
    with fake_systemd.bus(root):
        found = bus(root)

    assert found.grade is Grade.WARNING
    assert "org.freedesktop.DBus.Peer.Ping: org.freedesktop.DBus.Error" in found.text


def test_systemd_without_a_bus(root: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(Systemd(root, private=True))
        found = bus(root)

    assert found.grade is Grade.OK
    assert "systemd itself answers" in found.text


def test_neither_is_said(root: Path) -> None:
    found = bus(root)

    assert found.grade is Grade.WARNING
    assert "found at the interval only" in found.text
    assert "apt-get install dbus" in found.mend


def test_without_systemd_it_says_nothing(short_path: Path) -> None:
    assert bus(short_path).grade is Grade.SKIPPED
