"""
A document as it is applied: without what only the server sets, and with what older servers want written out. Pure.

The rules of server-side apply are kubernetes.io/docs/reference/using-api/server-side-apply; v1.20 wants a Service's protocols.
No message quotes a value: it may be secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from agent.kinds.manifest.spec import DISABLED, PRUNE
from agent.model import ADOPTED, OWNER

_OF_SERVER: Final = frozenset(
    (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)
_OF_TOOLS: Final = frozenset((OWNER, ADOPTED, "kubectl.kubernetes.io/last-applied-configuration"))

Tell: TypeAlias = Callable[[str, str], None]
"""Called with where something is wrong, and what."""


def normal(document: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a document with apiVersion, kind and metadata as it is applied; what is wrong with it is told."""
    made = {key: value for key, value in document.items() if key != "status"}
    made["metadata"] = _metadata(document["metadata"], tell)
    match document["apiVersion"], document["kind"]:
        case "v1", "Service":
            _with_protocols(made)
            _without_empty_address(made)
        case "v1", "Secret":
            _with_data(made, tell)
        case "v1", "ConfigMap":
            _texts(made, "data", tell)
    return made


def _metadata(metadata: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    made = {key: value for key, value in metadata.items() if key not in _OF_SERVER}
    for key in ("labels", "annotations"):
        if key not in made:
            continue
        every = _texts(made, key, tell, "metadata.")
        every = {name: value for name, value in every.items() if name not in _OF_TOOLS and value is not None}
        made[key] = every
        if not every:
            del made[key]
    if made.get("annotations", {}).get(PRUNE, DISABLED) != DISABLED:
        tell(f"metadata.annotations.{PRUNE}", f"expected {DISABLED}, the one thing that it can say")
    return made


def _texts(made: Mapping[str, Any], key: str, tell: Tell, above: str = "") -> Mapping[str, Any]:
    """Return a mapping of texts; what is none in it is told."""
    every = made.get(key)
    if every is None:
        return {}
    if not isinstance(every, Mapping):
        tell(f"{above}{key}", "expected a mapping of text")
        return {}
    for name, value in every.items():
        if value is not None and not isinstance(value, str):
            tell(f"{above}{key}.{name}", _not_text(value))
    return every


def _not_text(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "expected text, found a list or a mapping"
    kind = "a yes or no" if isinstance(value, bool) else "a number"
    return f"expected text, found {kind}; put it in quotes"


def _with_protocols(service: dict[str, Any]) -> None:
    spec = service.get("spec")
    ports = spec.get("ports") if isinstance(spec, Mapping) else None
    if isinstance(spec, Mapping) and isinstance(ports, list):
        service["spec"] = {**spec, "ports": [_with_protocol(port) for port in ports]}


def _without_empty_address(service: dict[str, Any]) -> None:
    """Take an empty clusterIP away: it says what none says, and yet would be refused once the Service has one."""
    spec = service.get("spec")
    if isinstance(spec, Mapping) and spec.get("clusterIP") == "":
        service["spec"] = {key: value for key, value in spec.items() if key != "clusterIP"}


def _with_protocol(port: Any) -> Any:
    missing = isinstance(port, Mapping) and port.get("protocol") is None
    return {**port, "protocol": "TCP"} if missing else port


def _with_data(secret: dict[str, Any], tell: Tell) -> None:
    """Write stringData into data, over what is there, as the API does: applied as such, its keys would never go."""
    data = _texts(secret, "data", tell)
    for key, value in data.items():
        if isinstance(value, str) and not _is_base64(value):
            tell(f"data.{key}", "expected base64; plain text goes below stringData")
    plain = _texts(secret, "stringData", tell)
    encoded = {
        key: _encoded(value or "") for key, value in plain.items() if value is None or isinstance(value, str)
    }
    secret.pop("stringData", None)
    if encoded:
        secret["data"] = {**data, **encoded}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
