"""What the engine says of containers, their images and networks, and what stands in the files they are made from. Only looks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.host.servers import Engine
from agent.kinds._engine.ground import Silent, asked
from agent.kinds._engine.images import digests_of, newest
from agent.kinds._engine.names import NAME
from agent.kinds._service.asks import env_file_paths, image_of, pull_age
from agent.kinds._service.modes import other
from agent.kinds._service.spec import ContainerSpec
from agent.kinds.container.state import SHARED, ContainerState, state_of
from agent.model import Json, predecessor, successor

Wants: TypeAlias = Mapping[str, ContainerSpec | None]
LASTING: Final = (
    10.0  # seconds after which a container that was started again has lasted, as the engine sees it, too
)
LARGEST: Final = 1 << 20  # bytes of a file with variables


def observe(probe: Probe, wants: Wants) -> Mapping[str, ContainerState | Silent | HostError | None]:
    """Return the state of all `wants`; an engine that does not answer is a state of all of them."""
    found = asked(probe, lambda engine: dict(_observed(probe, engine, wants)))
    return dict.fromkeys(wants, found) if isinstance(found, Silent) else found


def _observed(
    probe: Probe, engine: Engine, wants: Wants
) -> Iterator[tuple[str, ContainerState | HostError | None]]:
    names = [one for name in wants for one in (name, successor(name), predecessor(name))]
    names += [one for want in wants.values() if want for one in _hosts(want).values()]
    found, networks = engine.containers(names), engine.networks()
    for name, want in wants.items():
        called = "" if name in found else _called(engine, name, wants)
        here = found.get(name) or engine.containers([called]).get(called)
        state = state_of(here, networks) if here else ContainerState()
        state = replace(
            state,
            called=called if here else "",
            leftovers=successor(name) in found or predecessor(name) in found,
        )
        if want is None or want.state == "absent":
            yield name, state if state.there or state.leftovers else None
            continue
        state = replace(state, parted=tuple(_parted(want, state, found)))
        try:
            yield name, _with_surroundings(probe, engine, name, want, state)
        except HostError as error:
            yield name, error


def _called(engine: Engine, name: str, wants: Wants) -> str:
    """Return what the container is called now that trued made under a name, if it is none of ours to be called so."""
    called = engine.labelled(NAME).get(name, "")
    return "" if called in wants or called in {successor(name), predecessor(name)} else called


def _hosts(want: ContainerSpec) -> Mapping[str, str]:
    """Return the containers that it is to live in, by the key that says so."""
    return {key: name for key in SHARED if (name := other(str(getattr(want, key))))}


def _parted(want: ContainerSpec, state: ContainerState, found: Mapping[str, Json]) -> Iterator[str]:
    """Yield the keys by which it lives in a container that is no longer there: the engine knows that one by its id."""
    for key, name in _hosts(want).items():
        if name in found and state.shares.get(key, name) not in {name, found[name]["Id"]}:
            yield key


def _with_surroundings(
    probe: Probe, engine: Engine, name: str, want: ContainerSpec, state: ContainerState
) -> ContainerState:
    image = engine.image(image_of(want))
    texts = {path: text for path in env_file_paths(want) if (text := _text(probe, path)) is not None}
    flaps = state.status == "restarting" or (state.restarts > 0 and _age(state.started) < LASTING)
    ill = state.there and (flaps or state.status != "running" or state.health == "unhealthy")
    return replace(
        state,
        api=engine.api,
        lacking=engine.lacking,
        flaps=flaps,
        current=str(image["Id"]) if image else "",
        newer=_newer(engine, want, image) if image else "",
        texts=texts,
        said=state.said or (engine.last_words(name) if ill and not state.done else ""),
    )


def _age(started: str) -> float:
    """Return how many seconds ago something was; endlessly many for what makes no sense."""
    try:
        moment = datetime.fromisoformat(f"{started[:19]}+00:00")
    except ValueError:
        return math.inf
    return abs((datetime.now(UTC) - moment).total_seconds())


def _newer(engine: Engine, want: ContainerSpec, image: Json) -> str:
    reference, here = image_of(want), digests_of(image, image_of(want))
    try:
        offered = newest(engine, reference, pull_age(want), here)
    except HostError:
        return ""  # what runs keeps running; the image says that its registry does not answer
    return "" if offered in here else offered


def _text(probe: Probe, path: str) -> str | None:
    data = probe.content(PurePosixPath(path), limit=LARGEST)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise HostError(f"{path}: expected UTF-8 text, found other bytes") from error
