"""The objects that documents hold, one by one, and whether each says what an object has to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from agent.host import shown
from agent.kinds.manifest.spec import Namespace
from agent.model import Named, Written, quoted
from agent.values import dataclass

LIST: Final = "List"
LONGEST: Final = 253  # characters of a name: a subdomain of RFC 1123
KUSTOMIZE: Final = "kustomize.config.k8s.io"

_VERSION: Final = re.compile(
    r"(?:(?P<group>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)/)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII
)
_NOT_IN_A_PATH: Final = re.compile(r"[/%\s]")  # IsValidPathSegmentName of k8s.io/apimachinery, and blanks


@dataclass(slots=True)
class Draft:
    """A document that is to be an object, and what is wrong with it."""

    place: str
    path: str  # where it is in its document: items[2]
    data: Mapping[str, Any] = field(repr=False)
    problems: list[str] = field(default_factory=list)
    named: Named = field(default=Named("", "", "", ""))

    def tell(self, where: str, message: str) -> None:
        path = shown(".".join(part for part in (self.path, where) if part))
        path = path if len(path) <= LONGEST else f"{path[:LONGEST]}…"
        self.problems.append(f"{self.place}: {path}: {message}" if path else f"{self.place}: {message}")


def drafts(documents: Iterable[Written]) -> Iterator[Draft]:
    """Yield what is to be an object, lists taken apart as kubectl does."""
    for one in documents:
        yield from _flat(one.place, "", one.data)


def check(draft: Draft) -> None:
    """Find out which object this is; what it lacks is told."""
    data = draft.data
    said = [_word(draft, data, key, "") for key in ("apiVersion", "kind")]
    metadata = data.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        draft.tell("metadata", "expected a mapping")
    elif metadata is not None and "generateName" in metadata:
        draft.tell("metadata.generateName", "an object of Git needs a name of its own: say metadata.name")
    else:
        name = _word(draft, metadata or {}, "name", "metadata.")
        namespace = _namespace(draft, metadata or {})
        group, kind = _group(draft, said[0]), _kind(draft, said[1])
        _check_name(draft, name)
        draft.named = Named(group, kind, namespace, name)


def _flat(place: str, path: str, data: Any, usual: Mapping[str, Any] | None = None) -> Iterator[Draft]:
    if not isinstance(data, Mapping):
        draft = Draft(place, path, {})
        draft.tell("", "expected an object: a mapping with apiVersion, kind and metadata")
        yield draft
        return
    data = {**(usual or {}), **data}
    kind, items = data.get("kind"), data.get("items")
    if not (isinstance(kind, str) and kind.endswith(LIST) and (kind == LIST or isinstance(items, list))):
        yield Draft(place, path, data)
        return
    if not isinstance(items or [], list):
        draft = Draft(place, path, {})
        draft.tell("items", "expected a list of objects")
        yield draft
        return
    # What an API server answers has no kind in each item.
    inner = {} if kind == LIST else {"apiVersion": data.get("apiVersion"), "kind": kind.removesuffix(LIST)}
    for at, item in enumerate(items or []):
        yield from _flat(place, f"{path}.items[{at}]".removeprefix("."), item, inner)


def _word(draft: Draft, data: Mapping[str, Any], key: str, above: str) -> str:
    value = data.get(key)
    if isinstance(value, str) and value:
        return value
    if value is None or value == "":
        draft.tell("", f"there is no {above}{key}")
    elif isinstance(value, bool | int | float):
        draft.tell(f"{above}{key}", "expected text, found a number, or a yes or no; put it in quotes")
    else:
        draft.tell(f"{above}{key}", "expected text")
    return ""


def _namespace(draft: Draft, metadata: Mapping[str, Any]) -> str:
    if metadata.get("namespace") in (None, ""):
        return ""
    namespace = _word(draft, metadata, "namespace", "metadata.")
    try:
        return Namespace.parse(namespace) if namespace else ""
    except ValueError as error:
        draft.tell("metadata.namespace", str(error))
        return ""


def _group(draft: Draft, api_version: str) -> str:
    found = _VERSION.fullmatch(api_version)
    if api_version and not found:
        draft.tell("apiVersion", f"expected v1, or group/version as in apps/v1, got {quoted(api_version)}")
    group = (found["group"] or "") if found else ""
    if group == KUSTOMIZE:
        draft.tell(
            "", "this is kustomize's own file; write what it makes of it to a file: kustomize build … > file"
        )
    return group


def _kind(draft: Draft, kind: str) -> str:
    if kind and not re.fullmatch(Named.KIND, kind):
        draft.tell(
            "kind", f"expected letters and digits, a capital first, as in Deployment, got {quoted(kind)}"
        )
    return kind


def _check_name(draft: Draft, name: str) -> None:
    if "{{" in name:
        draft.tell("metadata.name", HELM)
    elif name in {".", ".."} or _NOT_IN_A_PATH.search(name) or not name.isprintable() or len(name) > LONGEST:
        draft.tell(
            "metadata.name",
            f"expected a name of at most {LONGEST} characters, without '/', '%' and blanks, got {quoted(name)}",
        )


HELM: Final = (
    "this looks like a template of a Helm chart; write what it makes of it to a file: helm template … > file"
)
