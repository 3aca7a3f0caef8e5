"""References of images, and when what they stand for is asked for anew. Pure."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Self

from agent.kinds._engine.images import NEVER_AGAIN
from agent.kinds._service.values import Span
from agent.model import quoted

ALWAYS: Final = 900.0  # seconds between two questions to a registry: cycles are many
_AGES: Final[dict[str, float | None]] = {
    "": NEVER_AGAIN,
    "missing": NEVER_AGAIN,
    "if_not_present": NEVER_AGAIN,
    "never": None,
    "always": ALWAYS,
    "daily": 86400.0,
    "weekly": 7 * 86400.0,
}

# As github.com/distribution/reference has it
_PART: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE: Final = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?P<tag>:\w[\w.-]{{0,127}})?(?P<digest>@[a-z0-9+._-]+:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)


class Reference(str):
    """The reference of an image: registry.example.com/web:1.2, or with @sha256:…"""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if len(text) > 1024 or not _REFERENCE.fullmatch(text):
            small = "; names of images are in small letters" if _REFERENCE.fullmatch(text.lower()) else ""
            raise ValueError(
                f"expected an image, as in registry.example.com/web:1.2 or nginx@sha256:…, got {quoted(text)}{small}"
            )
        return cls(text)

    @property
    def pinned(self) -> bool:
        """Whether it can never stand for anything else."""
        return "@" in self

    @property
    def whole(self) -> str:
        """The reference with its tag: `latest`, if it has neither one nor a digest."""
        found = _REFERENCE.fullmatch(self)
        return str(self) if found is None or found["tag"] or found["digest"] else f"{self}:latest"


class PullPolicy(str):
    """A value of `pull_policy`."""

    __slots__ = ()
    PATTERN: ClassVar[str] = "^(always|never|missing|if_not_present|daily|weekly|every_.+)$"

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == "build":
            raise ValueError(
                "trued builds no images: expected always, never, missing, daily, weekly or every_12h"
            )
        if text.startswith("every_"):
            if Span.parse(text.removeprefix("every_")) <= 0:
                raise ValueError("expected a time longer than 0 after every_")
        elif text not in _AGES or not text:
            raise ValueError(
                f"expected always, never, missing, daily, weekly or every_12h, got {quoted(text)}"
            )
        return cls(text)

    @property
    def age(self) -> float | None:
        """Seconds from one question to the next, as `ImageSpec.age` has them."""
        if self.startswith("every_"):
            return Span.parse(self.removeprefix("every_")).seconds
        return _AGES[self]
