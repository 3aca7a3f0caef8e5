"""What an entry of `users` may say, and which of it makes no sense together. Pure."""

from __future__ import annotations

from dataclasses import field, fields
from pathlib import PurePosixPath
from typing import Literal

from agent.kinds.user.keys import parse_key
from agent.model import AccountId, AccountName, Mode, blob_id
from agent.values import dataclass

ROOT = "root"
OF_ROOT = frozenset(
    {
        "state",
        "groups",
        "exclusive",
        "comment",
        "locked",
        "password_file",
        "authorized_keys",
        "exclusive_keys",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpec:
    """One user, as declared. What is None is left as it is."""

    state: Literal["present", "absent"] = field(
        default="present", metadata={"doc": "whether the user is to be there: present or absent"}
    )
    uid: AccountId | None = field(
        default=None, metadata={"doc": "the number; else the next one that is free"}
    )
    group: AccountName | None = field(
        default=None, metadata={"doc": "the primary group; a new user gets one of its own name"}
    )
    groups: tuple[AccountName, ...] = field(default=(), metadata={"doc": "supplementary groups"})
    exclusive: bool = field(
        default=False, metadata={"doc": "whether the user is to be in no other supplementary groups"}
    )
    comment: str | None = field(default=None, metadata={"doc": "the whole name, or what the user is for"})
    home: str | None = field(default=None, metadata={"doc": "the home folder; what is in an old one stays"})
    create_home: bool | None = field(
        default=None,
        metadata={"doc": "whether the home is to be there; a new user has one, a system user none"},
    )
    home_mode: Mode | None = field(default=None, metadata={"doc": "permission bits of the home"})
    remove_home: bool = field(
        default=False, metadata={"doc": "with absent: the home goes, too, with all that is in it"}
    )
    shell: str | None = field(default=None, metadata={"doc": "the login shell"})
    system: bool = field(
        default=False, metadata={"doc": "whether a new user gets a number below those of people"}
    )
    locked: bool | None = field(default=None, metadata={"doc": "whether the password is locked"})
    password_file: str | None = field(
        default=None,
        metadata={"doc": "a file of the host, for root alone, with the hash of the password (crypt(5))"},
    )
    authorized_keys: tuple[str, ...] = field(
        default=(), metadata={"doc": "public keys with which ssh lets the user in"}
    )
    exclusive_keys: bool = field(
        default=False, metadata={"doc": "whether no other key is to be in authorized_keys"}
    )

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        for problem in (self._of_state(), self._of_lists(), self._of_texts()):
            if problem:
                raise ValueError(problem)
        self._check_keys()

    @property
    def given(self) -> tuple[str, ...]:
        """The keys that say something."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) != each.default)

    @property
    def creates_home(self) -> bool:
        """Whether a user that is made now gets a home."""
        return not self.system if self.create_home is None else self.create_home

    @property
    def looks_into_home(self) -> bool:
        return bool(self.create_home or self.home_mode is not None or self.has_keys)

    @property
    def has_keys(self) -> bool:
        return bool(self.authorized_keys) or self.exclusive_keys

    def fingerprint(self) -> tuple[object, ...]:
        """Return plain data that is equal exactly when two of them are."""
        plain = tuple(getattr(self, each.name) for each in fields(self) if each.name != "authorized_keys")
        return (*plain, blob_id("\n".join(self.authorized_keys).encode("utf-8", "surrogateescape")))

    def check_for(self, name: str) -> None:
        """Raise ValueError for what cannot be declared of this user: a wrong word must not lock root out."""
        if name != ROOT:
            return
        if self.state == "absent":
            raise ValueError("root cannot be removed")
        if refused := [key for key in self.given if key not in OF_ROOT]:
            raise ValueError(
                f"of root, {refused[0]!r} cannot be declared; only {', '.join(sorted(OF_ROOT - {'state'}))}"
            )

    def _of_state(self) -> str:
        if self.state == "present":
            return "remove_home goes with the state absent" if self.remove_home else ""
        others = [key for key in self.given if key not in {"state", "remove_home"}]
        return f"a user that is absent has no {others[0]!r}" if others else ""

    def _of_lists(self) -> str:
        if twice := [name for at, name in enumerate(self.groups) if name in self.groups[:at]]:
            return f"group {twice[0]!r} is given twice"
        return ""

    def _of_texts(self) -> str:
        for key in ("home", "shell", "password_file"):
            if (path := getattr(self, key)) is not None and not _is_path(path):
                return f"expected an absolute path without ':', '..' and control characters for {key}"
        if self.home == "/" and self.looks_into_home:
            return "the root folder is nobody's own: with this home there is no create_home, home_mode or authorized_keys"
        if self.comment is not None and not _fits_a_line(self.comment):
            return "a comment has no ':' and no control characters"
        return ""

    def _check_keys(self) -> None:
        seen = set()
        for number, line in enumerate(self.authorized_keys, 1):
            try:
                blob = parse_key(line).blob
            except ValueError as error:
                raise ValueError(f"authorized_keys: the key number {number} of the list: {error}") from None
            if blob in seen:
                raise ValueError(f"authorized_keys: the key number {number} of the list is there twice")
            seen.add(blob)


def _is_path(text: str) -> bool:
    return (
        text.startswith("/")
        and not text.startswith("//")
        and str(PurePosixPath(text)) == text
        and ".." not in text.split("/")
        and _fits_a_line(text)
    )


def _fits_a_line(text: str) -> bool:
    """Return whether a field of passwd(5) can hold it."""
    return ":" not in text and all(ord(char) >= 32 and ord(char) != 127 for char in text)
