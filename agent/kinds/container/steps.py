"""
What turns a container into what is declared. Pure: nothing is read or written.

Only what a live container cannot be given takes a new one; limits, the restart policy and networks are changed in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.errors import HostError
from agent.kinds import NotYetError
from agent.kinds._engine.declared import digests
from agent.kinds._engine.names import DECLARED, NAME
from agent.kinds._service.asks import api_needed, depends, image_of, is_older, patience
from agent.kinds._service.payload import Effective, effective
from agent.kinds._service.resources import tunable
from agent.kinds._service.spec import ContainerSpec
from agent.kinds._words import why_gone
from agent.kinds.container.compare import TUNED, lacking, links, tuning, why_anew, why_tuned
from agent.kinds.container.state import ENDED, ContainerState
from agent.model import (
    Act,
    AwaitContainer,
    DriveContainer,
    Json,
    PutContainer,
    RemoveContainer,
    RenameContainer,
    Stale,
    Step,
    TuneContainer,
    few,
    predecessor,
    settle,
    successor,
)

SETTLING: Final = "1"  # seconds
WAITED_FOR: Final = 600.0  # seconds for another container to come as far as it has to be


def removal(name: str, want: ContainerSpec | None, have: ContainerState) -> Iterator[Step]:
    yield RemoveContainer(name=have.called or name, why=why_gone(want))


def steps(name: str, want: ContainerSpec, have: ContainerState, stale: Stale) -> tuple[Step, ...]:
    """Return the steps, none when both agree; raises HostError where no step may lead there."""
    if have.there and have.label is None and not want.adopt:
        raise HostError(
            f"there is a container {name} that trued did not make",
            hint="remove it, or declare `adopt: true`, and it is made anew as declared",
        )
    _check_api(want, have.api)
    try:
        asked = effective(name, want, have.texts)
    except HostError as error:
        raise NotYetError(str(error), hint=error.hint) from error
    found = tuple(_presence(name, want, have, asked, stale))
    starts = any(isinstance(step, PutContainer | DriveContainer) for step in found)
    return (*_awaited(want), *found, *_settle()) if starts else found


def _check_api(want: ContainerSpec, api: str) -> None:
    """Raise HostError for keys that an engine of that version would leave out without a word."""
    if lacking := [
        f"{key} (API {version})" for key, version in api_needed(want).items() if is_older(api, version)
    ]:
        raise HostError(
            f"{few(lacking)}: the engine of this host speaks API {api} only, and would leave it out",
            hint="take it out, or install a newer engine",
        )


def _settle() -> Iterator[Step]:
    """Yield a moment to wait, one for all that are started together: what ends at once was started, too."""
    yield settle(SETTLING)


def first(name: str) -> tuple[Step, ...]:
    """Return what stands for making a container of which nothing can be known yet: it is decided in its turn."""
    return (PutContainer(name=name, config={}, why="is missing"),)


def _presence(
    name: str, want: ContainerSpec, have: ContainerState, asked: Effective, stale: Stale
) -> Iterator[Step]:
    if have.called:
        yield RenameContainer(name=have.called, to=name, why=f"is called {have.called}")
    if not have.there:
        yield _put(name, want, asked, "is missing")
    elif have.status in {"dead", "removing"}:
        yield _put(name, want, asked, f"is {have.status}")
    elif reason := why_anew(asked, have, image_of(want)):
        yield _put(name, want, asked, reason)
    elif have.leftovers and not _is_up(want, have):
        yield _put(name, want, asked, "a recreation was cut short")
    else:
        yield from _tuned(name, asked, have)
        yield from _running(name, want, have, stale)
        if have.leftovers and have.health != "starting":
            for left in (successor(name), predecessor(name)):
                yield RemoveContainer(name=left, why="a recreation was cut short")


def _put(name: str, want: ContainerSpec, asked: Effective, why: str) -> PutContainer:
    labels = {**asked.config.get("Labels", {}), NAME: name, DECLARED: digests(asked.declared)}
    config: Json = {
        **asked.config,
        "Labels": labels,
        "HostConfig": {
            **asked.config.get("HostConfig", {}),
            **{key: value for key, value in asked.tunable.items() if value},
        },
    }
    return PutContainer(
        name=name,
        config=config,
        endpoints=asked.endpoints,
        patience=patience(want),
        fleeting=may_end(want),
        why=why,
    )


def may_end(want: ContainerSpec) -> bool:
    """Return whether a good end of it is as declared: it was said that nobody starts it again."""
    return want.restart is not None and (want.restart == "no" or want.restart.startswith("on-failure"))


def _is_up(want: ContainerSpec, have: ContainerState) -> bool:
    return (have.status == "running" and have.health != "unhealthy" and not have.flaps) or (
        may_end(want) and have.done
    )


def _tuned(name: str, asked: Effective, have: ContainerState) -> Iterator[Step]:
    update = tuning(asked.tunable, have)
    connect, apart = links(asked, have)
    if not (update or connect or apart):
        return
    new = [network for network in connect if network not in apart]
    reasons = [
        *why_tuned(update, have),
        *(f"networks.{network}: {reason}" for network, reason in apart.items()),
        *(f"networks.{network}: is not connected" for network in new),
    ]
    yield TuneContainer(name=name, disconnect=tuple(apart), connect=connect, update=update, why=few(reasons))


def _running(name: str, want: ContainerSpec, have: ContainerState, stale: Stale) -> Iterator[Step]:
    def drive(act: Act, why: str, *, signal: str = "", unseen: Stale = Stale.NO) -> DriveContainer:
        return DriveContainer(name=name, act=act, signal=signal, unseen=unseen, why=why)

    if have.status == "paused":
        yield drive(Act.UNPAUSE, "is paused")
    if stale and (have.runs or have.status == "restarting" or (have.done and may_end(want))):
        if stale is Stale.RELOAD and want.reload_signal and have.runs:
            signal = str(want.reload_signal)
            yield drive(Act.SIGNAL, f"got {signal}", signal=signal, unseen=stale)
        else:
            yield drive(Act.RESTART, "restarted", unseen=stale)
    elif have.status in {"created", *ENDED} and not (have.done and may_end(want)):
        yield drive(Act.START, f"does not run: {how(have)}")


def how(have: ContainerState) -> str:
    """Return how a container that does not run came to that."""
    if have.error:
        return f"could not be started: {have.error}"
    if have.status == "created":
        return "was never started"
    return f"ended with exit code {have.exit_code}" + (f": {have.said}" if have.said else "")


def _awaited(want: ContainerSpec) -> Iterator[Step]:
    """Yield what waits until those that come first are as far as they have to be."""
    for other, dependency in depends(want).items():
        if dependency.condition != "service_started" and dependency.required:
            yield AwaitContainer(name=other, until=dependency.condition, patience=WAITED_FOR)


def illness(want: ContainerSpec, have: ContainerState) -> str:
    """Return what is wrong with a container that is as declared, or nothing."""
    if have.flaps:
        return "ends again and again, and is started again" + (f": {have.said}" if have.said else "")
    if have.health == "unhealthy":
        return "is unhealthy" + (f": {have.said}" if have.said else "")
    if have.lacking and (lacks := lacking(tunable(want), have)):
        said = few([f"{TUNED[key]}: {words}" for key, words in lacks.items()])
        return f"runs without a limit that this host cannot give it: {said}"
    return ""
