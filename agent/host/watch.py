"""
Hears of what happens to files between two looks, on a thread of its own, and wakes who decides. Decides nothing.

docs/decisions/0017 says which events count. The thread sleeps in poll(2) until the kernel has something to say: of files, or of mounts.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.errors import HostError
from agent.host import DetourError
from agent.host.inotify import COMES_AND_GOES, LOST, OVERFLOW, Event, Inotify
from agent.host.mounted import MountEar, Waiting
from agent.host.places import Folder, folders
from agent.host.walk import NOT_THERE, Walk

log = logging.getLogger(__name__)

GATHER: Final = 0.02  # seconds between two readings: one for a burst, and not one for each event
_SHORT: Final = {errno.ENOSPC: "max_user_watches", errno.EMFILE: "max_user_instances"}

TRIES: Final = 3  # times that the watches are set again before a look, where folders come and go meanwhile

EVERYTHING: Final = frozenset[str]()  # events were lost: whatever is kept may have changed


class Watcher:
    """
    Watches the folders of what is kept. Between `attend` and `rest` a look is at work: then it only takes notes.

    All but the thread's own work is called by one thread.
    """

    def __init__(self, root: Path, *, inotify: Callable[[], Inotify] = Inotify) -> None:
        self._root = root
        self._open = inotify
        self._changed: Callable[[frozenset[str]], None] | None = None
        self._ear: _Ear | None = None
        self._places: Collection[str] = ()
        self._wanted: Mapping[str, Folder] = {}
        self._missed: frozenset[str] | None = None
        self.notices: tuple[str, ...] = ()  # why not all is heard, for a person

    def listen(self, changed: Callable[[frozenset[str]], None]) -> None:
        """
        From the next look on, have `changed` called by another thread with the places at which something happened.

        EVERYTHING is said when that is not known.
        """
        self._changed = changed

    @property
    def missed(self) -> frozenset[str] | None:
        """The folders of which nothing is heard at this moment ("" is the root); None: nothing is heard at all."""
        return self._missed if self._ear is not None and self._ear.is_alive else None

    def attend(self, places: Collection[str], *, anew: bool) -> frozenset[str] | None:
        """
        Begin a look: hear of all that happens at these places from now on; return what of that before was not told yet.

        None: it is not known. `anew`: the watches are set again, for what may have come without an event.
        """
        ear = self._listening()
        if ear is None:
            return None
        if anew or places is not self._places or self._missed is None:
            self._renew(ear, places)
        untold = ear.begin()
        for _ in range(TRIES):  # what was heard just now may be that a watched folder has come or gone
            if untold is None or not ear.stale:
                return untold
            self._renew(ear, places)
            more = ear.begin()
            untold = None if more is None else untold | more
        return untold

    def seen(self, places: Collection[str]) -> None:
        """These are about to be looked at again: what has happened there until now, be it our own work, will be seen."""
        if self._ear is not None:
            self._ear.forget(places)

    def elsewhere(self, places: Collection[str]) -> bool:
        """Say whether something has happened since the look began, but at these places, that was not seen."""
        return self._ear is not None and self._ear.noted(besides=places)

    def rest(self, *, well: bool) -> None:
        """End a look. Not `well`: what was to be seen may have been somebody else's work after all, and counts."""
        if self._ear is not None:
            self._ear.end(well=well)

    def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _listening(self) -> _Ear | None:
        """Return the ear; a new one where there is none yet, or its thread has died."""
        if self._changed is None:
            return None
        if self._ear is not None and not self._ear.is_alive:
            self.close()
        if self._ear is None:
            try:
                self._ear = _begun(self._root, self._open(), self._changed)
            except OSError as error:
                self._say(_why_deaf(error))
        return self._ear

    def _renew(self, ear: _Ear, places: Collection[str]) -> None:
        """Set the watches again. One that is there already stays; a folder that is not comes with the one above it."""
        if places is not self._places:
            self._wanted = folders(places)
        self._places, self._missed = places, None
        try:
            missed, trouble = ear.watch(self._root, self._wanted)
        except HostError:  # of the root itself: the look meets the same trouble, and says it
            return
        self._missed = frozenset(missed)
        self._say(_why_short(len(missed), len(self._wanted), trouble))

    def _say(self, notice: str) -> None:
        """Log it once, and have it in each report for as long as it is so."""
        notices = (notice,) if notice else ()
        if notice and notices != self.notices:
            log.warning("%s", notice)
        if self.notices and not notice:
            log.info("changes of all managed files are heard of again")
        self.notices = notices


