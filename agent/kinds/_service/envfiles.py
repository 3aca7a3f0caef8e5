"""
Files of environment variables, as Compose reads them for `env_file`, and the variables that a container gets. Pure.

https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file. One thing is not as there: `$` stands for
itself, since nothing is replaced that the repository does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agent.errors import HostError
from agent.kinds._service.keys import ServiceKeys
from agent.kinds._service.modes import EnvFile
from agent.kinds._service.values import mapped

_SPACE: Final = " \t\v\f\r\x85\xa0"
_BLANK: Final = re.compile(r"\s+|#[^\n]*")
_KEY: Final = re.compile(rf"(?:export[{_SPACE}]+)?([\w.\-\[\]]+)[{_SPACE}]*([=:]|\n|$)[{_SPACE}]*")
_VALUES: Final[Mapping[str, re.Pattern[str]]] = {
    quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL) for quote in ("'", '"')
}
_UNQUOTED: Final = re.compile(r"[^\n]*")
_ESCAPE: Final = re.compile(r"\\(?:([abfnrtv\"$\\])|0([0-7]{1,3}))")
_ESCAPED: Final[Mapping[str, str]] = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


def env_files(spec: ServiceKeys) -> tuple[EnvFile, ...]:
    """Return what `env_file` says, each in its long form, in its order."""
    written = spec.env_file if isinstance(spec.env_file, tuple) else (spec.env_file,)
    return tuple(one if isinstance(one, EnvFile) else EnvFile(path=one) for one in written)


def variables(spec: ServiceKeys, files: Mapping[str, str]) -> tuple[dict[str, str | None], frozenset[str]]:
    """
    Return the environment of a container, and which of it comes from files; a later file wins, `environment` over all.

    None takes away what the image has. `files`: texts by path. Raises HostError for a file that has to be there and is not,
    or that makes no sense.
    """
    found: dict[str, str] = {}
    for one in env_files(spec):
        if (text := files.get(one.path)) is not None:
            found |= parsed(text, one.path, raw=one.format == "raw")
        elif one.required:
            raise HostError(
                f"{one.path} is not there, and env_file names it",
                hint="declare it in `files`, or say {path: …, required: false}",
            )
    said = mapped(spec.environment)
    return {**found, **said}, frozenset(found) - frozenset(said)


def parsed(text: str, path: str, *, raw: bool = False) -> dict[str, str]:
    """Return the variables of one file; raises HostError, which never tells a value."""
    if "\0" in text:
        raise HostError(f"{path}: expected text, found a zero byte")
    whole = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return dict(_raw(whole, path) if raw else _dotenv(whole, path))


def _raw(text: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield as `docker run --env-file` reads a file: each line as it stands."""
    for number, line in enumerate(text.split("\n"), 1):
        name, sign, value = line.lstrip().partition("=")
        if not name.strip() or name.startswith("#"):
            if sign and not name:
                raise HostError(f"{path}: line {number}: expected a name before '='")
            continue
        if name != name.strip() or re.search(r"\s", name):
            raise HostError(f"{path}: line {number}: expected NAME=value, and no space in the name")
        if sign:
            yield name, value


def _dotenv(text: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield as the dotenv package of compose-go reads a file."""
    line, counted, at = 1, 0, 0
    while at < len(text):
        if skipped := _BLANK.match(text, at):
            at = skipped.end()
            continue
        line, counted = line + text.count("\n", counted, at), at
        place = f"{path}: line {line}"
        found = _KEY.match(text, at)
        if found is None:
            raise HostError(f"{place}: expected NAME=value")
        at = found.end()
        if found[2] in {"", "\n"}:
            continue  # a name alone is taken from a shell, and there is none
        value, at = _value(text, at, place)
        yield found[1], value


def _value(text: str, at: int, place: str) -> tuple[str, int]:
    """Return the value that stands here, and where it ends."""
    quote = text[at : at + 1]
    found = _VALUES.get(quote, _UNQUOTED).match(text, at)
    if found is None:
        raise HostError(f"{place}: expected a closing {quote}")
    if quote not in _VALUES:
        return found[0].partition(" #")[0].rstrip(), found.end()
    inner = found[1].replace(f"\\{quote}", quote) if quote == "'" else _ESCAPE.sub(_plain, found[1])
    return inner, found.end()


def _plain(found: re.Match[str]) -> str:
    if found[2]:
        return chr(int(found[2], 8) & 0xFF)
    return _ESCAPED.get(found[1], found[1])
