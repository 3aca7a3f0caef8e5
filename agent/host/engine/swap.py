"""
Puts a container in the place of another one, such that at every moment one of the two can be put back.

The new one is made beside the old, under a name of its own; the old is stopped and steps aside; the new takes the name and
starts. Only when it has proven well does the old one go. Names are the journal: what a run that was cut short has left tells
how far it came, and the next one goes on from there. Acts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from agent.errors import HostError
from agent.host.engine.client import Client, EngineError, attempt, part
from agent.host.engine.wait import PAUSE, health, inspected, is_done, until_well
from agent.model import Json, PutContainer, predecessor, successor

GRACE: Final = 10  # seconds between the stop signal and the end, where a container does not say
IN_PROGRESS: Final = 409
SLACK: Final = 60.0  # seconds more that the engine may take for it
_ANONYMOUS: Final = re.compile(r"[0-9a-f]{64}")


def put(client: Client, step: PutContainer) -> None:
    """Make the container, in place of the one that there is; raises HostError, and then that one is back."""
    old = settle(client, step.name, fleeting=step.fleeting)
    config = {**step.config, **_carried(client, old, step.config)}
    _create(client, successor(step.name), config, step.endpoints)
    try:
        if old is not None:
            _step_aside(client, step.name, old)
        rename(client, successor(step.name), step.name)
        _prove(client, step, alone=old is None)
    except HostError as error:
        if old is None:
            raise  # it stays, so that somebody can look at it
        raise _put_back(client, step, old, error) from error
    remove(client, predecessor(step.name))


def settle(client: Client, name: str, *, fleeting: bool = False) -> Mapping[str, Any] | None:
    """Clear away what a swap that was cut short has left; return the container that has the name then."""
    remove(client, successor(name))
    now, before = inspected(client, name), inspected(client, predecessor(name))
    if now is not None and now["State"].get("Status") in {"removing", "dead"}:
        remove(client, name)
        now = None
    if before is None:
        return now
    if now is not None and _has_proven_well(now, fleeting=fleeting):
        remove(client, predecessor(name))
        return now
    if now is not None:
        remove(client, name)
    rename(client, predecessor(name), name)
    return inspected(client, name)


def _has_proven_well(found: Mapping[str, Any], *, fleeting: bool) -> bool:
    state = found["State"]
    if fleeting and is_done(state):
        return True
    lasts = state.get("Running") and not state.get("Restarting") and not found.get("RestartCount")
    return bool(lasts) and health(state) in {"", "healthy"}


def _step_aside(client: Client, name: str, old: Mapping[str, Any]) -> None:
    """Stop the one that there is, and let the name be free. One that removes itself when it ends cannot be kept."""
    stop(client, name)
    if not old["HostConfig"].get("AutoRemove"):
        rename(client, name, predecessor(name))
        return
    _until_gone(client, name)


def _prove(client: Client, step: PutContainer, *, alone: bool) -> None:
    """Start the new one, and wait until it is well where it has taken the place of another one."""
    try:
        client.post(f"/containers/{part(step.name)}/start", wait=SLACK)
        if not alone:
            until_well(client, step.name, patience=step.patience, fleeting=step.fleeting)
    except HostError as error:
        raise error if alone else HostError(f"the new container: {error}", hint=error.hint) from error


def _put_back(client: Client, step: PutContainer, old: Mapping[str, Any], error: HostError) -> HostError:
    """Return what to say of a swap that went wrong, once the one before has its place again, as far as that can be."""
    trouble = attempt(lambda: _restore(client, step.name, str(old["Id"])))
    if trouble:
        return HostError(f"{error}; the one before could not be put back: {trouble}", hint=error.hint)
    # It was to run, whatever had stopped it: also a swap before this one, that was cut short.
    if not (step.fleeting and is_done(old["State"])):
        trouble = attempt(lambda: client.post(f"/containers/{part(step.name)}/start", wait=SLACK))
    asleep = f", but does not start: {trouble}" if trouble else ""
    return HostError(f"{error}; the one before is back{asleep}", hint=error.hint)


def _restore(client: Client, name: str, old: str) -> None:
    """Give its name back to the one before, wherever the swap has stopped."""
    now = inspected(client, name)
    if now is None or now["Id"] != old:
        remove(client, name)
        rename(client, predecessor(name), name)
    remove(client, successor(name))


def stop(client: Client, name: str) -> None:
    """Stop a container, with the time that it was made with. That there is none is no error."""
    if (found := inspected(client, name)) is not None:
        _stop(client, name, found)


def _stop(client: Client, name: str, found: Mapping[str, Any]) -> None:
    if found["State"].get("Status") in {"created", "exited", "dead", "removing"}:
        return
    if found["State"].get("Paused"):
        client.post(f"/containers/{part(name)}/unpause")
    grace = grace_of(found)
    client.post(f"/containers/{part(name)}/stop", query={"t": grace}, wait=grace + SLACK)


def grace_of(found: Mapping[str, Any]) -> int:
    given = found["Config"].get("StopTimeout")
    return GRACE if given is None else int(given)


def remove(client: Client, name: str) -> None:
    """Stop a container and remove it; its volumes stay. That there is none is no error."""
    if (found := inspected(client, name)) is None:
        return
    _stop(client, name, found)
    try:
        client.delete(f"/containers/{part(name)}", wait=SLACK)
    except EngineError as error:
        if error.status != IN_PROGRESS:
            raise
        _until_gone(client, name)


def _until_gone(client: Client, name: str) -> None:
    """Wait for a removal that somebody else has begun: the engine itself, or a run that was cut short."""
    deadline = time.monotonic() + SLACK
    while inspected(client, name) is not None:
        if time.monotonic() > deadline:
            raise HostError(f"{name} is being removed, and still there after {SLACK:.0f} s")
        time.sleep(PAUSE)


def rename(client: Client, name: str, new: str) -> None:
    client.post(f"/containers/{part(name)}/rename", query={"name": new})


def _create(client: Client, name: str, config: Json, endpoints: Mapping[str, Json]) -> None:
    """Make a container. Before API 1.44 it can be made in one network only; it is connected to the others then."""
    first = next(iter(endpoints.items()), None)
    networking = {"EndpointsConfig": {first[0]: first[1]}} if first else {}
    body = {**config, "NetworkingConfig": networking}
    client.post("/containers/create", body, query={"name": name}, wait=SLACK)
    for network, endpoint in list(endpoints.items())[1:]:
        connect(client, network, name, endpoint)


def connect(client: Client, network: str, name: str, endpoint: Json) -> None:
    client.post(f"/networks/{part(network)}/connect", {"Container": name, "EndpointConfig": endpoint})


def _carried(client: Client, old: Mapping[str, Any] | None, config: Json) -> Json:
    """Return the HostConfig that takes over the anonymous volumes of the one before, as Compose does."""
    if old is None:
        return {}
    volumes = {
        mount["Destination"]: str(mount["Name"])
        for mount in old.get("Mounts") or ()
        if mount.get("Type") == "volume" and _ANONYMOUS.fullmatch(str(mount.get("Name")))
    }
    image = client.find(f"/images/{part(str(config['Image']))}/json") or {}
    of_image = (image.get("Config") or {}).get("Volumes") or {}
    host = config.get("HostConfig") or {}
    binds, mounts = list(host.get("Binds") or ()), list(host.get("Mounts") or ())
    taken = {bind.split(":")[1] for bind in binds} | {mount["Target"] for mount in mounts}
    taken |= (host.get("Tmpfs") or {}).keys()
    mounts = [_named(mount, volumes) for mount in mounts]
    binds += [
        f"{name}:{target}" for target, name in volumes.items() if target in of_image and target not in taken
    ]
    return {"HostConfig": {**host, "Binds": binds, "Mounts": mounts}}


def _named(mount: Json, volumes: Mapping[str, str]) -> Json:
    """Return a mount of a volume without a name with the name that the one before had for it."""
    nameless = mount.get("Type") == "volume" and not mount.get("Source")
    known = volumes.get(mount["Target"])
    return {**mount, "Source": known} if nameless and known else mount
