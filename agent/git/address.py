"""Where a repository is, how it is reached, and which of its refs is followed. Reads the token file, when asked."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from agent.errors import SourceError
from agent.values import dataclass

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCP = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>\[[0-9a-fA-F:]+\]|[^@/:\s\[\]]+):(?P<path>[^:\s].*)")


class Transport(enum.StrEnum):
    """By which road a repository is reached."""

    HTTP = enum.auto()
    SSH = enum.auto()
    LOCAL = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A URL, taken apart."""

    transport: Transport
    path: str
    host: str = ""
    user: str = ""
    port: int | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take apart https://, http://, ssh://, git@host:path, file:// or an absolute path; raises ValueError."""
        if not url or any(ord(char) < 33 or ord(char) == 127 for char in url.replace(" ", "")):
            raise ValueError("expected the URL of a Git repository, without control characters")
        if url.startswith("/"):
            return cls(transport=Transport.LOCAL, path=url)
        if "://" in url:
            return cls._with_scheme(url)
        if found := _SCP.fullmatch(url):
            return cls._ssh(found["user"] or "", found["host"].strip("[]"), None, found["path"])
        raise ValueError("expected https://, ssh://, git@host:path, file:// or an absolute path")

    @classmethod
    def _with_scheme(cls, url: str) -> Self:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"not a URL: {error}") from None
        host, path = parts.hostname or "", parts.path
        match parts.scheme.lower():
            case "http" | "https":
                if parts.username is not None or parts.password is not None:
                    raise ValueError("a URL must not hold credentials; put them into token_file")
                if not host or parts.query or parts.fragment:
                    raise ValueError("expected https://host/path, without query or fragment")
                return cls(transport=Transport.HTTP, host=host, path=path, port=port)
            case "ssh":
                if parts.password is not None:
                    raise ValueError("a URL must not hold a password; SSH goes by ssh_key")
                return cls._ssh(parts.username or "", host, port, unquote(path))
            case "file":
                if host not in {"", "localhost"} or not path.startswith("/"):
                    raise ValueError("expected file:///absolute/path")
                return cls(transport=Transport.LOCAL, path=unquote(path))
            case other:
                raise ValueError(f"unknown scheme {other!r}; expected https, http, ssh or file")

    @classmethod
    def _ssh(cls, user: str, host: str, port: int | None, path: str) -> Self:
        # What starts with a dash would be an option of ssh (CVE-2017-1000117).
        if not host or host.startswith("-") or user.startswith("-"):
            raise ValueError("expected ssh://user@host/path or user@host:path")
        if path in {"", "/"} or path.startswith("-"):
            raise ValueError("expected the path of a repository after the host")
        return cls(transport=Transport.SSH, user=user or "git", host=host, port=port, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A repository and what it takes to reach it. Making one raises ValueError for what cannot be a URL."""

    url: str
    token_file: Path | None = None  # a token, or user:password
    username: str | None = None  # that goes with a bare token
    ssh_key: Path | None = None
    known_hosts: Path | None = None
    ca_file: Path | None = None  # instead of the system's authorities
    proxy: str | None = None  # http://[user:password@]host:port

    def __post_init__(self) -> None:
        place = Place.parse(self.url)
        plain = place.transport is Transport.HTTP and self.url.lower().startswith("http:")
        if plain and self.token_file and place.host not in LOOPBACK:
            raise ValueError("a token must not travel over http://, where anyone can read it; use https://")
        if self.proxy is not None and urlsplit(self.proxy).scheme not in {"http", "https"}:
            raise ValueError("expected a proxy as http://host:port")

    @property
    def place(self) -> Place:
        return Place.parse(self.url)

    def credentials(self) -> tuple[str, str] | None:
        """Return user and password, read anew; raises SourceError if the file cannot serve."""
        if self.token_file is None:
            return None
        user, colon, password = _secret(self.token_file).partition(":")
        if colon:
            return user, password
        return self.username or "oauth2", user


def _secret(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o007:
            raise SourceError(f"{path}: others may read the token", hint=f"chmod o-rwx {path}")
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SourceError(f"{path}: cannot read the token: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SourceError(f"{path}: the token is not text") from None
    if not text or "\n" in text:
        raise SourceError(f"{path}: expected one line, a token or user:password")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """What is followed: exactly one of a branch, a tag or a commit. Raises ValueError otherwise."""

    branch: str | None = None
    tag: str | None = None
    commit: str | None = None

    def __post_init__(self) -> None:
        if [self.branch, self.tag, self.commit].count(None) != 2:
            raise ValueError("expected exactly one of branch, tag and commit")
        if self.commit is not None and not re.fullmatch("[0-9a-f]{40}", self.commit):
            raise ValueError("expected a commit as 40 hexadecimal digits, in lower case")
        if self.commit is None and not ref_is_sound(self.name):
            raise ValueError(f"not a name that Git allows: {self.branch or self.tag!r}")

    @property
    def name(self) -> str:
        """The full name; empty for a commit."""
        if self.branch is not None:
            return f"refs/heads/{self.branch}"
        return f"refs/tags/{self.tag}" if self.tag is not None else ""

    def __str__(self) -> str:
        if self.branch is not None:
            return f"branch '{self.branch}'"
        return f"tag '{self.tag}'" if self.tag is not None else f"commit {self.commit}"


def ref_is_sound(name: str) -> bool:
    """Return whether Git allows this full ref name (git-check-ref-format(1))."""
    parts = name.split("/")
    return (
        name.startswith("refs/")
        and len(parts) > 2
        and all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
        and not name.endswith(".")
        and not any(bad in name for bad in ("..", "@{", "\\", "~", "^", ":", "?", "*", "["))
        and all(ord(char) > 32 and ord(char) != 127 for char in name)
    )
