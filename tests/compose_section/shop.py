"""A commit with a Compose file, and kinds of containers, networks and volumes that take anything."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import ClassVar

import pytest

from agent.desired.load import load
from agent.desired.look import render
from agent.documents.nodes import Map, Plain
from agent.errors import DocumentError, HostError
from agent.host import Probe
from agent.kinds import AnyKind, Kind, discover
from agent.kinds._engine.names import checked_name
from agent.model import DesiredState, Identity, Resource, ResourceId, Stale, Step
from tests.fakes import FakeTree

HOST = Identity(host="edge-01", labels={"ring": "stable"}, facts={"arch": "x86_64"})
SHOP = "compose: {shop: {source: shop/compose.yaml}}"


class Anything(Kind[Map, str]):
    """Things of which an entry may say anything at all."""

    section: ClassVar[str]
    spec = Map
    rank: ClassVar[int] = 10

    def name(self, written: str) -> str:
        return checked_name(written)

    def observe(self, probe: Probe, wants: Mapping[str, Map | None]) -> Mapping[str, str | HostError | None]:
        return {}

    def steps(self, name: str, want: Map | None, have: str | None, *, stale: Stale) -> tuple[Step, ...]:
        return ()


class Containers(Anything):
    section: ClassVar[str] = "containers"


class Networks(Anything):
    section: ClassVar[str] = "networks"


class Volumes(Anything):
    section: ClassVar[str] = "volumes"


KINDS: Mapping[str, AnyKind] = {
    "file": discover()["file"],
    "container": Containers(),
    "network": Networks(),
    "volume": Volumes(),
}


def tree(
    compose: str | bytes = "",
    *,
    document: str = SHOP,
    files: Mapping[str, str | bytes] = {},
    links: Mapping[str, str] = {},
    variables: str = "",
) -> FakeTree:
    """Return a commit with one layer: a document, and beside it shop/compose.yaml; `files` are below the layer."""
    every = {
        "base/x.yaml": document,
        "base/vars.yaml": variables,
        "fleet.yaml": "hosts: [edge-01]\nlayers: [base]",
    }
    every |= {"base/shop/compose.yaml": compose} if compose else {}
    every |= {f"base/{path}": data for path, data in files.items()}
    data = {path: dedent(text).encode() if isinstance(text, str) else text for path, text in every.items()}
    return FakeTree(files=data, links={f"base/{path}": target for path, target in links.items()})


def loaded(commit: FakeTree) -> DesiredState:
    return load(commit, "c0ffee", HOST, KINDS)


def ids(commit: FakeTree) -> list[str]:
    return [str(id_) for id_, resource in loaded(commit).resources.items() if not resource.implied]


def resource(commit: FakeTree, id_: str) -> Resource:
    return loaded(commit).resources[ResourceId.parse(id_)]


def sections(commit: FakeTree) -> Mapping[str, Plain]:
    """Return the whole document that a host gets, as plain data, without what is added to every label."""
    return render(commit, HOST, KINDS).declared


def entries(commit: FakeTree, section: str) -> dict[str, dict[str, Plain]]:
    found = sections(commit).get(section, {})
    assert isinstance(found, dict)
    return found  # type: ignore[return-value] # entries of these kinds are mappings


def service(
    text: str, *, name: str = "web", files: Mapping[str, str | bytes] = {}, top: str = ""
) -> dict[str, Plain]:
    """Return the container of a service that is given by its keys, but for its labels and its usual network."""
    body = "".join(f"    {line}\n" for line in dedent(text).strip().splitlines())
    others = "  db: {image: db}\n  cache: {image: cache}\n"
    commit = tree(f"services:\n{others}  {name}:\n{body}{dedent(top)}", files=files)
    made = dict(entries(commit, "containers")[f"shop-{name}"])
    del made["labels"]
    if made.get("networks") == {"shop_default": {"aliases": [name]}}:
        del made["networks"]
    return made


def refusal(commit: FakeTree) -> list[str]:
    """Return the lines of the error that loading raises."""
    with pytest.raises(DocumentError) as caught:
        loaded(commit)
    return str(caught.value).split("\n")
