"""
The programs that keep passwords for Docker: `docker-credential-NAME`, named in what `docker login` has written. Only looks.

How they are spoken with: https://docs.docker.com/reference/cli/docker/login/#credential-helpers. Nothing that one prints is
ever told: where it means to say what is wrong, a secret may stand as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.errors import HostError
from agent.host import commands

PREFIX: Final = "docker-credential-"
EVERY_CODE: Final = range(-64, 256)  # as wait(2) has them; -64: by a signal
NOT_FOUND: Final = 127  # env(1)
NOBODY: Final = "credentials not found in native keychain"
TOKEN: Final = "<token>"  # noqa: S105 - the user name that stands for a token


def login(name: str, server: str, *, timeout: float) -> Mapping[str, str] | None:
    """
    Return who one is at a server, as `X-Registry-Auth` has it, or None if the helper knows nobody there.

    Raises HostError, and commands.TimeUpError where it does not answer within `timeout` seconds.
    """
    # Many look for a key below the home of who runs them; of trued's own environment they get nothing else.
    argv = ("env", f"HOME={Path.home()}", f"{PREFIX}{name}", "get")
    try:
        said = commands.ask(argv, stdin=server.encode(), ok=EVERY_CODE, timeout=timeout)
    except commands.TimeUpError:
        raise commands.TimeUpError(
            f"{PREFIX}{name} does not answer within {timeout:g} s", hint=_by_hand(name, server)
        ) from None
    if said.code == NOT_FOUND:
        raise HostError(
            f"there is no command {PREFIX}{name} on this host",
            hint=f"install it; it is looked for in {commands.ENVIRONMENT['PATH']}",
        )
    if said.code != 0 and NOBODY in said.out:
        return None
    if said.code != 0:
        raise HostError(
            f"{PREFIX}{name} does not tell: exit code {said.code}",
            hint=_by_hand(name, server),
        )
    return _read(said.out, name, server)


def _read(text: str, name: str, server: str) -> Mapping[str, str] | None:
    try:
        found = json.loads(text)
        user, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, TypeError, KeyError):
        raise HostError(
            f"{PREFIX}{name}: expected JSON with Username and Secret", hint=_by_hand(name, server)
        ) from None
    if not user and not secret:
        return None  # docker-credential-pass says so
    if user == TOKEN:
        return {"ServerAddress": server, "IdentityToken": secret}
    return {"ServerAddress": server, "Username": user, "Password": secret}


def _by_hand(name: str, server: str) -> str:
    return f"try it: echo {server} | {PREFIX}{name} get"
