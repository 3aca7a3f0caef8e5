"""The text of agent.yaml. Pure, but for the last look at what is written: only what trued itself can load is put in place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from agent.config import HostName, Settings, load_settings
from agent.enroll import place
from agent.errors import ConfigError, UsageError
from agent.git.address import Place
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What agent.yaml is to say. Paths are absolute."""

    host: HostName
    url: str
    branch: str
    token_file: Path | None = None
    ca_file: Path | None = None
    ssh_key: Path | None = None
    known_hosts: Path | None = None


def server(url: str) -> Place:
    """Return a URL, taken apart; raises UsageError. It is in no message: a password may be in it."""
    mark = url.find("@")
    if "://" not in url and 0 < url.find(":") < mark:
        raise UsageError("the URL must not hold a password; SSH goes by a key", hint=_ELSEWHERE)
    try:
        return Place.parse(url)
    except ValueError as error:
        raise UsageError(f"the URL: {error}", hint=_ELSEWHERE if mark > 0 else "") from error


_ELSEWHERE = (
    "it would stand in agent.yaml and in the list of processes, and is in your shell's history now: change it."
    " A token goes into a file of its own: --token-file FILE"
)


def there(path: Path, asked: dict[str, str]) -> Settings | None:
    """
    Return what an agent.yaml that says so already says, None where there is none.

    `asked`: url, and host and branch where they were given. Raises UsageError if it says anything else.
    """
    if not path.is_symlink() and not path.exists():
        return None
    try:
        settings = load_settings(path)
    except ConfigError as error:
        hint = error.hint or "correct it, or move it away first"
        raise UsageError(f"{path}: is there already, and cannot be used:\n{error}", hint=hint) from error
    said = {"url": settings.source.url, "host": settings.host, "branch": settings.source.branch or ""}
    if other := [name for name, value in asked.items() if said[name] != value]:
        differs = ", ".join(f"{name} {said[name]!r}, not {asked[name]!r}" for name in other)
        raise UsageError(
            f"{path}: is there already, and says {differs}; it is left as it is",
            hint="edit it, or move it away first; or write another: --config FILE; what is there: trued doctor",
        )
    return settings


def write(path: Path, wish: Wish) -> Settings:
    """Put down agent.yaml, readable for its owner alone, and return what it says; raises UsageError, ConfigError."""

    def make(new: Path) -> None:
        new.touch(mode=0o600)
        new.write_text("\n".join(lines(wish)) + "\n", "utf-8")
        load_settings(new)

    place.put(path, make, mode=0o600)
    return load_settings(path)


def lines(wish: Wish) -> Iterator[str]:
    """Yield agent.yaml, with what helps whoever opens it."""
    yield "# What this host alone knows, written by `trued enroll`. Every key: docs/agent-yaml.md, `trued schema --agent`."
    yield "# `systemctl reload trued` reads it again; `trued doctor` checks it."
    yield ""
    yield "# The name of this host in fleet.yaml."
    yield f"host: {_text(wish.host)}"
    yield ""
    yield "# labels: {ring: canary}"
    yield ""
    yield "source:"
    yield f"  url: {_text(wish.url)}"
    yield f"  branch: {_text(wish.branch)}"
    ways = {
        "the token, in one line; for root alone": ("token_file", wish.token_file),
        "the authority that vouches for the server": ("ca_file", wish.ca_file),
        "the deploy key; its public half is on the server": ("ssh_key", wish.ssh_key),
        "the host keys of the server that are trusted": ("known_hosts", wish.known_hosts),
    }
    for what, (key, path) in ways.items():
        if path is not None:
            yield f"  {key}: {_text(str(path))}  # {what}"
    yield "  # Follow only commits that one of these keys has signed."
    yield "  # verify: {allowed_signers: /etc/trued/allowed_signers}"
    yield ""
    yield f"# Reports go to the branch status/{wish.host} of the same repository, with the same key or token, unless said:"
    yield "# status: {url: https://git.example.com/ops/fleet-status.git, token_file: /etc/trued/status-token}"


def _text(value: str) -> str:
    """Return a YAML scalar: JSON's are (yaml.org/spec/1.2.2, 1.2)."""
    return json.dumps(value, ensure_ascii=False)
