"""Folders that are replaced, or come and go, right before a look and during one: what happens in them later is heard."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host import watch
from agent.host.inotify import Event, Inotify
from agent.host.walk import Walk
from agent.host.watch import EVERYTHING, GATHER, TRIES, Watcher
from tests.host.hearing import Heard

PLACES = ("/etc/app/file", "/etc/other")


class Late(Inotify):
    """An instance whose thread comes to read nothing while it is `late`: a look may begin before it does, at any time."""

    late = False
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def read(self) -> Iterator[Event]:
        if self.late and threading.current_thread().name == "watch":
            return iter(())
        return super().read()

    def watch(self, folder: int, mask: int) -> int:
        number = super().watch(folder, mask)
        if Path(f"/proc/self/fd/{folder}").readlink().name == "app":
            self.meanwhile()
        return number


@pytest.fixture(name="inotify")
def _inotify() -> Late:
    return Late()


@pytest.fixture(name="heard")
def _heard() -> Heard:
    return Heard(GATHER * 10)


@pytest.fixture(name="watcher")
def _watcher(tmp_path: Path, inotify: Late, heard: Heard) -> Iterator[Watcher]:
    (tmp_path / "etc/app").mkdir(parents=True)
    watcher = Watcher(tmp_path, inotify=lambda: inotify)
    watcher.listen(heard)
    watcher.attend(PLACES, anew=True)
    watcher.rest(well=True)
    inotify.late = True
    yield watcher
    watcher.close()


def replace(tmp_path: Path) -> None:
    """Put another folder in the place of one."""
    old = len(list((tmp_path / "etc").iterdir()))
    (tmp_path / "etc/app").rename(tmp_path / f"etc/old-{old}")
    (tmp_path / "etc/app").mkdir()


def hears(heard: Heard, inotify: Late, path: Path) -> bool:
    """Return whether what happens from now on is told."""
    assert heard.nothing()
    inotify.late = False
    path.write_text("x")
    return "/etc/app/file" in frozenset().union(*heard.taken(5))


def replace_again(tmp_path: Path, times: int) -> Callable[[], None]:
    """Return what replaces it, and does so for the first times that it is called."""
    left = [*range(times)]

    def again() -> None:
        if left:
            left.pop()
            replace(tmp_path)

    replace(tmp_path)
    return again


@pytest.mark.parametrize("times", [0, 2], ids=["once", "also each time the watches are set"])
def test_a_folder_that_was_replaced_right_before_a_look_is_heard_after_it(
    watcher: Watcher, inotify: Late, heard: Heard, tmp_path: Path, times: int
) -> None:
    """And told to the look, which has to see what is in it now."""
    inotify.meanwhile = replace_again(tmp_path, times)
    told = watcher.attend(PLACES, anew=False)
    watcher.rest(well=True)

    assert told is not None
    assert "/etc/app/" in told
    assert 1 + times == len([*(tmp_path / "etc").glob("old-*")])
    assert hears(heard, inotify, tmp_path / "etc/app/file")


def test_one_that_does_not_come_to_rest_takes_another_look(
    watcher: Watcher, inotify: Late, heard: Heard, tmp_path: Path
) -> None:
    inotify.meanwhile = replace_again(tmp_path, TRIES)
    watcher.attend(PLACES, anew=False)
    watcher.rest(well=True)
    assert [EVERYTHING] == heard.taken(5)
    watcher.attend(PLACES, anew=True)
    watcher.rest(well=True)

    assert hears(heard, inotify, tmp_path / "etc/app/file")


def test_one_that_was_made_by_the_look_itself_takes_another_look(
    tmp_path: Path, inotify: Late, heard: Heard
) -> None:
    """Our own work is forgiven; but what comes into it before it is watched makes no event."""
    places = ("/claimed/", "/claimed/file", "/ours")
    watcher = Watcher(tmp_path, inotify=lambda: inotify)
    watcher.listen(heard)
    watcher.attend(places, anew=True)
    (tmp_path / "claimed").mkdir()
    (tmp_path / "ours").write_text("x")
    watcher.seen(places)
    watcher.rest(well=True)
    assert [frozenset({"/claimed/"})] == heard.taken(5)
    watcher.attend(places, anew=False)
    watcher.rest(well=True)
    assert heard.nothing()
    (tmp_path / "claimed/stray").write_text("x")

    assert {frozenset({"/claimed/"})} == set(heard.taken(5))
    watcher.close()


class Denied(Walk):
    """A way on which one folder lets nobody in, as a network's file system may."""

    def _enter(self, name: str) -> bool:
        if name == "app":
            raise HostError("no") from PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return super()._enter(name)


def test_a_folder_that_lets_nobody_in_is_not_taken_for_a_heard_one(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in it is looked at at each interval; what is beside it is heard of all the same."""
    with monkeypatch.context() as patch:
        patch.setattr(watch, "Walk", Denied)
        watcher.attend(PLACES, anew=True)
        watcher.rest(well=True)
    assert frozenset({"/etc/app"}) == watcher.missed
    assert "permission denied" in watcher.notices[0]
    watcher.attend(PLACES, anew=True)
    watcher.rest(well=True)

    assert (frozenset(), ()) == (watcher.missed, watcher.notices)


def test_our_own_work_is_forgiven_however_much_it_is(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    """More than is read at once, and more than the thread had the time to read."""
    watcher.attend(PLACES, anew=False)
    for _ in range(2000):
        (tmp_path / "etc/other").write_text("x")
        (tmp_path / "etc/other").unlink()
    watcher.seen(["/etc/other"])
    watcher.rest(well=True)

    assert heard.nothing()


def test_a_root_that_was_not_there_is_watched_once_it_is(tmp_path: Path, heard: Heard) -> None:
    """With the next look, whatever that is at."""
    watcher = Watcher(tmp_path / "root")
    watcher.listen(heard)
    watcher.attend(PLACES, anew=True)
    watcher.rest(well=True)
    assert watcher.missed is None
    (tmp_path / "root/etc").mkdir(parents=True)
    watcher.attend(PLACES, anew=False)
    watcher.rest(well=True)
    assert watcher.missed == frozenset()
    (tmp_path / "root/etc/other").write_text("x")

    assert "/etc/other" in frozenset().union(*heard.taken(5))
    watcher.close()
