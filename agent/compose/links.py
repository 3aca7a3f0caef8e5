"""What a service says of other services and of networks, by their names on the host (05-services.md). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.compose.context import Context
from agent.compose.nodes import Draft, expected, is_nothing, items_of, mapping, text_of
from agent.documents.nodes import Map, Node, Place, Scalar, Seq, text_scalar

STARTED = "service_started"


def dependencies(context: Context, draft: Draft, path: str) -> None:
    """Write `depends_on` as a mapping; what is not required, and not there, is left out."""
    node = draft.get("depends_on")
    waits: Mapping[str, Node] = {}
    if isinstance(node, Map):
        waits = {
            key: child if isinstance(child, Map) else _started(child.place)
            for key, child in node.entries.items()
        }
        places: Mapping[str, Place] = node.keys
    else:
        items = [(text_of(item) or "", item.place) for item, _ in items_of(node, path, context.findings)]
        waits, places = {key: _started(place) for key, place in items}, dict(items)
    draft.drop("depends_on")
    for key, wait in waits.items():
        if key not in context.containers and not _required(wait):
            continue
        if (real := context.container(key, places[key], f"{path}.{key}")) is not None:
            _wait(draft, real, wait, places[key])


def _started(place: Place) -> Map:
    return mapping(place, {"condition": STARTED})


def _required(wait: Node) -> bool:
    said = wait.entries.get("required") if isinstance(wait, Map) else None
    return not (isinstance(said, Scalar) and said.value is False)


def _wait(draft: Draft, container: str, wait: Node, place: Place) -> None:
    there = draft.get("depends_on")
    waits = Draft.of(there) if isinstance(there, Map) else Draft(place, {}, {})
    if container not in waits.entries:
        waits.put(container, wait)
        waits.keys[container] = place
    draft.put("depends_on", waits.node())


def _follow(draft: Draft, container: str, place: Place) -> None:
    """Let it wait for another one, and be made anew after that, as loader/normalize.go of compose-go does."""
    _wait(draft, container, mapping(place, {"condition": STARTED, "restart": True}), place)


def links(context: Context, draft: Draft, path: str) -> None:
    node = draft.get("links")
    if node is None:
        return
    written: list[Node] = []
    for item, where in items_of(node, path, context.findings):
        service, _, alias = (text_of(item) or "").partition(":")
        if (real := context.container(service, item.place, where)) is not None:
            written.append(text_scalar(item.place, f"{real}:{alias or service}"))
            _follow(draft, real, item.place)
    draft.put("links", Seq(node.place, tuple(written)))


def shared(key: str) -> Callable[[Context, Draft, str], None]:
    """Return what rewrites a key that may name whose namespace is to be used: `service:db`."""

    def rewrite(context: Context, draft: Draft, path: str) -> None:
        node = draft.get(key)
        kind, colon, service = (text_of(node) or "").partition(":")
        if node is None or kind != "service" or not colon:
            return
        if (real := context.container(service, node.place, path)) is not None:
            draft.put(key, text_scalar(node.place, f"container:{real}"))
            _follow(draft, real, node.place)

    return rewrite


def volumes_from(context: Context, draft: Draft, path: str) -> None:
    node = draft.get("volumes_from")
    if node is None:
        return
    written: list[Node] = []
    for item, where in items_of(node, path, context.findings):
        text = text_of(item) or ""
        if text.startswith("container:"):
            written.append(item)
            continue
        service, colon, mode = text.partition(":")
        if (real := context.container(service, item.place, where)) is not None:
            written.append(text_scalar(item.place, f"container:{real}{colon}{mode}"))
            _wait(draft, real, _started(item.place), item.place)
    draft.put("volumes_from", Seq(node.place, tuple(written)))


def networks(context: Context, name: str, draft: Draft, path: str) -> None:
    """Write networks as a mapping, by their names, in each of which the service is known by its own."""
    node = draft.get("networks")
    if "network_mode" in draft.entries and is_nothing(node):
        return
    named = _named_networks(context, node, path)
    if not named:
        if node is not None and not is_nothing(node) and not isinstance(node, Map | Seq):
            return
        named = {"default": (None, node.place if node else draft.place)}
    joined = Draft(node.place if node else draft.place, {}, {})
    for key, (said, place) in named.items():
        if (real := context.named("networks", key, place, f"{path}.{key}")) is not None:
            joined.put(real, _endpoint(context, said, name, place, f"{path}.{key}"))
            joined.keys[real] = place
    draft.put("networks", joined.node())


def _named_networks(context: Context, node: Node | None, path: str) -> dict[str, tuple[Node | None, Place]]:
    if isinstance(node, Map):
        return {key: (child, node.keys[key]) for key, child in node.entries.items()}
    items = items_of(node, path, context.findings)
    return {text_of(item) or "": (None, item.place) for item, _ in items}


def _endpoint(context: Context, said: Node | None, service: str, place: Place, path: str) -> Node:
    if said is not None and not is_nothing(said) and not isinstance(said, Map):
        expected(said, "a mapping", path, context.findings)
    endpoint = Draft.of(said) if isinstance(said, Map) else Draft(place, {}, {})
    aliases = endpoint.get("aliases")
    own = text_scalar(place, service)
    others = (
        tuple(item for item in aliases.items if text_of(item) != service) if isinstance(aliases, Seq) else ()
    )
    endpoint.put("aliases", Seq(aliases.place if aliases else place, (own, *others)))
    return endpoint.node()
