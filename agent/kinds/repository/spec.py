"""What an entry of `repositories` may say, and which of it makes no sense together. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final, Literal

from agent.model import Content, TreePath, quoted
from agent.values import dataclass

ARMOR: Final = "-----BEGIN PGP PUBLIC KEY BLOCK-----"  # RFC 9580, 6.2
_ARMOR_END: Final = "-----END PGP PUBLIC KEY BLOCK-----"
_SECRET: Final = "-----BEGIN PGP PRIVATE KEY"  # noqa: S105 # no secret, but how one is recognised

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")  # what apt reads in sources.list.d
_WORD: Final = re.compile(r"[!-~]+")
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_LOGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*@")
_OPTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_OWN: Final = frozenset(
    ("enabled", "types", "uris", "suites", "components", "architectures", "signed-by", "trusted")
)


def checked_name(written: str) -> str:
    """Return a name that a repository can have; raises ValueError."""
    if not _NAME.fullmatch(written):
        raise ValueError(
            f"expected a name of letters, digits, dashes, dots and underscores, got {quoted(written)}"
        )
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A key that is a file of the repository."""

    source: TreePath = field(metadata={"doc": "the file with the key, relative to the document"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySpec:
    """Where packages come from, as sources.list(5) describes it in the deb822 style."""

    state: Literal["present", "absent"] = field(
        default="present", metadata={"doc": "whether it is to be there: present or absent"}
    )
    types: tuple[Literal["deb", "deb-src"], ...] = field(
        default=("deb",), metadata={"doc": "deb for packages, deb-src for their sources"}
    )
    uris: tuple[str, ...] = field(default=(), metadata={"doc": "where it is; several are the same thing"})
    suites: tuple[str, ...] = field(
        default=(), metadata={"doc": "names of distributions, or paths that end with a slash"}
    )
    components: tuple[str, ...] = field(default=(), metadata={"doc": "parts of the suites, such as main"})
    architectures: tuple[str, ...] = field(
        default=(), metadata={"doc": "for which architectures; those of the host if not given"}
    )
    signed_by: str | KeyFile | None = field(
        default=None,
        metadata={"doc": "the key: its text, {source: file}, or the path of a keyring on the host"},
    )
    trusted: bool = field(default=False, metadata={"doc": "whether to take it without any signature"})
    enabled: bool = field(default=True, metadata={"doc": "whether packages come from it now"})
    options: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": "further fields of sources.list(5), by name"}
    )
    key: Content | None = field(default=None, repr=False, metadata={"hidden": True})
    armored: bool = field(default=False, metadata={"hidden": True})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        check = self._absent() if self.state == "absent" else self._present()
        if problem := next(check, ""):
            raise ValueError(problem)

    def fingerprint(self) -> tuple[object, ...]:
        """Return plain data that is equal exactly when two of them are."""
        return (
            self.state,
            self.types,
            self.uris,
            self.suites,
            self.components,
            self.architectures,
            str(self.signed_by.source) if isinstance(self.signed_by, KeyFile) else self.signed_by,
            self.trusted,
            self.enabled,
            sorted(self.options.items()),
            "" if self.key is None else self.key.digest,
        )

    def _absent(self) -> Iterator[str]:
        given = {
            "uris": self.uris,
            "suites": self.suites,
            "components": self.components,
            "architectures": self.architectures,
            "signed_by": self.signed_by,
            "trusted": self.trusted,
            "options": self.options,
        }
        yield from (f"what is absent has no {key!r}" for key, value in given.items() if value)

    def _present(self) -> Iterator[str]:
        yield from self._missing()
        yield from self._words()
        yield from self._key()

    def _missing(self) -> Iterator[str]:
        for key in ("types", "uris", "suites"):
            if not getattr(self, key):
                yield f"expected {key}, as in uris: [https://deb.example.com/debian], suites: [stable], components: [main]"
        paths = [suite.endswith("/") for suite in self.suites]
        if any(paths) and (self.components or not all(paths)):
            yield "a suite that ends with a slash is a path, and goes without components and other suites"
        if not any(paths) and not self.components:
            yield "expected components, as in [main]; only a suite that ends with a slash has none"

    def _words(self) -> Iterator[str]:
        for uri in self.uris:
            if _LOGIN.match(uri):
                yield "uris: no user and password in a URI; they go into a file below /etc/apt/auth.conf.d, apt_auth.conf(5)"
            if not _URI.fullmatch(uri):
                yield f"uris: expected a URI, as in https://deb.example.com/debian, got {quoted(uri)}"
        for key in ("suites", "components", "architectures"):
            for word in getattr(self, key):
                if not _WORD.fullmatch(word):
                    yield f"{key}: expected words of printable ASCII without spaces, got {quoted(word)}"
        for name, value in self.options.items():
            if not _OPTION.fullmatch(name):
                yield f"options: expected the name of a field, as in By-Hash, got {quoted(name)}"
            if name.lower() in _OWN:
                yield f"options: {name} has a key of its own"
            if not value.strip() or not value.isascii() or not value.isprintable():
                yield f"options.{name}: expected one line of printable ASCII, got {quoted(value)}"

    def _key(self) -> Iterator[str]:
        key = self.signed_by
        if self.trusted and (key or self.key):
            yield "trusted: true asks for no signature, and signed_by says whose; take one of them out"
        if not (self.trusted or key or self.key):
            yield "expected signed_by, the key that it is signed with; without any: trusted: true"
        if isinstance(key, str) and not (key.startswith("/") and _WORD.fullmatch(key)):
            yield from filter(None, (armor_problem(key),))


def armor_problem(text: str) -> str:
    """Return what is wrong with a key that is text, or nothing; never the text itself."""
    lines = text.strip().splitlines()
    if _SECRET in text:
        return "that is a private key: take it out of the repository, and make a new one"
    if not lines or lines[0].strip() != ARMOR:
        return f"expected a public key that begins with {ARMOR}, {{source: file}}, or the path of a keyring on the host"
    if lines[-1].strip() != _ARMOR_END:
        return f"the key is not whole: its last line is not {_ARMOR_END}"
    return "" if text.isascii() else "expected a key in ASCII"
