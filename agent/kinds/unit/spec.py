"""What an entry of `units` may say, and which of it makes no sense together. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from agent.kinds.unit.names import checked_drop_in
from agent.kinds.unit.text import Named
from agent.model import Content, TreePath
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of a drop-in, as a file of the repository."""

    source: TreePath = field(
        metadata={"doc": "a file of the repository with the text, relative to the document"}
    )
    template: bool = field(
        default=False, metadata={"doc": "whether the source is a Jinja2 template that is filled in first"}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSpec:
    """One systemd unit, as declared; or one of the drop-ins that it was expanded to."""

    state: Literal["present", "absent"] = field(
        default="present",
        metadata={"doc": "present; or absent: stopped, disabled, and its unit file removed"},
    )
    enabled: bool | None = field(default=None, metadata={"doc": "whether it is started at boot"})
    active: bool | None = field(default=None, metadata={"doc": "whether it is to run now"})
    masked: bool | None = field(
        default=None, metadata={"doc": "whether it is kept from being started at all, even by hand"}
    )
    content: str | None = field(default=None, repr=False, metadata={"doc": "the text of the unit file"})
    source: TreePath | None = field(
        default=None, metadata={"doc": "the unit file: a file of the repository, relative to the document"}
    )
    template: bool = field(
        default=False, metadata={"doc": "whether the source is a Jinja2 template that is filled in first"}
    )
    drop_ins: Mapping[str, str | Source] = field(
        default_factory=dict,
        repr=False,
        metadata={"doc": "texts that are laid over the unit file, by file name: limits.conf"},
    )
    data: Content | None = field(default=None, repr=False, metadata={"hidden": True})
    named: Named = field(default_factory=Named, metadata={"hidden": True})
    drop_in: bool = field(default=False, metadata={"hidden": True})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        for problem in (self._of_state(), self._of_text(), self._of_mask()):
            if problem:
                raise ValueError(problem)
        for file in self.drop_ins:
            checked_drop_in(file)

    def fingerprint(self) -> tuple[object, ...]:
        """Return plain data that is equal exactly when two of them are."""
        drop_ins = {
            file: text if isinstance(text, str) else [str(text.source), text.template]
            for file, text in self.drop_ins.items()
        }
        return (
            self.state,
            self.enabled,
            self.active,
            self.masked,
            self.content,
            None if self.source is None else str(self.source),
            self.template,
            drop_ins,
            "" if self.data is None else self.data.digest,
            self.named.passing,
            self.drop_in,
        )

    @property
    def has_text(self) -> bool:
        """Whether it says what is in the unit file."""
        return self.content is not None or self.source is not None or self.data is not None

    def _of_state(self) -> str:
        if self.state == "present":
            return ""
        says = {
            "enabled": self.enabled is not None,
            "active": self.active is not None,
            "masked": self.masked is not None,
            "content": self.content is not None,
            "source": self.source is not None,
            "drop_ins": bool(self.drop_ins),
        }
        return next((f"what is absent has no {key!r}" for key, given in says.items() if given), "")

    def _of_text(self) -> str:
        if self.content is not None and self.source is not None:
            return "expected one of content and source, got both"
        return "template: true needs a source" if self.template and self.source is None else ""

    def _of_mask(self) -> str:
        if not self.masked:
            return ""
        if self.active or self.enabled:
            return f"what is masked cannot be {'active' if self.active else 'enabled'}"
        return (
            "a mask stands where the unit file would: expected no content and no source"
            if self.has_text
            else ""
        )