class _Ear:
    """One instance of inotify, its watches, what is mounted over them, and the thread that hears of both."""

    def __init__(
        self, inotify: Inotify, mounts: MountEar, changed: Callable[[frozenset[str]], None]
    ) -> None:
        self.stale = True  # no watch is set yet; later, something happened to a watched folder itself
        self._inotify = inotify
        self._mounts = mounts
        self._changed = changed
        self._lock = threading.Lock()  # for all that follows: two threads read, and one of them sets watches
        self._folders: dict[int, list[tuple[str, Folder]]] = {}  # by the watch's number
        self._busy = False
        self._heard: set[str] = set()  # while busy
        self._lost = False  # while busy: events, so that everything counts as heard
        self._forgiven: set[str] = set()  # what was heard, and then looked at again
        self._stopped = threading.Event()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def watch(self, root: Path, wanted: Mapping[str, Folder]) -> tuple[Sequence[str], OSError | None]:
        """
        Watch these folders and no others; return those that could not be, and why the first. Raises HostError.

        Those that hold something come before those that are only on the way, should there not be enough for all.
        """
        with self._lock:
            self._take_notes()
            self._note(self._mounts.attend(wanted), lost=False)
            self.stale = False
            before, self._folders = self._folders, {}
            missed: list[str] = []
            trouble: OSError | None = None
            with Walk(root) as walk:
                for path in sorted(wanted, key=lambda path: (not wanted[path].holds, path)):
                    if trouble is not None and trouble.errno in _SHORT:
                        missed.append(path)
                    elif error := self._watch(walk, path, wanted[path]):
                        missed.append(path)
                        trouble = trouble or error
            for number in before.keys() - self._folders.keys():
                self._inotify.unwatch(number)
        return missed, trouble

    def _watch(self, walk: Walk, path: str, folder: Folder) -> OSError | None:
        try:
            descriptor = walk.folder(path)
        except DetourError:  # a link on the way: the folder in which it stands is watched for its name
            return None
        except HostError as error:
            return error.__cause__ if isinstance(error.__cause__, OSError) else None
        if descriptor is None:
            return None
        try:
            number = self._inotify.watch(descriptor, folder.mask)
        except OSError as error:
            return None if error.errno in NOT_THERE else error
        self._folders.setdefault(number, []).append((path, folder))
        return None

    def begin(self) -> frozenset[str] | None:
        """Return what was heard until now and not told, None for anything; and only take notes from now on."""
        with self._lock:
            self._take_notes()
            untold = None if self._lost else frozenset(self._heard)
            self._heard.clear()
            self._forgiven.clear()
            self._lost, self._busy = False, True
        return untold

    def forget(self, places: Collection[str]) -> None:
        with self._lock:
            self._take_notes()
            self._forgiven |= self._heard.intersection(places)
            self._heard.difference_update(places)

    def noted(self, *, besides: Collection[str]) -> bool:
        with self._lock:
            self._take_notes()
            return self._lost or not self._heard.issubset(besides)

    def end(self, *, well: bool) -> None:
        """Tell what was noted."""
        with self._lock:
            self._take_notes()
            self._busy = False
            heard = frozenset(self._heard if well else self._heard | self._forgiven)
            if self.stale:  # a folder has come that is not watched yet: the look that follows sets the watch, and sees it
                heard |= {place for place in self._forgiven if place.endswith("/")}
            lost = self._lost or (self.stale and not heard)
        if heard or lost:
            self._changed(EVERYTHING if lost else heard)

    def close(self) -> None:
        """End the thread, and with it the watches."""
        self._stopped.set()
        os.eventfd_write(self._bell, 1)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._inotify.close()
            self._mounts.close()
            os.close(self._bell)

    def _run(self) -> None:
        try:
            self._listen()
        except Exception:
            log.exception("hearing of changes ended in an unexpected error, and begins anew")
            self._changed(EVERYTHING)  # the look that follows finds this thread dead

    def _listen(self) -> None:
        waiting = Waiting(self._mounts, self._inotify.fileno(), self._bell)
        while not self._stopped.is_set():
            mounted = waiting.for_mounts()
            with self._lock:
                heard, lost = self._read()
                if mounted and (covered := self._mounts.news()):
                    self.stale = True
                    heard |= covered
                if self._busy:
                    self._note(heard, lost=lost)
                tells = (heard or lost) and not self._busy
            if tells:
                self._changed(EVERYTHING if lost else frozenset(heard))
            self._stopped.wait(GATHER)

    def _take_notes(self) -> None:
        heard, lost = self._read()
        self._note(heard, lost=lost)

    def _note(self, heard: Collection[str], *, lost: bool) -> None:
        self._heard.update(heard)
        self._lost |= lost

    def _read(self) -> tuple[set[str], bool]:
        """Return the places at which something happened, and whether more did that is not known."""
        heard: set[str] = set()
        lost = False
        for event in self._inotify.read():
            if event.mask & OVERFLOW:
                self.stale = lost = True
            heard.update(self._places_of(event))
        return heard, lost

    def _places_of(self, event: Event) -> Iterator[str]:
        for path, folder in self._folders.get(event.watch, ()):
            if event.mask & LOST:
                self.stale = True
                yield f"{path}/"
            elif event.name in folder.ways and event.mask & COMES_AND_GOES:
                self.stale = True
                yield f"{path}/{event.name}/"
            elif folder.matters(event.name):
                # All strangers in a folder count as one, or there would be no end to what is noted.
                yield f"{path}/{event.name if folder.keeps(event.name) else ''}"


def _begun(root: Path, inotify: Inotify, changed: Callable[[frozenset[str]], None]) -> _Ear:
    """Return an ear; raises OSError where mounts cannot be read."""
    try:
        return _Ear(inotify, MountEar(root), changed)
    except OSError:
        inotify.close()
        raise


def _why_deaf(error: OSError) -> str:
    return f"no folder is watched, and changes of files are found at the interval only: {_reason(error)}"


def _why_short(missed: int, wanted: int, trouble: OSError | None) -> str:
    if trouble is None:
        return ""
    return (
        f"{missed} of {wanted} folders are not watched, and what changes there is found at the interval only: "
        f"{_reason(trouble)}"
    )


def _reason(error: OSError) -> str:
    """Return why, with the way out where a limit is the reason (inotify(7), "/proc interfaces")."""
    if (limit := _SHORT.get(error.errno or 0)) is None:
        return os.strerror(error.errno or 0).lower()
    return f"fs.inotify.{limit} is used up; raise it: sysctl(8)"
