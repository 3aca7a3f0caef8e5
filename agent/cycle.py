"""One pass, straight line, from Git to the report. Every branch is a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from agent.bugs import REPORT, contained, told
from agent.errors import DocumentError, HostError, RefusedError, SourceError, TruedError
from agent.looks import (
    AT_ALL,
    Look,
    Occasion,
    held_removals,
    look_piecewise,
    plan_for_difference,
    remember,
    to_look_at,
    with_strays,
)
from agent.model import DesiredState, Observed, Outcome, Plan, Report, ResourceId, VerifiedCommit
from agent.outfit import Agent, Pulse, Quiet
from agent.reconcile.hands import Hands
from agent.reconcile.ledger import Ledger
from agent.reconcile.observe import Situation, look_around
from agent.reconcile.order import ordered
from agent.reconcile.outcomes import WELL, resting
from agent.reconcile.own import begin
from agent.reconcile.plan import make_plan
from agent.reconcile.policy import Policy, hold_back
from agent.reconcile.report import Ended, explain, fights, make_report
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a cycle would do now: for `trued plan`."""

    desired: DesiredState
    observed: Observed
    plan: Plan
    ledger: Ledger
    error: TruedError | None  # why the newest commit is not the one planned for


def preview(agent: Agent) -> Preview:
    """Return what a cycle would do; raises TruedError when there is no commit to plan for. Changes nothing."""
    ledger = agent.memory.load()
    desired, error = choose(agent, ledger, Quiet())
    if desired is None:
        raise error or SourceError("there is no commit to plan for")
    situation = look_around(desired, ledger, agent.kinds, agent.host.probe())
    plan, _ = decide(make_plan(situation), situation, agent.policy, lambda _: {})
    return Preview(desired=desired, observed=situation.observed, plan=plan, ledger=ledger, error=error)


def decide(
    plan: Plan,
    situation: Situation,
    policy: Policy,
    waits: Callable[[Plan], Mapping[ResourceId, Outcome]],
) -> tuple[Plan, Mapping[ResourceId, Outcome]]:
    """Return the plan with what is held held back, and what of it waits. For drift that is left as it is nothing restarts."""
    plan = hold_back(plan, situation, policy)
    waiting = waits(plan)
    if left := resting(plan, waiting):
        plan = hold_back(make_plan(situation, left), situation, policy)
        waiting = waits(plan)
    return plan, waiting


def run_cycle(
    agent: Agent,
    pulse: Pulse | None = None,
    *,
    occasion: Occasion = AT_ALL,
    allow_removals: bool = False,
    allow_rewrite: bool = False,
) -> Report:
    """Bring the host to what Git declares, and say how that went. Raises LedgerError only."""
    pulse = pulse or Quiet()
    agent.source.lend(pulse.beat)
    started, ledger = agent.now(), agent.memory.load()
    desired, error = choose(agent, ledger, pulse, poll=occasion.poll, allow_rewrite=allow_rewrite)
    if desired is None:
        agent.recall.look = None
        return make_report(agent.identity, ledger, error=error, started=started, finished=agent.now())
    error = keep(agent, desired, ledger, again=occasion.poll) or error
    before, ids = recalled(agent, occasion, desired, ledger)
    situation, plan = look(agent, before if ids is not None else None, desired, ledger, ids, pulse)
    if report := as_before(agent, before, situation, plan, error):
        return replace(report, started=started, finished=agent.now(), facts=agent.identity.facts)
    if plan is None and before is not None:
        situation, plan = plan_for_difference(before, situation)
    policy = replace(agent.policy, allow_removals=allow_removals)
    plan, waiting = decide(plan or make_plan(situation), situation, policy, agent.recall.patience.waiting)
    begin(plan, situation, agent.memory, waiting)
    outcomes = carry_out(replace(agent, policy=policy), plan, situation, pulse, waiting)
    rest = before.rest(situation.only) if before and situation.only is not None else None
    all_well = error is None and all(one.result in WELL and not one.unready for one in outcomes)
    if all_well and not (rest and rest.unwell) and ledger.good != desired.commit:
        agent.memory.judge(desired.commit)
    ledger = agent.memory.load()
    notices, reboot = remarks(agent, desired)
    report = make_report(
        agent.identity,
        ledger,
        error=error,
        started=started,
        finished=agent.now(),
        ended=Ended(
            desired=desired,
            plan=plan,
            outcomes=outcomes,
            rest=rest,
            before=before.report.resources if before else {},
        ),
    )
    report = replace(report, notices=(*notices, *fights(report, outcomes, rest)), reboot=reboot)
    if not situation.unrecognized:  # or all of that kind is asked for its marks once more
        agent.recall.look = remember(before, situation, ledger, plan, outcomes, report)
    return report


