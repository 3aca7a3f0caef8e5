"""One container as it is declared: what decodes an entry, holds it to what makes sense, and tells two apart. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from agent.kinds._service.checks import check, differing
from agent.kinds._service.keys import ServiceKeys
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec(ServiceKeys):
    """One container, as declared."""

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        check(self)

    def fingerprint(self) -> Mapping[str, object]:
        """Return plain data that is equal exactly when two of them are."""
        return {name: plain(getattr(self, name)) for name in differing(self)}


def plain(value: object) -> object:
    """Return a value as JSON could hold it; of a dataclass, what is not as by default."""
    if dataclasses.is_dataclass(value):
        return {name: plain(getattr(value, name)) for name in differing(value)}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, tuple) else value
