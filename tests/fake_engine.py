"""A container engine that is a few dicts, which look as `docker inspect` prints them; steps change them as dockerd would."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from agent.errors import HostError
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
from tests.inspected import Body, container, endpoint, image, network, number, volume


def full(reference: str) -> str:
    """Return a reference with its registry and tag: docker.io/library/nginx:latest for nginx."""
    name, at, digest = reference.partition("@")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    tagged = name if at or ":" in name.rpartition("/")[2] else f"{name}:latest"
    return f"{untagged(tagged)}@{digest}" if at else tagged


def untagged(reference: str) -> str:
    """Return the repository of a reference."""
    return re.sub(r":[^/:@]+$", "", reference.partition("@")[0])


@dataclass(slots=True)
class FakeEngine:
    """
    An engine, and the registries that it can reach.

    `registry`: what is there, by reference: an image's `digest` and what else is in it, or an `error`. `ends`: containers
    that come to an end when they were started, with their exit code. `sick`: those that never get healthy.
    """

    api: str = "1.45"
    has: dict[str, Body] = field(default_factory=dict)  # containers, by name
    nets: dict[str, Body] = field(default_factory=dict)
    stores: dict[str, Body] = field(default_factory=dict)  # volumes
    pulled: dict[str, Body] = field(default_factory=dict)  # images, by id
    registry: dict[str, Body] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    sick: set[str] = field(default_factory=set)
    lacking: dict[str, str] = field(
        default_factory=dict
    )  # limits that it is known to leave out, with its words
    logs: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, float]] = field(default_factory=list)  # references at registries, with the age

    def __post_init__(self) -> None:
        for name in ("bridge", "host", "none"):
            self.nets.setdefault(name, network(name, driver={"none": "null"}.get(name, name)))

    # What `Engine` asks

    def containers(self, names: Collection[str]) -> Mapping[str, Json]:
        return {name: self.has[name] for name in names if name in self.has}

    def networks(self) -> Mapping[str, Json]:
        return {name: net | {"Containers": self._guests(name)} for name, net in self.nets.items()}

    def volumes(self) -> Mapping[str, Json]:
        return dict(self.stores)

    def image(self, reference: str) -> Json | None:
        if reference in self.pulled:
            return self.pulled[reference]
        wanted, digest = full(reference), reference.partition("@")[2]
        for found in self.pulled.values():
            names = map(full, found["RepoDigests"] if digest else found["RepoTags"])
            if wanted in names:
                return found
        return None

    def dangling(self) -> Iterable[Json]:
        return [found for found in self.pulled.values() if not found["RepoTags"]]

    def labelled(self, label: str) -> Mapping[str, str]:
        found = {name: has["Config"]["Labels"].get(label) for name, has in self.has.items()}
        return {value: name for name, value in found.items() if value}

    def users(self) -> Mapping[str, str]:
        return {name: found["Image"] for name, found in self.has.items()}

    def digest(self, reference: str, *, age: float) -> str:
        self.asked.append((reference, age))
        return str(self._offered(reference)["digest"])

    def last_words(self, name: str) -> str:
        return self.logs.get(name, "")

    # What steps do

    def perform(self, step: EngineStep) -> None:
        match step:
            case PullImage():
                self._pull(step.name, step.platform)
            case RemoveImage():
                self._remove_image(step.name)
            case PutContainer():
                self._put_container(step)
            case TuneContainer():
                self._tune(step)
            case DriveContainer():
                self._drive(self._there(step.name), step)
            case AwaitContainer():
                self._await(step)
            case RemoveContainer():
                for name in (step.name, successor(step.name), predecessor(step.name)):
                    self.has.pop(name, None)
            case RenameContainer():
                self.has[step.to] = self.has.pop(step.name)
            case PutNetwork():
                self._put_network(step)
            case RemoveNetwork():
                self.nets.pop(step.name, None)
                for found in self.has.values():
                    found["NetworkSettings"]["Networks"].pop(step.name, None)
            case PutVolume():
                self._put_volume(step)

    def _guests(self, name: str) -> Body:
        """Return the containers in a network as dockerd tells of them: only those that run."""
        return {
            found["Id"]: {"Name": guest, "EndpointID": number(guest, name)}
            for guest, found in self.has.items()
            if found["State"]["Running"] and name in found["NetworkSettings"]["Networks"]
        }

    def _offered(self, reference: str) -> Body:
        found = next((has for name, has in self.registry.items() if full(name) == full(reference)), None)
        if found is None and "@" in reference:
            here = {has["digest"]: has for name, has in self.registry.items() if "digest" in has}
            found = here.get(reference.partition("@")[2])
        if found is None:
            raise HostError(f"{reference}: the registry has no such image")
        if "error" in found:
            raise HostError(f"{reference}: {found['error']}")
        return found

    def _pull(self, reference: str, platform: str) -> None:
        offered = dict(self._offered(reference))
        digest = offered.pop("digest")
        new = image(digest, **offered)
        if platform:
            new["Os"], new["Architecture"] = platform.split("/")[:2]
        new = self.pulled.setdefault(new["Id"], new)
        if "@" not in reference:
            tag = full(reference).removeprefix("docker.io/library/").removeprefix("docker.io/")
            for other in self.pulled.values():
                other["RepoTags"] = [has for has in other["RepoTags"] if has != tag]
            new["RepoTags"].append(tag)
        name = untagged(full(reference)).removeprefix("docker.io/library/").removeprefix("docker.io/")
        if f"{name}@{digest}" not in new["RepoDigests"]:
            new["RepoDigests"].append(f"{name}@{digest}")

    def _remove_image(self, reference: str) -> None:
        found = self.image(reference)
        if found is None:
            return
        for user, used in self.users().items():
            if used == found["Id"]:
                raise HostError(f"{reference}: is used by container {user}")
        key = "RepoDigests" if "@" in reference else "RepoTags"
        found[key] = [name for name in found[key] if full(name) != full(reference)]
        if not found["RepoTags"]:
            del self.pulled[found["Id"]]

    def _put_container(self, step: PutContainer) -> None:
        made_from = self.image(step.config["Image"])
        if made_from is None:
            raise HostError(f"{step.name}: there is no image {step.config['Image']}")
        if missing := [net for net in step.endpoints if net not in self.nets]:
            raise HostError(f"{step.name}: there is no network {missing[0]}")
        for left in (successor(step.name), predecessor(step.name)):
            self.has.pop(left, None)
        before = self.has.get(step.name)
        new = container(step.name, step.config, made_from=made_from)
        for net, settings in step.endpoints.items():
            self._connect(new, net, settings)
        self.has[step.name] = new
        try:
            self._run(new, step.name, fleeting=step.fleeting)
        except HostError:
            del self.has[step.name]
            if before is not None:
                self.has[step.name] = before
            raise

    def _connect(self, found: Body, net: str, settings: Json) -> None:
        found["NetworkSettings"]["Networks"][net] = endpoint(found, self.nets[net]["Id"], settings)

    def _run(self, found: Body, name: str, *, fleeting: bool) -> None:
        """Start a container; raises HostError where it does not do well."""
        state = found["State"]
        state |= {"Status": "running", "Running": True, "Paused": False, "ExitCode": 0, "Pid": 4711}
        if (found["Config"].get("Healthcheck") or {}).get("Test", ["NONE"]) != ["NONE"]:
            state["Health"] = {"Status": "unhealthy" if name in self.sick else "healthy", "FailingStreak": 0}
        if name in self.ends:
            self._halt(found, self.ends[name])
        if name in self.ends and not (fleeting and self.ends[name] == 0):
            raise HostError(f"{name}: ended with exit code {self.ends[name]}")
        if name in self.sick:
            raise HostError(f"{name}: is unhealthy")

    def _halt(self, found: Body, code: int) -> None:
        found["State"] |= {"Status": "exited", "Running": False, "Paused": False, "ExitCode": code, "Pid": 0}
        found["State"].pop("Health", None)

    def _there(self, name: str) -> Body:
        if name not in self.has:
            raise HostError(f"{name}: there is no such container")
        return self.has[name]

    def _tune(self, step: TuneContainer) -> None:
        found = self._there(step.name)
        for net in step.disconnect:
            found["NetworkSettings"]["Networks"].pop(net, None)
        for net, settings in step.connect.items():
            if net not in self.nets:
                raise HostError(f"{step.name}: there is no network {net}")
            self._connect(found, net, settings)
        found["HostConfig"] |= {key: value for key, value in step.update.items() if key not in self.lacking}

    def _drive(self, found: Body, step: DriveContainer) -> None:
        state = found["State"]
        match step.act:
            case Act.START | Act.RESTART:
                self._run(found, step.name, fleeting=True)
            case Act.STOP:
                self._halt(found, 0)
            case Act.UNPAUSE:
                state |= {"Status": "running", "Paused": False}
            case Act.SIGNAL if not state["Running"]:
                raise HostError(f"{step.name}: does not run")

    def _await(self, step: AwaitContainer) -> None:
        state = self._there(step.name)["State"]
        well = {
            "service_started": state["Running"] or state["Status"] == "exited",
            "service_healthy": state.get("Health", {}).get("Status") == "healthy",
            "service_completed_successfully": state["Status"] == "exited" and state["ExitCode"] == 0,
        }
        if not well[step.until]:
            raise HostError(f"{step.name}: never got as far as {step.until}")

    def _put_network(self, step: PutNetwork) -> None:
        """Make a network, or make it anew: who was in it is in it again, with another address perhaps."""
        self.nets[step.name] = network(step.name, **step.config)
        for found in self.has.values():
            if step.name in found["NetworkSettings"]["Networks"]:
                found["NetworkSettings"]["Networks"][step.name]["NetworkID"] = self.nets[step.name]["Id"]

    def _put_volume(self, step: PutVolume) -> None:
        there = self.stores.setdefault(step.name, volume(step.name, **step.config))
        if there["Driver"] != step.config.get("Driver", "local"):
            raise HostError(f"{step.name}: there is a volume of this name with driver {there['Driver']}")
