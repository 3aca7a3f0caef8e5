"""The kind `unit`: what is read of systemd and of the journal, and how often."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import replace
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

import pytest

from agent.host import Answer
from agent.kinds.unit import KIND
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import UnitState
from tests.fakes import FakeHost, FakeProbe
from tests.kinds.hosts.unit import Systemd
from tests.kinds.test_unit import host, seen

T = TypeVar("T")
RUN = b"dead.service".hex()


def test_one_unit_of_which_nothing_can_be_said_hides_no_other() -> None:
    on = host(
        {
            "a.service": {"enabled": "bad"},
            "b.service": {"enabled": "enabled"},
            "c.service": {"enabled": "static"},
        }
    )
    have = KIND.observe(on.probe(), dict.fromkeys(("a.service", "b.service", "c.service")))
    assert ["", "enabled", "static"] == [one.enabled for one in have.values() if isinstance(one, UnitState)]


def test_one_that_a_script_of_init_d_stands_for_is_enabled_as_its_own_command_says() -> None:
    """systemd calls what it has made of the script generated, as it does what comes from /etc/fstab."""
    unit = {"enabled": "generated"}
    on = host({"old.service": unit, "mnt.mount": unit}, files={"/etc/init.d/old": ""})
    on.commands["systemctl"] = lambda argv, stdin: Answer(0, f"enabled{argv[5:]}\n", "")
    have = KIND.observe(on.probe(), dict.fromkeys(("old.service", "mnt.mount")))
    assert ["enabled()", "generated"] == [one.enabled for one in have.values() if isinstance(one, UnitState)]


class Remembering(FakeProbe):
    """Remembers for as long as its host is there: no file changes."""

    known: ClassVar[WeakKeyDictionary[FakeHost, dict[Hashable, Any]]] = WeakKeyDictionary()

    def remembered(self, key: Hashable, paths: Collection[str], read: Callable[[], T]) -> T:
        known = self.known.setdefault(self.host, {})
        if key not in known:
            known[key] = read()
        answer: T = known[key]
        return answer


def questions(on: FakeHost) -> list[str]:
    """Return a list that grows with each question to systemd."""
    assert isinstance(on.systemd, Systemd)
    on.systemd.asked.clear()
    return on.systemd.asked


def test_what_systemd_has_yet_to_read_is_asked_again_and_what_it_has_read_is_not() -> None:
    on = host({"a.service": {"active": "active", "reload_needed": True}})
    asked = questions(on)
    for _ in range(2):
        KIND.observe(Remembering(on), {"a.service": None})
    on.commands["systemctl"](("systemctl", "daemon-reload"), b"")
    for _ in range(2):
        KIND.observe(Remembering(on), {"a.service": None})
    assert (3, 4) == (asked.count("properties"), asked.count("loaded"))


def test_a_look_at_one_unit_is_answered_by_what_a_look_at_all_has_read() -> None:
    on = host({name: {"active": "active"} for name in ("a.service", "b.service")})
    both = dict.fromkeys(("a.service", "b.service"))
    before = KIND.observe(Remembering(on), both)
    asked = questions(on)
    assert before["b.service"] == KIND.observe(Remembering(on), {"b.service": None})["b.service"]
    assert before == KIND.observe(Remembering(on), both)
    assert ["loaded"] * 2 == asked


def test_the_journal_of_a_unit_that_was_only_stopped_is_not_read() -> None:
    """To read it takes longer than to start the unit."""
    units = {"stopped.service": {}, "unmet.service": {"unmet": True}, "dead.service": {"active": "failed"}}
    on = host(units)
    read = journal_of(on, "")
    KIND.observe(on.probe(), {name: UnitSpec(active=True) for name in units})
    assert {"unmet.service", f"INVOCATION_ID={RUN}"} == {argv[-1] for argv in read}


def journal_of(on: FakeHost, said: str) -> list[tuple[str, ...]]:
    """Have the journal say this; return a list that grows with each time it is read."""
    read: list[tuple[str, ...]] = []
    on.commands["journalctl"] = lambda argv, stdin: (read.append(argv), Answer(0, said, ""))[1]
    return read


def entry(text: object, at: int, **more: str) -> str:
    """Return an entry of the journal; the unit was started at second 1795403948."""
    return json.dumps({"MESSAGE": text, "__REALTIME_TIMESTAMP": f"{1_795_403_948 + at}000000", **more})


BY_UNIT, BY_SYSTEMD = (
    {"_SYSTEMD_UNIT": "dead.service"},
    {"_SYSTEMD_UNIT": "init.scope", "INVOCATION_ID": RUN},
)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([entry("before", -1, **BY_UNIT), entry("Started", 0, **BY_SYSTEMD)], "Started"),
        ([entry("bad\nluck", 0, **BY_UNIT), entry("Failed", 1, **BY_SYSTEMD)], "bad; luck"),
        ([entry(f"{at}", at, **BY_UNIT) for at in range(9)], "4; 5; 6; 7; 8"),
        ([entry([0xFF, 0x61], 0, **BY_UNIT), entry(None, 0, **BY_UNIT), "{"], "\ufffda"),
        ([], ""),
    ],
)
def test_the_last_words_of_a_run_are_those_of_its_processes_or_of_systemd(
    entries: list[str], said: str
) -> None:
    """Never of both, nor of a run before it."""
    on = host({"dead.service": {"active": "failed"}})
    journal_of(on, "\n".join(entries))
    assert said == seen(on, "dead.service", UnitSpec(active=True)).trouble.said


@pytest.mark.parametrize(("ago", "times"), [(0, 3), (9, 2)])
def test_the_last_words_of_one_run_are_read_once_when_they_are_all_there(ago: int, times: int) -> None:
    on = host({"dead.service": {"active": "failed"}})
    assert isinstance(on.systemd, Systemd)
    on.systemd.changed = (int(time.time()) - ago) * 1_000_000
    read, want = journal_of(on, entry("bad", 0, **BY_UNIT)), {"dead.service": UnitSpec(active=True)}
    assert KIND.observe(Remembering(on), want) == KIND.observe(Remembering(on), want)
    on.systemd.units["dead.service"] = replace(on.systemd.units["dead.service"], restarts="1")
    KIND.observe(Remembering(on), want)
    assert times == len(read)
