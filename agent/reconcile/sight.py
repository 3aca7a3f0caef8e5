"""Looks again at what was carried out, and says how it stands: as it is to be, on its way there, or not. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.bugs import contained
from agent.errors import HostError
from agent.host import Host
from agent.kinds import AnyKind
from agent.model import ResourceId, Stale
from agent.reconcile.observe import Situation, look, patient, there
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How something stands. Nothing said: all is well."""

    left: str = ""  # why it still is not as it is to be
    ill: str = ""  # what is wrong though it is as it is to be
    patience: float = 0.0  # seconds in which what is said may pass by itself


@dataclass(frozen=True, slots=True)
class Sight:
    """The eyes of a plan that is carried out."""

    situation: Situation
    host: Host
    beat: Callable[[], None]
    looking: Callable[[Sequence[ResourceId]], None] = lambda _: None  # told before each look

    def look(self, ids: Sequence[ResourceId]) -> Mapping[str, object | HostError | None]:
        """Return what is there of these, which are of one kind, in one reading."""
        self.looking(ids)
        return look(self.situation.kinds, ids[0].kind, self.host.probe(self.beat), self.wants(ids))

    def wants(self, ids: Sequence[ResourceId]) -> Mapping[str, object | None]:
        """Return what is declared of these, and what a section says as a whole: that holds for all of its kind."""
        declared, kind = self.situation.desired.resources, ids[0].kind
        whole = ResourceId(kind, self.situation.kinds[kind].only)
        every = (*ids, *((whole,) if whole in declared else ()))
        return {rid.name: declared[rid].spec if rid in declared else None for rid in every}

    def judge(self, rid: ResourceId, have: object | HostError | None) -> Seen:
        """Return how something stands after it was carried out."""
        try:
            with contained:
                return self._judged(rid, have)
        except HostError as error:
            return Seen(left=error.reason)

    def _judged(self, rid: ResourceId, have: object | HostError | None) -> Seen:
        left = self.left_to_do(rid, have)
        if isinstance(have, HostError) or not patient(self._kind(rid)) or have is None:
            return Seen(left=left)
        if self.goes(rid):
            return Seen(left=left, patience=self._until_gone(rid, have))
        ill = "" if left else self.illness(rid, have)
        return Seen(left=left, ill=ill, patience=self.patience(rid, have) if ill else 0.0)

    def left_to_do(self, rid: ResourceId, have: object | HostError | None) -> str:
        """Return why the resource still is not as it is to be, or nothing when it has converged."""
        kind, want = self._kind(rid), self._want(rid)
        if isinstance(have, HostError):
            return have.reason
        if want is None and have is not None and (reason := kind.leaves(rid.name, have)):
            return f"done, and it is still not so: {reason}"  # the next plan lets it go, and says so
        try:
            left = tuple(kind.steps(rid.name, want, have, stale=Stale.NO))
        except HostError as error:
            return error.reason
        why = ", ".join(dict.fromkeys(step.why for step in left if step.why))
        return f"done, and it is still not so: {why}" if left else ""

    def illness(self, rid: ResourceId, have: object | HostError | None) -> str:
        """Return what is wrong with something that is as it is to be, or nothing."""
        if have is None or isinstance(have, HostError) or self.goes(rid):
            return ""
        return self._kind(rid).health(rid.name, self._want(rid), have)

    def goes(self, rid: ResourceId) -> bool:
        """Return whether it is not to be there."""
        want = self._want(rid)
        return want is None or self._kind(rid).absent(want)

    def patience(self, rid: ResourceId, have: object) -> float:
        return self._kind(rid).patience(rid.name, self._want(rid), have)

    def _until_gone(self, rid: ResourceId, have: object) -> float:
        stays = self._want(rid) is None and self._kind(rid).leaves(rid.name, have)
        return self.patience(rid, have) if there(self._kind(rid), have) and not stays else 0.0

    def _want(self, rid: ResourceId) -> object | None:
        resource = self.situation.desired.resources.get(rid)
        return resource.spec if resource else None

    def _kind(self, rid: ResourceId) -> AnyKind:
        return self.situation.kinds[rid.kind]
