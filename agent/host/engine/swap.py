"""
Puts a container in the place of another one, such that at every moment one of the two can be put back.

The new one is made beside the old, under a name of its own; the old is stopped and steps aside; the new takes the name and
starts. Only when it has proven well does the old one go. Names are the journal: what a run that was cut short has left tells
how far it came, and the next one goes on from there. Acts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agent.errors import HostError
from agent.host.engine.client import Client, attempt, part
from agent.host.engine.wait import health, inspected, until_well
from agent.model import Json, PutContainer, predecessor, successor

GRACE: Final = 10  # seconds between the stop signal and the end, where a container does not say
SLACK: Final = 60.0  # seconds more that the engine may take for it
_ANONYMOUS: Final = re.compile(r"[0-9a-f]{64}")


def put(client: Client, step: PutContainer) -> None:
    """Make the container, in place of the one that there is; raises HostError, and then that one is back."""
    old = settle(client, step.name, fleeting=step.fleeting)
    config = {**step.config, **_carried(client, old, step.config)}
    new = successor(step.name)
    _create(client, new, config, step.endpoints)
    running = old is not None and bool(old["State"].get("Running"))
    if old is not None:
        stop(client, step.name)
        _rename(client, step.name, predecessor(step.name))
    _rename(client, new, step.name)
    try:
        client.post(f"/containers/{part(step.name)}/start", wait=SLACK)
        if old is not None:
            until_well(client, step.name, patience=step.patience, fleeting=step.fleeting)
    except HostError as error:
        if old is None:
            raise  # it stays, so that somebody can look at it
        raise _put_back(client, step.name, error, running=running) from error
    remove(client, predecessor(step.name))


def settle(client: Client, name: str, *, fleeting: bool = False) -> Mapping[str, Any] | None:
    """Clear away what a swap that was cut short has left; return the container that has the name then."""
    remove(client, successor(name))
    now, before = inspected(client, name), inspected(client, predecessor(name))
    if before is None:
        return now
    if now is not None and _has_proven_well(now["State"], fleeting=fleeting):
        remove(client, predecessor(name))
        return now
    if now is not None:
        remove(client, name)
    _rename(client, predecessor(name), name)
    return inspected(client, name)


def _has_proven_well(state: Mapping[str, Any], *, fleeting: bool) -> bool:
    if fleeting and state.get("Status") == "exited":
        return state.get("ExitCode") == 0
    return bool(state.get("Running")) and not state.get("Restarting") and health(state) in {"", "healthy"}


def _put_back(client: Client, name: str, error: HostError, *, running: bool) -> HostError:
    """Return what to say of a new container that is not well, once the one before has its place again."""
    trouble = attempt(lambda: remove(client, name)) or attempt(
        lambda: _rename(client, predecessor(name), name)
    )
    if not trouble and running:
        trouble = attempt(lambda: client.post(f"/containers/{part(name)}/start", wait=SLACK))
    back = f"the one before could not be put back: {trouble}" if trouble else "the one before is back"
    return HostError(f"the new container {error}; {back}", hint=error.hint)


def stop(client: Client, name: str) -> None:
    """Stop a container, with the time that it was made with."""
    found = inspected(client, name)
    if found is None or found["State"].get("Status") in {"created", "exited", "dead"}:
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
    stop(client, name)
    client.delete(f"/containers/{part(name)}", wait=SLACK)


def _rename(client: Client, name: str, new: str) -> None:
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
