"""What an entry of `manifests` may say, and what is known of one object of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, Final, Self

from agent.model import Duration, TreePath, quoted
from agent.values import dataclass

PRUNE: Final = (
    "trued.dev/prune"  # annotation: `disabled` leaves the object in place when it is no longer declared
)
DISABLED: Final = "disabled"


class Namespace(str):
    """The name of a namespace: a label of RFC 1123."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if not re.fullmatch(cls.PATTERN[1:-1], text):
            raise ValueError(
                "expected the name of a namespace: at most 63 small letters, digits and '-', that begins and ends with a letter"
                f" or digit, got {quoted(text)}"
            )
        return cls(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSpec:
    """Manifests of Kubernetes, as declared; or one of the objects that they were expanded to."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "state": "take the entry out of Git, and the objects that trued has made go",
        "template": "`substitute: true` fills in ${…}; what a chart makes of its templates is written to a file: helm template … > file",
    }

    source: TreePath = field(
        compare=False, metadata={"doc": "a file of manifests, or a folder of them, relative to the document"}
    )
    namespace: Namespace | None = field(
        default=None, compare=False, metadata={"doc": "the namespace of objects that do not say one"}
    )
    substitute: bool = field(
        default=False,
        compare=False,
        metadata={"doc": "whether ${…} in the files is filled in as in a document"},
    )
    prune: bool = field(
        default=True,
        compare=False,
        metadata={"doc": "whether an object that trued has made is removed when it is no longer declared"},
    )
    wait: Duration = field(
        default=Duration(300),
        compare=False,
        metadata={"doc": "how long an object may take to become well", "default": "5m"},
    )
    adopt: bool = field(
        default=False,
        metadata={"doc": "whether objects of these names that trued did not make are taken over"},
    )
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, metadata={"hidden": True})
    api_version: str = field(default="", metadata={"hidden": True})
    digest: str = field(default="", metadata={"hidden": True})  # of the document
    place: str = field(default="", compare=False, metadata={"hidden": True})

    @property
    def version(self) -> str:
        """The version of the API, without its group."""
        return self.api_version.rpartition("/")[2]

    @property
    def kept(self) -> bool:
        """Whether the object is left in place when it is no longer declared."""
        annotations = self.document.get("metadata", {}).get("annotations", {})
        return not self.prune or annotations.get(PRUNE) == DISABLED
