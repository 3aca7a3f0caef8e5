"""What `Watcher` hears, what it forgives, and what it says when it cannot hear."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host import inotify
from agent.host.inotify import Inotify
from agent.host.places import folders
from agent.host.watch import EVERYTHING, GATHER, Watcher
from tests.host import hearing
from tests.waiting import until

MOMENT = GATHER * 10  # seconds in which nothing is heard, or it would have been


class Heard(hearing.Heard):
    def only(self, *places: str) -> bool:
        return frozenset().union(*self.taken(5)) == frozenset(places)


@pytest.fixture(name="heard")
def _heard() -> Heard:
    return Heard(MOMENT)


@pytest.fixture(name="watcher")
def _watcher(tmp_path: Path, heard: Heard) -> Iterator[Watcher]:
    watcher = Watcher(tmp_path)
    watcher.listen(heard)
    yield watcher
    watcher.close()


def looked(watcher: Watcher, *places: str) -> tuple[str, ...]:
    watcher.attend(places, anew=True)
    watcher.rest(well=True)
    return places


def test_the_kernel_tells_of_a_name_in_a_folder(tmp_path: Path) -> None:
    """The contract with inotify(7), on which all else stands."""
    ear = Inotify()
    descriptor = os.open(tmp_path, os.O_PATH)
    number = ear.watch(descriptor, inotify.COMES_AND_GOES)
    assert number == ear.watch(descriptor, inotify.ATTRIB)  # the same folder is one watch, for both
    os.close(descriptor)
    (tmp_path / "naïve").write_text("x")
    (tmp_path / "naïve").chmod(0o600)
    (tmp_path / "naïve").rename(tmp_path / "other")
    found = [(event.watch, event.mask, event.name) for event in ear.read()]
    ear.unwatch(number)
    masks = (inotify.CREATE, inotify.ATTRIB, inotify.MOVED_FROM, inotify.MOVED_TO)

    assert [
        (number, mask, name) for mask, name in zip(masks, ("naïve",) * 3 + ("other",), strict=True)
    ] == found
    assert [inotify.IGNORED] == [event.mask for event in ear.read()]
    assert [] == list(ear.read())
    ear.close()


def test_a_folder_is_watched_and_those_above_it_for_the_way() -> None:
    found = folders(("/etc/motd", "/srv/app/a", "/srv/app/b", "/srv/clean/"))

    assert {"", "/etc", "/srv", "/srv/app", "/srv/clean"} == set(found)
    assert {"a", "b"} == {name for name in ("a", "b", "c", "app") if found["/srv/app"].keeps(name)}
    assert (True, set()) == (found["/srv/app"].holds, found["/srv/app"].ways)
    assert not found["/srv"].holds
    assert {"app", "clean"} == found["/srv"].ways
    assert found["/srv/clean"].whole
    assert not found["/srv"].mask & inotify.CLOSE_WRITE  # a busy folder on the way costs little


def test_only_what_matters_is_told(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    looked(watcher, "/etc/motd")
    (tmp_path / "etc/other").write_text("x")
    (tmp_path / "stranger").mkdir()
    assert heard.nothing()
    (tmp_path / "etc/motd").write_text("x")

    assert heard.only("/etc/motd")


def test_all_strangers_in_a_folder_are_one_place(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    """But for our own temporaries."""
    (tmp_path / "clean").mkdir()
    looked(watcher, "/clean/", "/clean/kept")
    (tmp_path / "clean/.trued-0123456789abcdef").write_text("x")
    assert heard.nothing()
    for name in ("one", "two", "kept"):
        (tmp_path / "clean" / name).write_text("x")

    assert heard.only("/clean/", "/clean/kept")


def test_a_folder_that_comes_is_watched_after_the_look_that_follows(
    watcher: Watcher, heard: Heard, tmp_path: Path
) -> None:
    places = looked(watcher, "/srv/app/file")
    (tmp_path / "srv/app").mkdir(parents=True)
    assert heard.only("/srv/")
    watcher.attend(places, anew=True)
    watcher.rest(well=True)
    assert heard.nothing()
    (tmp_path / "srv/app/file").write_text("x")

    assert heard.only("/srv/app/file")


def test_a_link_on_the_way_is_not_followed(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    """What is behind it is not heard of; that the link becomes a folder is."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    looked(watcher, "/link/file")
    (tmp_path / "real/file").write_text("x")
    assert heard.nothing()
    (tmp_path / "link").unlink()

    assert heard.only("/link/")


def test_what_was_not_told_yet_is_handed_to_the_look_that_begins(
    watcher: Watcher, heard: Heard, tmp_path: Path
) -> None:
    """A look at a part would miss it otherwise."""
    places = looked(watcher, "/one", "/two")
    assert frozenset() == watcher.attend(places, anew=False)
    (tmp_path / "one").write_text("x")
    found = watcher.attend(places, anew=False) or frozenset()
    watcher.rest(well=True)
    told = frozenset().union(*heard.told)

    assert {"/one"} == found | told


def test_it_says_what_it_does_not_hear(tmp_path: Path, heard: Heard) -> None:
    watcher = Watcher(tmp_path, inotify=Scarce)
    watcher.listen(heard)
    assert watcher.missed is None
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    looked(watcher, "/a/file", "/b/file", "/c/file")

    assert frozenset({"/c", ""}) == watcher.missed
    watcher.close()
    assert watcher.missed is None


