"""Entries of `manifests` for tests: decoded, and expanded from files in memory."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import DocumentError
from agent.kinds.manifest import KIND
from agent.kinds.manifest.spec import ManifestSpec
from tests.fakes import FakeTree

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\ndata: {a: b}\n"


def spec(text: str) -> ManifestSpec:
    node = parse(text.encode(), "base.yaml")
    assert node is not None
    return decode(node, ManifestSpec)


def expanded(text: str, entry: str = "{source: app.yaml}") -> dict[str, ManifestSpec]:
    return of({"app.yaml": text}, entry)


def of(
    files: Mapping[str, str], entry: str, links: Mapping[str, str] | None = None
) -> dict[str, ManifestSpec]:
    tree = FakeTree({path: text.encode() for path, text in files.items()}, links or {})
    return dict(KIND.expand("app", spec(entry), tree))


def document(text: str, entry: str = "{source: app.yaml}") -> object:
    (one,) = expanded(text, entry).values()
    return one.document


def refusal(text: str, entry: str = "{source: app.yaml}") -> list[str]:
    with pytest.raises(DocumentError) as caught:
        expanded(text, entry)
    return str(caught.value).splitlines()
