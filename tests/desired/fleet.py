"""A small fleet, and two small kinds that need no host."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest

from agent.desired.load import load
from agent.errors import DocumentError, HostError
from agent.host import Probe
from agent.kinds import AnyKind, Kind
from agent.model import Content, DesiredState, Identity, ResourceId, Sources, Stale, Step, TreePath
from tests.fakes import FakeTree

FLEET = b"""\
hosts: ["edge-*", db-1]
layers:
  - base
  - {path: roles/kiosk, when: {host: "edge-*"}}
  - {path: roles/arm, when: {facts.arch: [aarch64, "arm*"]}}
  - {path: roles/canary, when: {labels.ring: canary}}
  - "hosts/{host}"
vars: {site: berlin}
"""
EDGE = Identity(host="edge-01", labels={"ring": "stable"}, facts={"arch": "x86_64", "os": {"id": "debian"}})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingSpec:
    """One thing; `parts` are more of them below it."""

    state: Literal["present", "absent"] = "present"
    size: int = 1
    text: str = ""
    source: TreePath | None = None
    template: bool = False
    parts: tuple[str, ...] = ()
    above: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    substitute: bool = False
    data: Content | None = field(default=None, metadata={"hidden": True})
    implied: bool = field(default=False, metadata={"hidden": True})

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ValueError("size: expected at most 100")


class Things(Kind[ThingSpec, str]):
    """Things with names of small letters, dashes and slashes."""

    section: ClassVar[str] = "things"
    spec = ThingSpec
    rank: ClassVar[int] = 10
    shorthand: ClassVar[str] = "state"
    triggers: ClassVar[tuple[str, ...]] = ("restart_on", "reload_on")

    def name(self, written: str) -> str:
        if not written.replace("-", "").replace("/", "").replace(".", "").isalnum():
            raise ValueError("expected a name of letters, dashes and slashes")
        return written.removesuffix("/")

    def expand(self, name: str, spec: ThingSpec, tree: Sources) -> Iterable[tuple[str, ThingSpec]]:
        if spec.above:
            yield name.rpartition("/")[0], ThingSpec(implied=True)
        if spec.source is None:
            yield name, spec
        elif spec.template:
            yield name, ThingSpec(data=tree.render(spec.source))
        elif (found := tree.entry(spec.source)) is None:
            raise ValueError(f"source: there is no {spec.source}")
        else:
            yield name, ThingSpec(data=getattr(found, "content", None))
        yield from ((f"{name}/{part}", ThingSpec(text=part)) for part in spec.parts)

    def implied(self, spec: ThingSpec) -> bool:
        return spec.implied

    def fingerprint(self, spec: ThingSpec) -> object:
        return (spec.state, spec.size, spec.text, spec.data.digest if spec.data else None, dict(spec.tags))

    def edges(self, name: str, want: ThingSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        above = ResourceId("thing", name.rpartition("/")[0])
        return (above,) if above in declared else ()

    def observe(
        self, probe: Probe, wants: Mapping[str, ThingSpec | None]
    ) -> Mapping[str, str | HostError | None]:
        return {}

    def steps(self, name: str, want: ThingSpec | None, have: str | None, *, stale: Stale) -> Iterable[Step]:
        return ()


class Scripts(Things):
    """Things that are full of dollars."""

    section: ClassVar[str] = "scripts"
    shorthand: ClassVar[str] = "text"
    verbatim: ClassVar[bool] = True


KINDS: Mapping[str, AnyKind] = {"thing": Things(), "script": Scripts()}


def tree(*, fleet: bytes | None = FLEET, **documents: str | bytes) -> FakeTree:
    """Return a commit: `base__a="…"` is base/a.yaml; a folder base is always there."""
    files = {"base/nothing.yaml": b""} | ({} if fleet is None else {"fleet.yaml": fleet})
    for name, text in documents.items():
        data = text.encode() if isinstance(text, str) else text
        files[name.replace("__", "/").replace("_", "-") + ".yaml"] = data
    return FakeTree(files={"roles/kiosk/nothing.yaml": b"", **files})


def loaded(commit: FakeTree, identity: Identity = EDGE) -> DesiredState:
    return load(commit, "c0ffee", identity, KINDS)


def ids(commit: FakeTree, identity: Identity = EDGE) -> list[str]:
    return [str(id_) for id_ in loaded(commit, identity).resources]


def of(commit: FakeTree, name: str, identity: Identity = EDGE) -> ThingSpec:
    """Return what one thing is declared to be."""
    spec = loaded(commit, identity).resources[ResourceId.parse(name)].spec
    assert isinstance(spec, ThingSpec)
    return spec


def refusal(commit: FakeTree, identity: Identity = EDGE) -> list[str]:
    """Return the lines of the error that loading raises."""
    with pytest.raises(DocumentError) as caught:
        loaded(commit, identity)
    return str(caught.value).split("\n")
