"""What turns the state of packages into what is declared, and what a person has to say yes to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from agent.errors import HostError
from agent.kinds.package.decide import Decision, decide
from agent.kinds.package.manager import Manager, Simulation
from agent.kinds.package.managers import MANAGERS
from agent.kinds.package.spec import PackageSpec
from agent.kinds.package.state import State
from agent.model import Remove, Step, few

_UNSEEN: Final = State(manager=next(iter(MANAGERS)))  # of something that nobody has looked for


def steps(name: str, want: PackageSpec | None, have: State | None) -> Iterator[Step]:
    """Yield the steps, none when both agree; raises HostError where none may lead there."""
    state = have or _UNSEEN
    decision = decide(name, want, state)
    if decision.order and state.refused:
        raise HostError(f"{decision.why}, which cannot be done: {state.refused}")
    if decision.why:
        yield from _calls(MANAGERS[state.manager], name, decision, _why(decision, state))


def _calls(manager: Manager, name: str, decision: Decision, why: str) -> Iterator[Step]:
    if decision.look:
        yield manager.refresh(why)
        if not (decision.order or decision.hold is not None or decision.keep):
            return
    # Once for all: whoever else is at work is waited for here, and not once more for each package.
    yield manager.wait(why)
    if decision.release or decision.hold is False:
        yield manager.unhold(name, why)
    if decision.order:
        yield manager.transaction(decision.order, why)
    if decision.purge:
        yield manager.purge(name, why)
    if decision.hold:
        yield manager.hold(name, why)
    if decision.keep:
        yield manager.keep(name, why)


def _why(decision: Decision, have: State) -> str:
    parts = [decision.why]
    if decision.order and have.besides:
        parts += _told(have.besides)
    if have.mended:
        parts.append(f"{have.mended}, which is mended first")
    return ", ".join(parts)


def _told(besides: Simulation) -> Iterator[str]:
    """Yield what else would happen, as in "also installs libfoo 1.2"."""
    if besides.installs:
        yield f"also installs {few([' '.join(pair) for pair in besides.installs.items()])}"
    if besides.upgrades:
        yield f"also upgrades {few([f'{name} to {after}' for name, (_, after) in besides.upgrades.items()])}"
    if besides.removes:
        yield f"also removes {few(besides.removes)}"


def prepare(wants: Mapping[str, PackageSpec | None], haves: Mapping[str, object]) -> Iterator[Step]:
    """Yield what has to be done before it can be decided what is to be done."""
    states = [state for name in wants if isinstance(state := haves.get(name), State)]
    if not states:
        return
    manager = MANAGERS[states[0].manager]
    # One that is not whole is finished by its own step; this is for what others began.
    if mended := next((state.mended for state in states if state.mended), ""):
        yield manager.wait("")
        yield manager.repair(f"{mended}, mended by {manager.hints.repair}")
        for name in states[0].torn:
            yield manager.reinstall(name, f"{name} was only half installed, and is installed once more")
    if any(state.unread for state in states):
        damage = dict.fromkeys(path for state in states for path in state.damage)
        yield from (Remove(path=path, why="a crash has left it torn") for path in damage)
        yield manager.refresh("")


def objection(have: State | None, going: Collection[str]) -> str:
    """Return why a person has to say yes first: something goes that nobody asked to be removed."""
    removes = [name for name in have.removes if name not in going] if have else []
    if not removes:
        return ""
    return f"this would remove {few(removes)}, which nobody asked for; declare what is to go as absent"


def leaves(have: State) -> str:
    """Return why something of ours that is no longer declared has to stay, or nothing."""
    if have.provided_by:
        return f"it is virtual, and provided by {few(have.provided_by)}"
    return "it is essential to this host or to trued" if have.vital else ""