def test_during_a_look_it_takes_notes(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    """What comes after the look began is told when it is over."""
    (tmp_path / "before").write_text("x")
    watcher.attend(("/before", "/during"), anew=True)
    (tmp_path / "during").write_text("x")
    assert heard.nothing()
    watcher.rest(well=True)

    assert heard.only("/during")


def test_during_a_look_it_says_whether_something_happened_elsewhere(
    watcher: Watcher, tmp_path: Path
) -> None:
    kept = looked(watcher, "/ours", "/theirs")
    watcher.attend(kept, anew=False)
    (tmp_path / "ours").write_text("x")
    assert not watcher.elsewhere(["/ours"])
    (tmp_path / "theirs").write_text("x")
    assert watcher.elsewhere(["/ours"])
    assert watcher.elsewhere([])
    watcher.seen(["/theirs"])

    assert not watcher.elsewhere(["/ours"])


def test_what_was_looked_at_again_is_forgiven(watcher: Watcher, heard: Heard, tmp_path: Path) -> None:
    """Until then; what comes later may be anybody's, and so is all if it was not well."""
    watcher.attend(("/ours", "/theirs"), anew=True)
    (tmp_path / "ours").write_text("x")
    (tmp_path / "theirs").write_text("x")
    watcher.seen(["/ours"])
    watcher.rest(well=True)
    assert heard.only("/theirs")

    watcher.attend(("/ours",), anew=True)
    (tmp_path / "ours").write_text("y")
    watcher.seen(["/ours"])
    (tmp_path / "ours").write_text("z")
    watcher.rest(well=True)
    assert heard.only("/ours")

    watcher.attend(("/ours",), anew=True)
    (tmp_path / "ours").write_text("y")
    watcher.seen(["/ours"])
    watcher.rest(well=False)
    assert heard.only("/ours")


class Flooded(Inotify):
    """An instance whose queue was full once, or whose reading breaks."""

    def __init__(self, trouble: list[BaseException | None]) -> None:
        super().__init__()
        self.trouble = trouble

    def read(self) -> Iterator[inotify.Event]:
        yield from super().read()
        if self.trouble and threading.current_thread().name == "watch":
            if (broken := self.trouble.pop()) is not None:
                raise broken
            yield inotify.Event(-1, inotify.OVERFLOW, "")


def flooded(tmp_path: Path, heard: Heard, *trouble: BaseException | None) -> Watcher:
    every = list(trouble)
    watcher = Watcher(tmp_path, inotify=lambda: Flooded(every))
    watcher.listen(heard)
    return watcher


def test_an_overflow_is_everything(tmp_path: Path, heard: Heard) -> None:
    watcher = flooded(tmp_path, heard, None)
    looked(watcher, "/file")
    (tmp_path / "other").mkdir()
    (tmp_path / "file").write_text("x")
    until(lambda: heard.told, 5)
    watcher.close()

    assert EVERYTHING in heard.told


def test_a_thread_that_dies_is_said_and_begun_anew(
    tmp_path: Path, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    """The look is asked for at once, and what happens after it is heard again."""
    watcher = flooded(tmp_path, heard, ValueError("hunter2"))
    places = looked(watcher, "/file")
    with caplog.at_level(logging.ERROR):
        (tmp_path / "file").write_text("x")
        until(lambda: EVERYTHING in heard.told, 5)
    until(lambda: "watch" not in {thread.name for thread in threading.enumerate()}, 5)
    assert ["hearing of changes ended in an unexpected error, and begins anew"] == caplog.messages
    heard.told.clear()
    watcher.attend(places, anew=True)
    watcher.rest(well=True)
    (tmp_path / "file").write_text("y")

    assert heard.only("/file")
    watcher.close()


class Scarce(Inotify):
    """An instance that gives few watches."""

    limit = 2

    def watch(self, folder: int, mask: int) -> int:
        number = super().watch(folder, mask)
        if number <= self.limit:
            return number
        self.unwatch(number)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_too_few_watches_are_said_once(
    tmp_path: Path, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    """Folders that hold something come first; who raises the limit hears of it after the next renewal."""
    watcher = Watcher(tmp_path, inotify=Scarce)
    watcher.listen(heard)
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    looked(watcher, "/a/file", "/b/file", "/c/file")
    looked(watcher, "/a/file", "/b/file", "/c/file", "/c/other")
    (tmp_path / "a/file").write_text("x")
    assert heard.only("/a/file")
    said = (
        "2 of 4 folders are not watched, and what changes there is found at the interval only: "
        "fs.inotify.max_user_watches is used up; raise it: sysctl(8)"
    )

    assert (said,) == watcher.notices
    assert [said] == caplog.messages
    watcher.close()


def test_no_instance_at_all_is_said_once(
    tmp_path: Path, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    def none() -> Inotify:
        raise OSError(errno.EMFILE, "x")

    watcher = Watcher(tmp_path, inotify=none)
    watcher.listen(heard)
    looked(watcher, "/file")
    looked(watcher, "/file")

    assert 1 == len(caplog.messages)
    assert "fs.inotify.max_user_instances is used up" in watcher.notices[0]
    watcher.close()


def test_who_listens_not_is_not_told(tmp_path: Path) -> None:
    """A verb that looks once opens nothing and starts no thread."""
    watcher = Watcher(tmp_path)
    looked(watcher, "/file")

    assert "watch" not in {thread.name for thread in threading.enumerate()}
    watcher.close()
