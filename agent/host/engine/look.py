"""
What the engine says of all that it has, asked as seldom as can be. Only looks.

One list of containers says which there are and whether they run; the rest of what is known of one changes only with an event.
As long as somebody listens to these, what was read before is good; else each container is asked for anew at each look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from typing import Any

from agent.errors import HostError
from agent.host.engine.client import NO_QUERY, Client, EngineError, Query, part
from agent.host.engine.registry import Registries
from agent.host.engine.wait import last_words
from agent.model import Json
from agent.values import dataclass


@dataclass(slots=True)
class Remembered:
    """What was read of containers, by id, until something happens to them. For two threads: one reads, one forgets."""

    watched: bool = False  # somebody listens to events, and has since before the first of these was read
    forgotten: int = 0  # times that something was
    # Limits that the engine has left out, with its words: it knows its kernel from when it started.
    lacking: Mapping[str, str] = field(default_factory=dict)
    _known: dict[str, Json] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, listed: Json) -> Json | None:
        """Return what is known of a container, unless the list of them says otherwise."""
        with self._lock:
            known = self._known.get(str(listed["Id"])) if self.watched else None
        return known if known and known["State"]["Status"] == listed["State"] else None

    def put(self, found: Json, *, asked: int) -> None:
        """Remember what was read; `asked`: what `forgotten` was before, since what has changed meanwhile is old already."""
        with self._lock:
            if asked == self.forgotten:
                self._known[str(found["Id"])] = found

    def forget(self, container: str = "") -> None:
        """Forget one container, or all of them."""
        with self._lock:
            self.forgotten += 1
            if container:
                self._known.pop(container, None)
            else:
                self._known.clear()

    def keep_only(self, containers: Collection[str]) -> None:
        with self._lock:
            for gone in self._known.keys() - set(containers):
                del self._known[gone]


@dataclass(slots=True)
class EngineView:
    """One pair of eyes: what it has answered once, it answers again. See `agent.host.servers.Engine`."""

    _client: Client
    _remembered: Remembered
    _registries: Registries
    _beat: Callable[[], None]
    _listed: Mapping[str, Json] | None = None
    _networks: Mapping[str, Json] | None = None
    _volumes: Mapping[str, Json] | None = None
    _images: dict[str, Json | None] = field(default_factory=dict)
    _silent: HostError | None = None

    @property
    def api(self) -> str:
        return self._client.api

    @property
    def lacking(self) -> Mapping[str, str]:
        return self._remembered.lacking

    def containers(self, names: Collection[str]) -> Mapping[str, Json]:
        found: dict[str, Json] = {}
        for name in names:
            listed = self._list().get(name)
            # One that has gone since the list was made is not there.
            if listed is not None and (one := self._remembered.get(listed) or self._inspect(listed)):
                found[name] = one
        return found

    def labelled(self, label: str) -> Mapping[str, str]:
        values = ((name, (listed.get("Labels") or {}).get(label)) for name, listed in self._list().items())
        return {str(value): name for name, value in values if value}

    def users(self) -> Mapping[str, str]:
        return {name: str(listed["ImageID"]) for name, listed in self._list().items()}

    def networks(self) -> Mapping[str, Json]:
        if self._networks is None:
            every = self._get("/networks")
            members: dict[str, dict[str, Json]] = {}
            for name, listed in self._list().items():
                for network in (listed.get("NetworkSettings") or {}).get("Networks") or {}:
                    members.setdefault(network, {})[str(listed["Id"])] = {"Name": name}
            self._networks = {
                one["Name"]: {**one, "Containers": members.get(one["Name"], {})} for one in every
            }
        return self._networks

    def volumes(self) -> Mapping[str, Json]:
        if self._volumes is None:
            self._volumes = {one["Name"]: one for one in self._get("/volumes")["Volumes"] or ()}
        return self._volumes

    def image(self, reference: str) -> Json | None:
        if reference not in self._images:
            found: Json | None = self._find(f"/images/{part(reference)}/json")
            self._images[reference] = found
        return self._images[reference]

    def dangling(self) -> Iterable[Json]:
        found: Iterable[Json] = self._client.get("/images/json", {"filters": {"dangling": ["true"]}})
        return found

    def digest(self, reference: str, *, age: float) -> str:
        said = self._registries.digest(self._client, reference, age=age)
        self._beat()
        return said

    def last_words(self, name: str) -> str:
        return last_words(self._client, name)

    def _get(self, path: str, query: Query = NO_QUERY) -> Any:
        return self._answered(lambda: self._client.get(path, query))

    def _find(self, path: str) -> Any:
        return self._answered(lambda: self._client.find(path))

    def _answered(self, ask: Callable[[], Any]) -> Any:
        """Ask, unless the engine has not answered before: one that hangs is waited for once."""
        if self._silent is not None:
            raise HostError(str(self._silent), hint=self._silent.hint) from self._silent
        try:
            return ask()
        except EngineError:
            raise
        except HostError as error:
            self._silent = error
            raise

    def _list(self) -> Mapping[str, Json]:
        if self._listed is None:
            every = self._get("/containers/json", {"all": True})
            self._listed = {name_of(one): one for one in every}
            self._remembered.keep_only([str(one["Id"]) for one in every])
        return self._listed

    def _inspect(self, listed: Json) -> Json | None:
        asked = self._remembered.forgotten
        found: Json | None = self._find(f"/containers/{listed['Id']}/json")
        if found is not None:
            self._remembered.put(found, asked=asked)
        return found


def name_of(listed: Json) -> str:
    """Return the name of a container in a list; the names that links give it have one slash more."""
    names = [str(name).removeprefix("/") for name in listed.get("Names") or ()]
    return next((name for name in names if "/" not in name), str(listed["Id"]))
