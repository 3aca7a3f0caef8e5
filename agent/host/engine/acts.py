"""Each step that a container engine is asked for, as calls of its API. Acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from agent.errors import HostError
from agent.host.engine import swap, wait
from agent.host.engine.client import Client, attempt, one_line, part
from agent.host.engine.registry import Registries
from agent.model import (
    Act,
    AwaitContainer,
    DriveContainer,
    EngineStep,
    Json,
    PullImage,
    PutContainer,
    PutNetwork,
    PutVolume,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RenameContainer,
    TuneContainer,
    predecessor,
    successor,
)

Members: TypeAlias = Mapping[str, Json]  # EndpointSettings by container

# Of a network, what POST /networks/create takes as GET /networks/{id} says it.
ASKED: Final = ("Driver", "EnableIPv6", "IPAM", "Internal", "Attachable", "Options", "Labels")
KEPT: Final = ("Aliases", "IPAMConfig", "Links", "DriverOpts")  # of an endpoint, what somebody has asked for


class LackError(HostError):
    """The engine has left out limits. `lacking`: its words, by key of `HostConfig`."""

    def __init__(self, lacking: Mapping[str, str]) -> None:
        said = ", ".join(dict.fromkeys(lacking.values()))
        super().__init__(f"the engine has left out {', '.join(sorted(lacking))}: {said}")
        self.lacking = lacking


def act(client: Client, step: EngineStep, registries: Registries) -> None:
    """Do one step; raises HostError."""
    match step:
        case PullImage():
            registries.pull(client, step)
        case RemoveImage():
            client.delete(f"/images/{part(step.name)}", wait=swap.SLACK)
        case PutContainer():
            swap.put(client, step)
        case TuneContainer():
            tune(client, step)
        case DriveContainer():
            drive(client, step)
        case AwaitContainer():
            wait.until_condition(client, step.name, step.until, patience=step.patience)
        case RemoveContainer():
            for name in (successor(step.name), step.name, predecessor(step.name)):
                swap.remove(client, name)
        case RenameContainer():
            swap.rename(client, step.name, step.to)
        case PutNetwork():
            put_network(client, step)
        case RemoveNetwork():
            _empty(client, step.name)
            client.delete(f"/networks/{part(step.name)}")
        case PutVolume():
            client.post("/volumes/create", {**step.config, "Name": step.name})


def drive(client: Client, step: DriveContainer) -> None:
    path = f"/containers/{part(step.name)}"
    match step.act:
        case Act.STOP:
            swap.stop(client, step.name)
        case Act.SIGNAL:
            client.post(f"{path}/kill", query={"signal": step.signal})
        case Act.UNPAUSE:
            client.post(f"{path}/unpause")
        case Act.START:
            client.post(f"{path}/start", wait=swap.SLACK)
        case Act.RESTART:
            found = wait.inspected(client, step.name)
            grace = swap.grace_of(found) if found else swap.GRACE
            client.post(f"{path}/restart", query={"t": grace}, wait=grace + swap.SLACK)


def tune(client: Client, step: TuneContainer) -> None:
    for network in step.disconnect:
        client.post(f"/networks/{part(network)}/disconnect", {"Container": step.name, "Force": True})
    for network, endpoint in step.connect.items():
        swap.connect(client, network, step.name, endpoint)
    if step.update:
        said = client.post(f"/containers/{part(step.name)}/update", step.update)
        _check_limits(client, step, [one_line(str(one)) for one in (said or {}).get("Warnings") or ()])


def _check_limits(client: Client, step: TuneContainer, warnings: Sequence[str]) -> None:
    """Raise LackError for limits that are not there after all: where the kernel has none such, the engine only warns."""
    found = wait.inspected(client, step.name) if warnings else None
    if found is None:
        return
    missing = [key for key, value in step.update.items() if value and not found["HostConfig"].get(key)]
    if missing:
        raise LackError(dict.fromkeys(missing, ", ".join(warnings)))


def put_network(client: Client, step: PutNetwork) -> None:
    """
    Make a network. What was in one of this name is in the new one, with the addresses and aliases that it had asked for.

    If the engine refuses the new one, the one before is made once more. Raises HostError.
    """
    before = client.find(f"/networks/{part(step.name)}")
    members = _empty(client, step.name)
    client.delete(f"/networks/{part(step.name)}")
    try:
        _make_network(client, step.name, step.config, members)
    except HostError as error:
        if before is None:
            raise
        raise _put_back(client, step.name, before, members, error) from error


def _make_network(client: Client, name: str, config: Json, members: Members) -> None:
    client.post("/networks/create", {"CheckDuplicate": True, **config, "Name": name})
    for container, endpoint in members.items():
        swap.connect(client, name, container, endpoint)


def _put_back(client: Client, name: str, before: Json, members: Members, error: HostError) -> HostError:
    """Return what to say of a network that could not be made, once the one before is there again, if that can be."""
    config = {key: before[key] for key in ASKED if key in before}
    trouble = attempt(lambda: client.delete(f"/networks/{part(name)}")) or attempt(
        lambda: _make_network(client, name, config, members)
    )
    back = f"the one before could not be put back: {trouble}" if trouble else "the one before is back"
    return HostError(f"{error}; {back}", hint=error.hint)


def _empty(client: Client, network: str) -> Members:
    """Disconnect every container of a network, running or not; return how each was in it."""
    members: dict[str, Json] = {}
    for listed in client.get("/containers/json", {"all": True, "filters": {"network": [network]}}):
        found = wait.inspected(client, listed["Id"])
        endpoint = found and found["NetworkSettings"]["Networks"].get(network)
        if endpoint is None:
            continue
        members[str(listed["Id"])] = {key: endpoint[key] for key in KEPT if endpoint.get(key)}
        client.post(f"/networks/{part(network)}/disconnect", {"Container": listed["Id"], "Force": True})
    return members