def recalled(
    agent: Agent, occasion: Occasion, desired: DesiredState, ledger: Ledger
) -> tuple[Look | None, frozenset[ResourceId] | None]:
    """Return the last look, and what of it has to be looked at anew: None for everything. From here on it is listened."""
    before, agent.recall.look = agent.recall.look, None  # a look that breaks off is not built upon
    if before is None or not before.fits(desired, ledger):
        agent.attention.begin(desired, agent.kinds)
        return None, None
    over = agent.recall.patience.over() if occasion.again else frozenset()
    ids = None if occasion.whole else to_look_at(before, agent.attention, occasion, over)
    news = agent.attention.begin(desired, agent.kinds, whole=occasion.whole)
    if ids is None or news is None:
        return before, None
    return before, with_strays(before, agent.attention, ids | agent.attention.concerned(news))


def look(
    agent: Agent,
    before: Look | None,
    desired: DesiredState,
    ledger: Ledger,
    ids: frozenset[ResourceId] | None,
    pulse: Pulse,
) -> tuple[Situation, Plan | None]:
    """Return how things stand; and the plan, where it took one to know what is to be looked at."""
    if before is None or ids is None:
        return look_around(desired, ledger, agent.kinds, agent.host.probe(pulse.beat)), None
    unheard, held = agent.attention.unheard(), held_removals(before, agent.attention)
    return look_piecewise(before, desired, ledger, agent.host.probe(pulse.beat), ids, unheard, held)


def choose(
    agent: Agent, ledger: Ledger, pulse: Pulse, *, poll: bool = True, allow_rewrite: bool = False
) -> tuple[DesiredState | None, TruedError | None]:
    """Return the newest desired state; or the one to stay on, and why it is not the newest."""
    recall = agent.recall
    # Another process may have gone on meanwhile (trued apply), or back: what it holds is not undone.
    if poll or recall.chosen is None or ledger.held != recall.held:
        recall.chosen = desired, _ = _choose(agent, ledger, pulse, allow_rewrite=allow_rewrite)
        recall.held = desired.commit if desired else ledger.held
    return recall.chosen


def _choose(
    agent: Agent, ledger: Ledger, pulse: Pulse, *, allow_rewrite: bool
) -> tuple[DesiredState | None, TruedError | None]:
    recall = agent.recall
    recall.meet(agent.identify())
    try:
        with pulse.interruptible():
            desired = load(agent, agent.source.newest(ledger.held, allow_rewrite=allow_rewrite))
    except (SourceError, RefusedError, DocumentError) as error:
        if ledger.held is None:
            return None, error
        return stay(agent, ledger.held, pulse, error)
    recall.unloadable = None
    return desired, None


def load(agent: Agent, commit: VerifiedCommit) -> DesiredState:
    """Return what a commit declares, ordered; raises what was raised for the same commit before."""
    recall = agent.recall
    if recall.loaded and recall.commit and recall.loaded.commit == commit.sha:
        return recall.loaded
    if recall.unloadable and recall.unloadable[0] == commit.sha:
        raise recall.unloadable[1]
    try:
        if recall.loaded and recall.commit and agent.alike(commit, recall.commit):
            recall.loaded = replace(recall.loaded, commit=commit.sha)
        else:
            fresh = ordered(agent.load(commit, agent.identity), agent.kinds)
            # After a change of facts that nothing declared depends on, what is known of the host is known still.
            recall.loaded = recall.loaded if recall.loaded == fresh else fresh
        recall.commit = commit
    except (RefusedError, DocumentError) as error:
        recall.unloadable = (commit.sha, error)
        raise
    except SourceError:
        raise
    except Exception as error:  # this host stays on the commit it holds, and tries again: it may lack memory
        raise DocumentError(f"{commit.sha[:7]}: cannot be loaded: {told(error)}", hint=REPORT) from error
    return recall.loaded


