"""References of images, and when what they stand for is asked for anew. Pure."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from agent.kinds._engine.images import NEVER_AGAIN
from agent.kinds._engine.references import checked_reference
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


class Reference(str):
    """The reference of an image: registry.example.com/web:1.2, or with @sha256:…"""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(checked_reference(text))
        except ValueError as error:
            raise ValueError(f"{error}{_in_small_letters(text)}") from None

    @property
    def pinned(self) -> bool:
        """Whether it can never stand for anything else."""
        return "@" in self

    @property
    def whole(self) -> str:
        """The reference with its tag: `latest`, if it has neither one nor a digest."""
        return str(self) if self.pinned or ":" in self.rpartition("/")[2] else f"{self}:latest"


def _in_small_letters(text: str) -> str:
    try:
        checked_reference(text.lower())
    except ValueError:
        return ""
    return "; names of images are in small letters"


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
