"""What a look at a part makes of real folders that hold nothing but what is declared: strays, and what is let go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from agent.cycle import run_cycle
from agent.desired.load import load
from agent.host.local import Local
from agent.host.watch import Watcher
from agent.kinds.file import KIND
from agent.looks import Occasion
from agent.model import Identity, Report, ResourceId
from agent.outfit import Agent
from agent.reconcile.attention import Attention
from agent.reconcile.ledger import Memory
from agent.reconcile.order import ordered
from agent.reconcile.policy import Policy
from tests.cycle.scene import QUIET
from tests.cycle.test_cycle import Repository
from tests.fakes import FakeTree
from tests.waiting import until

EDGE = Identity(host="edge-01")
PURGED = {"directory": True, "purge": True}
ONE = {"content": "1"}


class Host:
    """A root, and a daemon that keeps it true; what is heard is kept until it is handed to a look."""

    def __init__(self, tmp_path: Path) -> None:
        self.root = tmp_path / "root"
        (self.root / "etc").mkdir(parents=True)
        self.memory, self.repository = Memory(tmp_path / "ledger.db"), Repository()
        self.heard: set[str] = set()
        self.watcher = Watcher(self.root)
        self.watcher.listen(self.hears)
        self.agent = Agent(
            identify=lambda: EDGE,
            source=self.repository,
            load=self.repository.load,
            kinds={"file": KIND},
            host=Local(self.root, tmp_path / "state"),
            memory=self.memory,
            policy=Policy(),
            now=lambda: datetime.now(UTC),
            attention=Attention(self.watcher),
        )

    def hears(self, places: frozenset[str]) -> None:
        self.heard.update(places)

    def commit(self, sha: str, files: Mapping[str, Any]) -> None:
        document = json.dumps({"files": files}).encode()
        tree = FakeTree({"fleet.yaml": b"hosts: [edge-01]\nlayers: [base]\n", "base/x.yaml": document})
        state = load(tree, sha, EDGE, {"file": KIND})
        self.repository.states[sha], self.repository.head = ordered(state, {"file": KIND}), sha

    def look(self, occasion: Occasion = Occasion()) -> Report:  # noqa: B008 - a value
        report = run_cycle(self.agent, occasion=occasion)
        self.agent.attention.end(well=not report.exit_code)
        return report

    def hear(self, *places: str) -> Report:
        """Wait until this is heard, and look at it."""
        until(lambda: self.heard.issuperset(places))
        heard, self.heard = self.heard, set()
        return self.look(Occasion(poll=False, whole=False, heard=frozenset(heard)))

    def settle(self) -> None:
        """Look until nothing is to be looked at any more."""
        self.look()
        self.look(QUIET)
        self.look(QUIET)
        self.heard.clear()


@pytest.fixture(name="host")
def _host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.watcher.close()
    host.memory.close()


def file(path: str) -> ResourceId:
    return ResourceId("file", path)


def test_what_comes_into_a_folder_that_trued_has_just_made_is_heard(host: Host) -> None:
    """The folder is watched after one more look, which is asked for at once."""
    host.commit("c1", {"/etc/d": PURGED, "/etc/d/kept": ONE})
    host.look()
    host.hear("/etc/d/")
    (host.root / "etc/d/stray").write_text("x")
    (host.root / "etc/d/kept").write_text("hacked")
    host.hear("/etc/d/", "/etc/d/kept")

    assert ["kept"] == [path.name for path in (host.root / "etc/d").iterdir()]
    assert "1" == (host.root / "etc/d/kept").read_text()


@pytest.mark.parametrize("folder", ["etc/d", "etc/d/way", "etc/d/way/further"])
def test_a_stray_is_heard_however_deep_below_a_purged_folder(host: Host, folder: str) -> None:
    """Also in one that only follows from a file in it; with the look that was asked for it is gone."""
    host.commit("c1", {"/etc/d": PURGED, "/etc/d/way/further/kept": ONE})
    host.settle()
    (host.root / folder / "stray").write_text("x")
    report = host.hear(f"/{folder}/")

    assert "changed" == report.resources[file(f"/{folder}/stray")].result
    assert not (host.root / folder / "stray").exists()
    assert (host.root / "etc/d/way/further/kept").exists()


def test_a_stray_below_a_folder_of_its_own_is_nobodys(host: Host) -> None:
    """A folder that is declared answers for itself, and so do those that follow from what is in it."""
    host.commit("c1", {"/etc/d": PURGED, "/etc/d/own": {"directory": True}, "/etc/d/own/way/kept": ONE})
    host.settle()
    (host.root / "etc/d/own/way/theirs").write_text("x")
    (host.root / "etc/d/stray").write_text("x")
    until(lambda: host.heard)
    assert {"/etc/d/"} == host.heard
    host.hear()

    assert not (host.root / "etc/d/stray").exists()
    assert (host.root / "etc/d/own/way/theirs").exists()


def test_removals_are_counted_over_those_that_are_held_already(host: Host) -> None:
    """Each of two folders has fewer strays than may go at once; that one is heard of does not let go its own."""
    host.commit("c1", {"/etc/x": PURGED, "/etc/y": PURGED})
    host.settle()
    for path in (host.root / f"etc/{folder}/{number}" for folder in "xy" for number in range(8)):
        path.write_text("precious")
    assert "held" == host.look().result
    host.heard.clear()
    (host.root / "etc/x/another").write_text("x")
    report = host.hear("/etc/x/")

    assert "held" == report.result
    assert 17 == len(list(host.root.glob("etc/?/*")))
    assert {"held"} == {report.resources[file(f"/etc/{folder}/7")].result for folder in "xy"}


def test_strays_that_a_person_has_cleared_away_are_held_no_longer(host: Host) -> None:
    """The look at their folder says so, and the next one at the interval need not."""
    host.commit("c1", {"/etc/x": PURGED})
    host.settle()
    strays = [host.root / f"etc/x/{number}" for number in range(12)]
    for path in strays:
        path.write_text("x")
    assert "held" == host.look().result
    host.heard.clear()
    strays[0].unlink()
    assert "held" == host.hear("/etc/x/").result
    for path in strays[1:]:
        path.unlink()
    until(lambda: "converged" == host.hear("/etc/x/").result)

    assert {file("/etc/x")} == set(host.look(QUIET).resources)


def test_what_was_there_before_and_is_held_is_not_let_go(host: Host) -> None:
    """What trued found there, and what a purged folder claims now, goes; not a look at a part makes it stay."""
    names = [f"/etc/d/{number}" for number in range(12)]
    (host.root / "etc/d").mkdir()
    for name in names:
        (host.root / name[1:]).write_text("1")
    host.commit("c1", dict.fromkeys(names, ONE))
    host.settle()
    host.commit("c2", {"/etc/d": PURGED, "/etc/d/kept": ONE})
    assert "held" == host.look().result
    reports = [host.look(QUIET) for _ in range(2)]

    assert {"held"} == {report.resources[file(name)].result for report in reports for name in names}
    assert {file(name) for name in names} <= host.memory.load().owned.keys()
    assert 13 == len(list(host.root.glob("etc/d/*")))


def test_too_many_strays_are_one_trouble_that_ends_with_them(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is declared in the folder is repaired meanwhile."""
    monkeypatch.setattr(import_module("agent.kinds.file.observe"), "MOST", 20)
    host.commit("c1", {"/etc/x": PURGED, "/etc/x/a": ONE})
    host.settle()
    strays = [host.root / f"etc/x/{number}" for number in range(30)]
    for path in strays:
        path.touch()
    (host.root / "etc/x/a").write_text("2")
    told = host.hear("/etc/x/a").resources

    assert {"file:/etc/x/": "blocked"} == {
        str(rid): one.result for rid, one in told.items() if rid.name not in {"/etc/x", "/etc/x/a"}
    }
    assert "1" == (host.root / "etc/x/a").read_text()
    host.settle()
    assert all(path.exists() for path in strays)
    host.heard.clear()
    for path in strays[5:]:
        path.unlink()
    until(lambda: "converged" == host.hear("/etc/x/").result)

    assert {file("/etc/x"), file("/etc/x/a")} == set(host.look(QUIET).resources)
    assert not any(path.exists() for path in strays)
