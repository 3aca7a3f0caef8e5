"""What a person is shown of an object: what is only the server's is left out, what is secret is masked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.kinds.manifest.compare import slim
from agent.model import Json, Seen

# They repeat the whole object: of kubectl apply, and of k3s's deploy controller.
REPEATING: Final = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", "objectset.rio.cattle.io/applied"}
)
OPEN: Final = "trued.dev/"  # annotations of a Secret that hold nothing of it


def shown(before: Json | None, after: Json | None) -> Seen:
    """
    Return copies to show: values of a Secret and annotations that repeat content are `***`.

    With where they differ: `*** (before)` and `*** (after)`, as `kubectl diff` has it.
    """
    old, new = (None if object_ is None else slim(object_) for object_ in (before, after))
    secret = _is_secret(old) or _is_secret(new)
    for part in ("data", "stringData") if secret else ():
        old, new = _masked(old, new, (part,), lambda _: True)
    old, new = _masked(old, new, ("metadata", "annotations"), lambda key: _repeats(key, secret=secret))
    return Seen(before=old, after=new)


def _is_secret(object_: Json | None) -> bool:
    return object_ is not None and object_.get("kind") == "Secret"


def _repeats(annotation: str, *, secret: bool) -> bool:
    return annotation in REPEATING or (secret and not annotation.startswith(OPEN))


def _masked(
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    path: tuple[str, ...],
    hides: Callable[[str], bool],
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    old, new = _at(before, path), _at(after, path)
    differ = {key for key in old if key in new and old[key] != new[key]}
    masks = [
        {key: f"*** ({side})" if key in differ else "***" for key in part if hides(key)}
        for part, side in ((old, "before"), (new, "after"))
    ]
    return _with(before, path, masks[0]), _with(after, path, masks[1])


def _at(object_: Json | None, path: tuple[str, ...]) -> Json:
    value: Any = object_
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _with(object_: dict[str, Any] | None, path: tuple[str, ...], masks: Json) -> dict[str, Any] | None:
    step, *rest = path
    if object_ is None or object_.get(step) is None:
        return object_
    if not isinstance(object_[step], Mapping):  # written wrongly, but perhaps no less secret
        return {**object_, step: "***"}
    inner = dict(object_[step])
    return {**object_, step: _with(inner, tuple(rest), masks) if rest else {**inner, **masks}}
