"""What an entry of `files` may say, and which of it makes no sense together. Pure."""

from __future__ import annotations

import json
from dataclasses import field
from functools import lru_cache
from typing import Literal

from agent.model import Content, Mode, TreePath, quoted
from agent.values import dataclass

LARGEST_ID = 2**32 - 2  # (uid_t) -1 means "leave it" to chown(2)
LONGEST_TARGET = 4095  # bytes: PATH_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSpec:
    """One file, link, folder, or folder tree, as declared; or one of the things that it was expanded to."""

    state: Literal["present", "absent"] = field(
        default="present", metadata={"doc": "whether something is to be there: present or absent"}
    )
    content: str | None = field(default=None, repr=False, metadata={"doc": "the text of the file"})
    source: TreePath | None = field(
        default=None, metadata={"doc": "a file or folder of the repository, relative to the document"}
    )
    template: bool = field(
        default=False, metadata={"doc": "whether the source is a Jinja2 template that is filled in first"}
    )
    link: str | None = field(default=None, metadata={"doc": "where a symbolic link is to point"})
    directory: bool = field(default=False, metadata={"doc": "whether it is to be a folder"})
    mode: Mode | None = field(default=None, metadata={"doc": 'permission bits in octal, as in "0644"'})
    directory_mode: Mode | None = field(
        default=None, metadata={"doc": "permission bits of the folders, where the source is a folder"}
    )
    owner: str | None = field(default=None, metadata={"doc": "the user it belongs to, by name or number"})
    group: str | None = field(default=None, metadata={"doc": "the group it belongs to, by name or number"})
    purge: bool = field(
        default=False, metadata={"doc": "whether what is not declared in the folder is removed from it"}
    )
    validate: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "a command that must succeed before the file is put in place; {} is the new file"},
    )
    implied: bool = field(default=False, metadata={"hidden": True})
    data: Content | None = field(default=None, repr=False, metadata={"hidden": True})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.implied or (
            self.data is not None and not self.validate
        ):  # made by `expand`, 10,000 of a kind
            return
        for problem in (self._of_state(), self._of_form(), self._of_details(), self._of_values()):
            if problem:
                raise ValueError(problem)

    def fingerprint(self) -> str:
        """Return a text that is equal exactly when two of them are, as JSON. Of a folder of files only the digests differ."""
        source = None if self.source is None else str(self.source)
        made = (self.template, self.link, self.directory, self.mode, self.directory_mode)
        owned = (self.owner, self.group, self.purge, self.validate, self.implied)
        digest = "" if self.data is None else self.data.digest
        return f'["{self.state}", "{digest}", {_rest(self.content, source, *made, *owned)}]'

    @property
    def forms(self) -> tuple[str, ...]:
        """The keys, of those that say what it is to be, that are given."""
        given = {
            "content": self.content is not None or self.data is not None,
            "source": self.source is not None,
            "link": self.link is not None,
            "directory": self.directory,
        }
        return tuple(key for key, is_given in given.items() if is_given)

    def gives(self, key: str) -> bool:
        """Return whether a key says something; mode 0000 does."""
        value = getattr(self, key)
        return value is not None and value is not False and value != ()

    def _of_state(self) -> str:
        if self.state == "present":
            return ""
        details = ("template", "mode", "directory_mode", "owner", "group", "purge", "validate")
        given = (*self.forms, *(key for key in details if self.gives(key)))
        return f"what is absent has no {given[0]!r}" if given else ""

    def _of_form(self) -> str:
        if self.state == "absent" or len(self.forms) == 1:
            return ""
        if not self.forms:
            return "expected one of content, source, link, directory: true, or the state absent"
        return f"expected one of content, source, link and directory, got {' and '.join(self.forms)}"

    def _of_details(self) -> str:
        is_source, is_file = self.source is not None, self.source is not None or "content" in self.forms
        if self.template and not is_source:
            return "template: true needs a source"
        if self.mode is not None and self.link is not None:
            return "a link has no mode; the file it points to has one"
        if self.directory_mode is not None and not is_source:
            return "directory_mode goes with a source that is a folder" + (
                "; with directory: true it is mode" if self.directory else ""
            )
        if self.purge and not (is_source or self.directory):
            return "purge goes with directory: true, or with a source that is a folder"
        if self.validate and not is_file:
            return "validate goes with content or source"
        return ""

    def _of_values(self) -> str:
        if self.validate and not any("{}" in part for part in self.validate):
            return "validate needs {} in one of its arguments, where the path of the new file goes"
        if self.link is not None and not _is_target(self.link):
            return f"a link points to a path of 1 to {LONGEST_TARGET} bytes, without control characters"
        for key, value in (("owner", self.owner), ("group", self.group)):
            if value is not None and not _is_owner(value):
                return f"expected the name or number of {'a user' if key == 'owner' else 'a group'} for {key}, got {quoted(value)}"
        return ""


@lru_cache(maxsize=64)
def _rest(*fields: object) -> str:
    return json.dumps(fields)[1:-1]


def _is_target(text: str) -> bool:
    plain = all(ord(char) >= 32 and ord(char) != 127 for char in text)
    return plain and 0 < len(text.encode(errors="surrogateescape")) <= LONGEST_TARGET


def _is_owner(text: str) -> bool:
    """Return whether it can be one: useradd(8) and systemd agree on no spaces, colons, slashes, control characters."""
    if text.isascii() and text.isdigit():
        return int(text) <= LARGEST_ID
    return (
        0 < len(text) <= 256 and text[0] != "-" and not any(char in ":/,\\" or char <= " " for char in text)
    )
