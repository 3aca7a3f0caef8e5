"""The kind `unit`: wherever a cycle is cut short, the next one finishes it, and no restart is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import HostError
from agent.kinds.unit import KIND
from agent.kinds.unit.state import UnitState
from agent.model import DesiredState, Ownership, Plan, ResourceId, Run, Stale, Step
from agent.reconcile.ledger import Ledger, Owned
from agent.reconcile.observe import Situation
from agent.reconcile.plan import make_plan
from tests.fakes import FakeHost
from tests.kinds.test_cases import CASES, host_of, wants_of

EVERY_CASE = [path for path in sorted((CASES / "unit").glob("*.yaml")) if "error:" not in path.read_text()]


def planned(host: FakeHost, case: Any, stale: Stale) -> tuple[Step, ...]:
    wants, name = wants_of(KIND, case), case.get("resource", case["name"])
    have = KIND.observe(host.probe(), wants)[name]
    if isinstance(have, HostError):
        raise have
    assert isinstance(have, UnitState)
    return tuple(KIND.steps(name, wants[name], have, stale=stale))


def pending(steps: tuple[Step, ...], stale: Stale) -> Stale:
    """Return what the ledger remembers of a change that did not finish."""
    return max(stale, *(step.unseen for step in steps if isinstance(step, Run)), Stale.NO)


def renewals(steps: tuple[Step, ...]) -> set[tuple[str, ...]]:
    return {step.argv for step in steps if isinstance(step, Run) and step.unseen}


@pytest.mark.parametrize("path", EVERY_CASE, ids=lambda path: Path(path).stem)
def test_killed_after_any_step_the_next_cycle_finishes_it(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    stale = Stale[case.get("stale", "no").upper()]
    whole = planned(host_of(case, "unit"), case, stale)
    for count in range(len(whole)):
        host = host_of(case, "unit")
        for step in whole[:count]:
            host.perform(step)
        rest = planned(host, case, pending(whole, stale))
        for step in rest:
            host.perform(step)

        assert renewals(whole[count:]) <= renewals(rest) or "start" in str(rest), f"after {count} steps"
        assert () == planned(host, case, Stale.NO), f"after {count} steps"


def test_a_restart_after_a_removal_is_remembered_too() -> None:
    """The file is gone, systemd has read that, and then trued was killed."""
    rid = ResourceId("unit", "nginx.service.d/limits.conf")
    case = {"name": rid.name, "entry": None, "units": {"nginx.service": {"active": "active"}}}
    owned = {rid: Owned(digest="any", ownership=Ownership.CREATED)}

    def plan(unfinished: dict[ResourceId, Stale]) -> Plan:
        observed = KIND.observe(host_of(case, "unit").probe(), {rid.name: None})
        situation = Situation(
            desired=DesiredState(commit="1a2b3c4", resources={}),
            observed={rid: observed[rid.name]},
            ledger=Ledger(owned=owned, unfinished=unfinished),
            kinds={"unit": KIND},
        )
        return make_plan(situation)

    (change,) = plan({rid: Stale.RESTART}).changes
    assert ("systemctl", "--no-ask-password", "restart", "--", "nginx.service") in renewals(change.steps)
    assert () == plan({}).changes