def stay(agent: Agent, held: str, pulse: Pulse, error: TruedError) -> tuple[DesiredState | None, TruedError]:
    """Return what the held commit declares: drift is repaired though the newest commit cannot be followed."""
    try:
        with pulse.interruptible():
            return load(agent, agent.source.at(held)), error
    except (SourceError, RefusedError, DocumentError) as second:
        message = (
            f"{error}\nand the commit that this host holds, {held[:7]}, cannot be used either: {second}"
        )
        return None, type(error)(message, hint=error.hint)


def keep(agent: Agent, desired: DesiredState, ledger: Ledger, *, again: bool) -> TruedError | None:
    """Have the commits that matter readable without Git; return what stands in the way of this one. `again`: try what failed."""
    recall = agent.recall
    newest_of_all = recall.unloadable[0] if recall.unloadable else None
    wanted = tuple(dict.fromkeys(sha for sha in (desired.commit, ledger.good, newest_of_all) if sha))
    if wanted != recall.kept or (again and recall.unkept):
        recall.kept, recall.unkept = wanted, None
        try:
            agent.source.keep(wanted)
        # Refused: it had to be fetched anew, and is not trusted now.
        except (SourceError, RefusedError) as error:
            recall.unkept = error
    return recall.unkept


def as_before(
    agent: Agent, before: Look | None, situation: Situation, plan: Plan | None, error: TruedError | None
) -> Report | None:
    """Return the last report if nothing was to be done then, and nothing at all is otherwise since."""
    if before is None or before.unsure or before.report.error != explain(error):
        return None
    if situation.desired is not before.situation.desired:  # as much is declared, by another commit
        return None
    if plan is None:
        same = situation.observed == before.situation.observed
    else:
        same = not plan.entries and not plan.ailing and not plan.gone
    if not same or remarks(agent, situation.desired) != (before.report.notices, before.report.reboot):
        return None
    agent.recall.look = replace(before, situation=replace(situation, only=None))
    return before.report


def remarks(agent: Agent, desired: DesiredState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a person should know of what is declared here, and why the machine waits for a reboot."""
    probe, declared = agent.host.probe(), {rid.kind for rid in desired.resources}
    notices = [*agent.attention.notices]
    for name in sorted(declared & agent.kinds.keys()):
        try:
            with contained:
                notices += agent.kinds[name].notices(probe)
        except HostError as error:
            notices.append(error.reason)
    return tuple(notices), agent.reboot()


def carry_out(
    agent: Agent, plan: Plan, situation: Situation, pulse: Pulse, waiting: Mapping[ResourceId, Outcome]
) -> tuple[Outcome, ...]:
    from agent.reconcile.apply import apply  # noqa: PLC0415 - a plan carries out nothing

    hands = Hands(
        host=agent.host,
        memory=agent.memory,
        policy=agent.policy,
        stopping=lambda: pulse.stopping,
        overdue=lambda: pulse.overdue,
        beat=pulse.beat,
        looking=lambda ids: agent.attention.again(ids, agent.kinds),
        elsewhere=agent.attention.elsewhere(agent.kinds),
        clock=agent.clock,
        sleep=agent.sleep,
        waiting=waiting,
        deadlines=agent.recall.deadlines,
    )
    outcomes = []
    for outcome in apply(plan, situation, hands):
        pulse.beat()
        outcomes.append(outcome)
    agent.recall.patience.learn(plan, outcomes, waiting, situation)
    return in_plan_order(plan, outcomes)


def in_plan_order(plan: Plan, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes as the plan has them: what took time to become well came later than its turn."""
    places = {rid: at for at, rid in enumerate((*(entry.id for entry in plan.entries), *plan.ailing))}
    return tuple(sorted(outcomes, key=lambda outcome: places[outcome.id]))
