"""What one entry of `manifests` stands for: the objects of its files, each by the name of its resource. Reads the commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from agent.errors import DocumentError
from agent.host import shown
from agent.kinds.manifest.normal import normal
from agent.kinds.manifest.objects import HELM, Draft, check, drafts
from agent.kinds.manifest.scopes import is_namespaced, scopes
from agent.kinds.manifest.spec import ManifestSpec, Namespace
from agent.model import Sources, TreeFile, TreeLink, TreePath, Written

SUFFIXES: Final = (".yaml", ".yml", ".json")
MAX_OBJECT: Final = (
    3 << 20
)  # bytes of JSON that an API server takes (MaxRequestBodyBytes of k8s.io/apiserver)

_CHART: Final = "Chart.yaml"
_KUSTOMIZATIONS: Final = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))


def expand(spec: ManifestSpec, tree: Sources) -> Iterator[tuple[str, ManifestSpec]]:
    """Yield all objects of an entry; raises ValueError, or DocumentError with all that is wrong with all files."""
    problems: list[str] = []
    found = list(drafts(_documents(spec, tree, problems)))
    for draft in found:
        if not draft.problems:
            check(draft)
    sound = [draft for draft in found if not draft.problems]
    custom = scopes(draft.data for draft in sound)
    seen: dict[str, Draft] = {}
    for draft in sound:
        _place(draft, custom, spec.namespace)
        if not draft.problems and (first := seen.setdefault(str(draft.named), draft)) is not draft:
            draft.tell("", f"{draft.named} is given twice, first at {first.place}")
    every = [(draft, _object(draft, spec)) for draft in sound if not draft.problems]
    problems += [line for draft in found for line in draft.problems]
    if problems:
        raise DocumentError("\n".join(problems))
    if not every:
        raise ValueError(f"source: there is no object in {shown(spec.source)}")
    for draft, one in every:
        yield str(draft.named), one


def _documents(spec: ManifestSpec, tree: Sources, problems: list[str]) -> Iterator[Written]:
    """Yield what the files say; what cannot be read goes to `problems`."""
    for path in _paths(spec.source, tree, problems):
        try:
            yield from tree.manifests(path, substitute=spec.substitute)
        except DocumentError as error:
            lines = str(error).splitlines()
            problems += [*lines, *((f"{path}:1: {HELM}",) if _is_template(path, tree) else ())]


def _paths(source: TreePath, tree: Sources, problems: list[str]) -> Iterator[TreePath]:
    found = tree.entry(source)
    if found is not None:
        if isinstance(found, TreeLink):
            raise ValueError(
                f"source {shown(source)} is a symbolic link in the repository: it is not followed"
            )
        _check_rendered(source)
        yield source
        return
    below = tree.walk(source)
    if below is None:
        raise ValueError(f"source: there is no {shown(source)} in the repository")
    for one in below:
        parts = one.path.relative_to(source).parts
        if any(part.startswith(".") for part in parts):
            continue
        _check_rendered(one.path)
        if one.path.suffix in SUFFIXES and isinstance(one, TreeLink):
            problems.append(f"{one.path}:1: a symbolic link is not followed; name the file that it leads to")
        elif one.path.suffix in SUFFIXES:
            yield one.path


def _check_rendered(path: TreePath) -> None:
    if path.name == _CHART:
        raise ValueError(
            f"source: {shown(path)} makes this a Helm chart; write what it makes to a file: helm template … > file"
        )
    if path.name in _KUSTOMIZATIONS:
        raise ValueError(
            f"source: {shown(path)} is for kustomize; write what it makes to a file: kustomize build … > file"
        )


def _is_template(path: TreePath, tree: Sources) -> bool:
    found = tree.entry(path)
    return isinstance(found, TreeFile) and any(b"{{" in piece for piece in found.content.chunks())


def _place(draft: Draft, custom: Mapping[tuple[str, str], bool], default: Namespace | None) -> None:
    """Give an object the namespace that it is in, or none."""
    named = draft.named
    if not is_namespaced(named, custom, default or ""):
        draft.named = named._replace(namespace="")
        if named.namespace:
            draft.tell("metadata.namespace", f"a {named.kind} is in no namespace; take this out")
    elif not (namespace := named.namespace or default):
        draft.tell("", f"{named} is in no namespace; say metadata.namespace, or `namespace` in its entry")
    else:
        draft.named = named._replace(namespace=str(namespace))


def _object(draft: Draft, spec: ManifestSpec) -> ManifestSpec:
    document = normal(draft.data, draft.tell)
    metadata = {key: value for key, value in document["metadata"].items() if key != "namespace"}
    if draft.named.namespace:
        metadata["namespace"] = draft.named.namespace
    document["metadata"] = metadata
    written = _JSON.encode(document).encode()
    if len(written) > MAX_OBJECT:
        draft.tell(
            "",
            f"{draft.named} has {len(written) / (1 << 20):.1f} MiB as JSON, and an API server takes at most"
            f" {MAX_OBJECT >> 20} MiB; etcd by itself 1.5",
        )
    return replace(
        spec,
        document=document,
        api_version=document["apiVersion"],
        digest=hashlib.sha256(written).hexdigest(),
        place=draft.place,
    )


_JSON: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False, allow_nan=False
)
