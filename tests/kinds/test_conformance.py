"""What holds for every kind, found by listing: a new one passes or fails by itself."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import HostError
from agent.kinds import AnyKind
from agent.model import ResourceId, Stale
from agent.reconcile.observe import look
from tests.kinds.test_cases import CASES, KINDS, host_of, wants_of

DOCS = Path(__file__).parents[2] / "docs/kinds"
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def wants_and_haves(kind: str) -> tuple[list[tuple[str, Any]], list[Any]]:
    """Return everything that any case of a kind declares, and everything that it finds."""
    wants: list[tuple[str, Any]] = []
    haves: list[Any] = [None]
    for path in sorted((CASES / kind).glob("*.yaml")):
        case = yaml.safe_load(path.read_text())
        declared = wants_of(KINDS[kind], case)
        wants += declared.items()
        haves += look(KINDS, kind, host_of(case, kind).probe(), declared).values()
    return wants, [have for have in haves if not isinstance(have, HostError)]


@EVERY_KIND
def test_it_has_a_page_that_names_every_key(kind: str) -> None:
    page = (DOCS / f"{kind}.md").read_text()
    keys = [field.name for field in dataclasses.fields(KINDS[kind].spec) if not field.metadata.get("hidden")]
    assert [] == [key for key in keys if f"`{key}`" not in page]


@EVERY_KIND
def test_every_key_says_what_it_is_for(kind: str) -> None:
    fields = [field for field in dataclasses.fields(KINDS[kind].spec) if not field.metadata.get("hidden")]
    assert [] == [field.name for field in fields if not field.metadata.get("doc")]


@EVERY_KIND
def test_from_anything_to_anything_there_are_steps_or_a_reason(kind: str) -> None:
    wants, haves = wants_and_haves(kind)
    for name, want in wants:
        for have in haves:
            try:
                steps = list(KINDS[kind].steps(name, want, have, stale=Stale.RESTART))
            except HostError:
                continue
            assert want is None or have is not None or steps or KINDS[kind].absent(want)


@EVERY_KIND
def test_nothing_is_to_be_done_about_what_is_not_declared_and_not_there(kind: str) -> None:
    assert () == tuple(KINDS[kind].steps("/some/name", None, None, stale=Stale.NO))


@EVERY_KIND
def test_a_fingerprint_is_plain_and_tells_declarations_apart(kind: str) -> None:
    wants, _ = wants_and_haves(kind)
    specs = [want for _, want in wants if want is not None]
    for one in specs:
        for other in specs:
            same = KINDS[kind].fingerprint(one) == KINDS[kind].fingerprint(other)
            assert (one == other) == same
        json.dumps(KINDS[kind].fingerprint(one))


@EVERY_KIND
def test_edges_lead_only_to_what_is_declared(kind: str) -> None:
    wants, _ = wants_and_haves(kind)
    declared = {ResourceId(kind, name) for name, want in wants if want is not None}
    for name, want in wants:
        if want is not None:
            assert declared.issuperset(KINDS[kind].edges(name, want, declared))
            assert [] == list(KINDS[kind].edges(name, want, ()))


@EVERY_KIND
def test_it_says_in_one_line_what_it_is(kind: str) -> None:
    manages: AnyKind = KINDS[kind]
    assert re.fullmatch("[a-z]+", kind)
    assert re.fullmatch("[a-z]+", manages.section)
    assert inspect.getdoc(type(manages))


@EVERY_KIND
def test_the_places_it_is_read_from_are_whole_paths(kind: str) -> None:
    """They are watched: each is absolute, and nothing in it leads elsewhere."""
    wants, _ = wants_and_haves(kind)
    for name, want in wants:
        for place in KINDS[kind].places(name, want) if want is not None else ():
            assert place.startswith("/")
            assert not {"", ".", ".."} & set(place.removesuffix("/").split("/")[1:])
