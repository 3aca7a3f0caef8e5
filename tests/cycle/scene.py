"""A host of things at places and of services, a daemon that hears of them, and what it looks at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from agent.cycle import run_cycle
from agent.looks import Occasion
from agent.model import Report, ResourceId
from agent.outfit import Agent
from tests.cycle.test_cycle import Repository
from tests.reconcile.world import Service, Thing, ThingSpec, World

WEB = ResourceId("service", "web")
QUIET = Occasion(poll=False, whole=False, due=True)


class Placed(Thing):
    """A thing that is at /things/<name>; what is `exclusive` claims all that begins with stray."""

    apart = True
    in_places = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def places(self, name: str, want: ThingSpec) -> Iterable[str]:
        yield f"/things/{name}"
        if want.value == "exclusive":
            yield "/things/"

    def observe(self, probe, wants: Mapping[str, ThingSpec | None]):
        self.asked += wants
        return super().observe(probe, wants)


class Served(Service):
    def __init__(self) -> None:
        self.asked: list[str] = []

    def observe(self, probe, wants):
        self.asked += wants
        return super().observe(probe, wants)


@dataclass
class Watched:
    """A watch that hears all, but for some folders."""

    notices: tuple[str, ...] = ()
    missed: frozenset[str] | None = frozenset()
    untold: frozenset[str] | None = frozenset()

    def attend(self, places: Collection[str], *, anew: bool) -> frozenset[str] | None:
        untold, self.untold = self.untold, frozenset()
        return untold

    def seen(self, places: Collection[str]) -> None:
        """Nothing is heard of our own work here."""

    def elsewhere(self, places: Collection[str]) -> bool:
        return False

    def rest(self, *, well: bool) -> None:
        """Nor told."""


@dataclass
class Hearing:
    hears: frozenset[str] = frozenset({"service"})

    def others(self, ids: Collection[ResourceId], since: float) -> bool:
        return False


@dataclass
class Scene:
    """A host in state, and a daemon that has looked at it twice."""

    agent: Agent
    world: World
    repository: Repository
    watch: Watched
    ear: Hearing
    things: Placed
    services: Served = field(default_factory=Served)

    def cycle(self, occasion: Occasion = Occasion()) -> Report:  # noqa: B008 - a value
        self.things.asked, self.services.asked = [], []
        return run_cycle(self.agent, occasion=occasion)

    def hear(self, *places: str) -> Report:
        return self.cycle(Occasion(poll=False, whole=False, heard=frozenset(places)))

    @property
    def asked(self) -> set[str]:
        return {*self.things.asked, *self.services.asked}
