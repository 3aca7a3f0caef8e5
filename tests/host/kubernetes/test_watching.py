"""Whatever a server says, and whatever goes wrong on the way, it is listened again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.host.kubernetes import watch
from agent.host.kubernetes.door import Door
from agent.host.kubernetes.events import Events
from tests.host.kubernetes.scripted import MAPS, Say, Scripted
from tests.waiting import until

GONE = b'{"type": "DELETED", "object": {"metadata": {"uid": "1"}}}\n'
HEARD = frozenset({"manifest"})


@pytest.fixture(name="heard")
def _heard(door: Door) -> Iterator[list[frozenset[str]]]:
    heard: list[frozenset[str]] = []
    door.listen(heard.append)
    yield heard
    if door._listener is not None:
        door._listener.stop()
        door._listener._thread.join(5)


@pytest.mark.parametrize(
    "line",
    [
        b'"x"',
        b"1",
        b"[" * 100_000,
        b'{"type": "ADDED", "object": {"metadata": {"managedFields": [{"fieldsV1": "x"}]}}}',
        b'{"type": "ADDED", "object": {"metadata": {"managedFields": 1}}}',
        b'{"type": "ADDED", "object": "x"}',
    ],
)
def test_an_event_that_is_none_ends_its_watch_only(
    server: Scripted, door: Door, heard: list[frozenset[str]], line: bytes
) -> None:
    """The next one begins soon, and hears what happens then."""
    server.answers(Say(200, line + b"\n"), Say(200, GONE))
    door.look().heed(MAPS)

    until(lambda: len(heard) >= 3)  # that a watch has begun, and again, and what is gone
    assert HEARD == door.hears


def test_a_bug_ends_one_watch_only(
    server: Scripted,
    door: Door,
    heard: list[frozenset[str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class StrangeError(Exception):
        pass

    def tells(self: Events, event: object) -> bool:
        monkeypatch.undo()
        raise StrangeError("hunter2")

    monkeypatch.setattr(Events, "tells", tells)
    server.answers(Say(200, GONE))
    door.look().heed(MAPS)

    until(lambda: len(heard) >= 3)
    assert ["an unexpected error: StrangeError at agent/host/kubernetes/watch.py"] == [
        record.getMessage().rpartition(":")[0] for record in caplog.records
    ]


def test_a_thread_that_has_ended_is_replaced_by_the_next_look(
    server: Scripted, door: Door, heard: list[frozenset[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def until_due(self: watch.Listener) -> None:
        raise MemoryError

    server.answers(Say(200, GONE))
    cluster = door.look()
    with monkeypatch.context() as broken:
        broken.setattr(watch.Listener, "_until_due", until_due)
        cluster.heed(MAPS)
        assert door._listener is not None
        door._listener._thread.join(10)
    assert not door.hears
    cluster.heed(MAPS)

    until(lambda: len(heard) >= 2)
    assert HEARD == door.hears
