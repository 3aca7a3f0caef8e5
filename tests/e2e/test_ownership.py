"""
Commits, hands and kills in any order: nothing of the user is lost, nothing of trued stays behind.

Real files, a real ledger and the real way from documents to steps; only Git is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent import kinds
from agent.desired.load import load
from agent.errors import HostError
from agent.host import Job, Probe
from agent.host.local import Local
from agent.host.turns import in_turn
from agent.model import DesiredState, Identity, Outcome, Ownership, Plan, ResourceId, Result, Step
from agent.reconcile.apply import apply
from agent.reconcile.hands import Hands
from agent.reconcile.ledger import Memory
from agent.reconcile.observe import Situation, observe
from agent.reconcile.order import ordered
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy
from tests.fakes import FakeTree
from tests.properties import patient

KINDS = kinds.discover()
NAMES = ("/d", "/d/a", "/d/b", "/d/e", "/d/e/x", "/f")
BY_HAND = (*NAMES, "/d/theirs", "/d/e/theirs")

ENTRIES = strategies.one_of(
    strategies.sampled_from(["one", "two"]).map(lambda text: {"content": f"trued {text}"}),
    strategies.just({"directory": True}),
    strategies.just({"directory": True, "purge": True}),
    strategies.just({"link": "/somewhere"}),
    strategies.just({"state": "absent"}),
)
KEPT = strategies.tuples(ENTRIES, strategies.booleans()).map(
    lambda both: {**both[0], **({"keep": True} if both[1] else {})}
)
COMMITS = strategies.dictionaries(strategies.sampled_from(NAMES), KEPT, max_size=5)


class PowerCut(BaseException):
    """The end of the process, between two steps or before the outcome of one is written down."""


class Mortal:
    """The real host, which performs so many steps and no more."""

    def __init__(self, host: Local, left: int) -> None:
        self.host, self.left = host, left

    def probe(self, beat: Callable[[], None] = lambda: None) -> Probe:
        return self.host.probe(beat)

    def perform_all(
        self, jobs: Sequence[Job], beat: Callable[[], None] = lambda: None
    ) -> Mapping[int, HostError | None]:
        return in_turn(self.perform, jobs)

    def perform(self, step: Step, beat: Callable[[], None] = lambda: None) -> None:
        if self.left == 0:
            raise PowerCut
        self.left -= 1
        self.host.perform(step)
        if self.left == 0:
            raise PowerCut


class Host(RuleBasedStateMachine):
    """One host; `theirs` is what the user has put somewhere and trued has no business to lose."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="trued-ownership-"))
        self.root, self.state, self.outside = (self.top / name for name in ("root", "state", "outside"))
        for folder in (self.root, self.state, self.outside):
            folder.mkdir()
        (self.outside / "precious").write_text("precious")
        self.memory = Memory(self.state / "ledger.db")
        self.theirs: dict[str, str] = {}  # content: where it was put
        self.let_go: set[str] = set()  # what was declared once and then left in place
        self.written = 0
        self.commits = 0
        self.purges = False
        self.desired = self._commit({})

    def teardown(self) -> None:
        self.memory.close()
        shutil.rmtree(self.top)

    # What can happen.

    @initialize(entries=COMMITS)
    def begins(self, entries: Mapping[str, Any]) -> None:
        self.desired = self._commit(entries)

    @rule(entries=COMMITS)
    def somebody_commits(self, entries: Mapping[str, Any]) -> None:
        self.desired = self._commit(entries)

    @rule(entries=COMMITS, left=strategies.integers(0, 6))
    def dies_with_a_commit(self, entries: Mapping[str, Any], left: int) -> None:
        self.desired = self._commit(entries)
        self.dies(left)

    @rule(left=strategies.integers(0, 6))
    def dies(self, left: int) -> None:
        try:
            self._cycle(left)
        except PowerCut:
            self.memory.close()
            self.memory = Memory(self.state / "ledger.db")

    @rule()
    def looks(self) -> None:
        _, outcomes = self._cycle()
        trouble = {outcome.id for outcome in outcomes if outcome.result is not Result.CHANGED}
        again, second = self._cycle()

        assert [] == [outcome for outcome in second if outcome.result is Result.CHANGED], again.entries
        assert set(self.memory.load().owned) <= set(self.desired.resources) | trouble
        if not trouble:
            declared = {rid.name for rid in self.desired.resources}
            ours = {path for path, text in self._files() if text.startswith("trued")}
            assert ours <= declared | self.let_go

    @rule(name=strategies.sampled_from(BY_HAND))
    def user_writes(self, name: str) -> None:
        path = self.root / name[1:]
        if self._detour(path) or path.is_dir() or path.is_symlink():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self.written += 1
        text = f"theirs {self.written}"
        path.write_text(text)
        self._forget(name)
        if self._is_first(name):
            self.theirs[text] = name
        self.let_go.discard(name)

    @rule(name=strategies.sampled_from(BY_HAND))
    def user_makes_a_folder(self, name: str) -> None:
        path = self.root / name[1:]
        if not self._detour(path) and not os.path.lexists(path):
            path.mkdir(parents=True)

    @rule(name=strategies.sampled_from(BY_HAND))
    def user_links_elsewhere(self, name: str) -> None:
        path = self.root / name[1:]
        if not self._detour(path) and not os.path.lexists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(self.outside)

    @rule(name=strategies.sampled_from(BY_HAND))
    def user_removes(self, name: str) -> None:
        path = self.root / name[1:]
        if self._detour(path):
            return
        self._forget(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    # What has to hold.

    @invariant()
    def nothing_outside_is_touched(self) -> None:
        assert ["precious"] == os.listdir(self.outside)
        assert "precious" == (self.outside / "precious").read_text()

    @invariant()
    def nothing_of_the_user_is_lost(self) -> None:
        there = {text for _, text in self._files()}
        assert {text for text in self.theirs if text not in there and not self._kept(text)} == set()

    # How it is done.

    def _commit(self, entries: Mapping[str, Any]) -> DesiredState:
        self.commits += 1
        self.purges = any(entry.get("purge") for entry in entries.values())
        if self.purges:
            kept = {
                f"/{path.relative_to(tree)}"
                for tree in self.state.glob("first*")
                for path in tree.rglob("*")
            }
            self.theirs = {
                text: name for text, name in self.theirs.items() if name not in kept or self._kept(text)
            }
        files = {
            "fleet.yaml": "{hosts: [edge], layers: [base]}",
            "base/base.yaml": json.dumps({"files": entries}),
        }
        tree = FakeTree(files={name: text.encode() for name, text in files.items()})
        return ordered(load(tree, f"{self.commits:040x}", Identity(host="edge"), KINDS), KINDS)

    def _cycle(self, left: int = -1) -> tuple[Plan, tuple[Outcome, ...]]:
        host = Mortal(Local(self.root, self.state), left)
        ledger = self.memory.load()
        seen = observe(self.desired, ledger.owned, KINDS, host.probe())
        situation = Situation(desired=self.desired, observed=seen, ledger=ledger, kinds=KINDS)
        plan = make_plan(situation)
        begin(plan, situation, self.memory)
        self.let_go |= {rid.name for rid in plan.released}
        return plan, tuple(apply(plan, situation, Hands(host=host, memory=self.memory, policy=Policy())))

    def _files(self) -> Iterator[tuple[str, str]]:
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder, name) for name in names):
                if path.is_file() and not path.is_symlink():
                    yield f"/{path.relative_to(self.root)}", path.read_text()

    def _kept(self, text: str) -> bool:
        every = (path for tree in self.state.glob("first*") for path in tree.rglob("*"))
        return any(path.read_text() == text for path in every if path.is_file() and not path.is_symlink())

    def _is_first(self, name: str) -> bool:
        """
        Return whether what the user puts there is theirs.

        Not so where trued has made it; nor where something from there is kept already and trued answers for the
        place, or may come to do so because the folder above is purged: only the first is kept then.
        """
        owned = self.memory.load().owned.get(ResourceId("file", name))
        ours = owned is not None and owned.ownership is Ownership.CREATED and owned.digest
        kept = any(os.path.lexists(tree / name[1:]) for tree in self.state.glob("first*"))
        return not ours and not (kept and (self.purges or (owned is not None and owned.digest)))

    def _forget(self, name: str) -> None:
        self.theirs = {
            text: path
            for text, path in self.theirs.items()
            if path != name and not path.startswith(f"{name}/")
        }

    def _detour(self, path: Path) -> bool:
        above = path.relative_to(self.root).parents
        return any((self.root / one).is_symlink() or (self.root / one).is_file() for one in above)


def test_any_sequence_of_commits_hands_and_kills() -> None:
    run_state_machine_as_test(Host, settings=settings(patient, max_examples=60, stateful_step_count=25))
