"""Images and where they come from: pulls with limits, the digest that a registry has, and who one is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from agent.errors import HostError
from agent.host.commands import TimeUpError
from agent.host.engine import helper
from agent.host.engine.client import Client, EngineError, Headers, LateError, one_line, part
from agent.model import PullImage
from agent.values import dataclass

MEGABYTE: Final = 1e6  # bytes, as docker pull counts
AGAIN: Final = 300.0  # seconds before a registry that did not answer is asked once more
FRESH: Final = 60.0  # seconds for which one that let others wait is not tried for a pull, either
SLOW: Final = 5.0  # seconds after which a failure is that of somebody who does not answer, and not an answer
REFUSED: Final = ("unauthorized", "denied", "authentication required", "no basic auth", "forbidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who one is at a registry."""

    username: str
    password_file: Path


@dataclass(slots=True, kw_only=True)
class Registries:
    """
    What is known of registries. `docker_config`: where `docker login` puts what it is told.

    Each time limit is in seconds. A registry that exhausts one is not waited for once more for the sake of another image.
    """

    logins: Mapping[str, Login] = field(default_factory=dict)
    docker_config: Path | None = None
    patience: float = 30.0  # until a registry has said what a reference stands for
    silence: float = (
        120.0  # without a byte more, before a pull is given up; the engine itself tries for ever
    )
    longest: float = 3600.0  # that one pull may take in all
    recall: float = 10.0  # until a credential helper of docker login has said who one is
    clock: Callable[[], float] = time.monotonic
    saying: Callable[[str], object] = str  # is told how far a pull has come, by whichever thread pulls
    _told: dict[str, tuple[float, str | HostError]] = field(default_factory=dict)
    _silent: dict[str, tuple[float, str]] = field(
        default_factory=dict
    )  # since when, and what was said of it

    def digest(self, client: Client, reference: str, *, age: float) -> str:
        """See `agent.host.servers.Engine.digest`. That a registry did not answer is remembered, too."""
        at, answer = self._told.get(reference, (0.0, ""))
        good_for = AGAIN if isinstance(answer, HostError) else age
        if reference not in self._told or self.clock() - at >= good_for:
            self._refuse_silent(_host(reference), AGAIN)
            try:
                answer = self._ask(client, reference)
            except HostError as error:
                answer = error
            self._told[reference] = (self.clock(), answer)
        if isinstance(answer, HostError):
            raise HostError(str(answer), hint=answer.hint) from answer
        return answer

    def _ask(self, client: Client, reference: str) -> str:
        headers, began = self._headers(reference, AGAIN), self.clock()
        try:
            said = client.get(f"/distribution/{part(reference)}/json", headers=headers, wait=self.patience)
        except LateError as error:
            words = f"{_host(reference)} does not answer within {self.patience:.0f} s"
            self._remember(_host(reference), words)
            raise HostError(words) from error
        except EngineError as error:
            if error.unknown:  # Podman has no way to ask a registry without a pull
                return ""
            words = f"its registry says: {error}"
            if self.clock() - began > SLOW:
                self._remember(_host(reference), words)
            raise HostError(words, hint=self._asked_as(reference, words, headers)) from error
        return str(said["Descriptor"]["digest"])

    def pull(self, client: Client, step: PullImage) -> None:
        """Pull an image; raises HostError with what the registry says, or when nothing moves any more."""
        self._refuse_silent(_host(step.name), FRESH)
        headers = self._headers(step.name, FRESH)
        name, tag = split(step.name)
        query = {"fromImage": name, "tag": tag, "platform": step.platform or None}
        watch = _Watch(clock=self.clock, silence=self.silence, longest=self.longest)
        started = client.lines("POST", "/images/create", query, silence=self.silence, headers=headers)
        try:
            with started as lines:
                for line in lines:
                    if "error" in line:
                        raise _RefusedError(one_line(str(line["error"])))
                    watch.see(line)
                    self.saying(f"pulling {step.name}{watch.so_far}")
        except LateError as error:
            words = f"nothing has come for {self.silence:.0f} s"
            self._remember(_host(step.name), f"{_host(step.name)}: {words}")
            raise HostError(f"cannot be pulled: {words}") from error
        except (EngineError, _RefusedError) as error:
            words = f"cannot be pulled: {error}"
            raise HostError(words, hint=self._asked_as(step.name, words, headers)) from error
        self._told.pop(step.name, None)  # what was known has been acted on
        self._silent.pop(_host(step.name), None)

    def _refuse_silent(self, who: str, age: float) -> None:
        """Raise HostError where a registry or a helper has let trued wait for nothing a moment ago, for this image or another."""
        at, words = self._silent.get(who, (0.0, ""))
        if words and self.clock() - at < age:
            raise HostError(f"{words} (a moment ago)")

    def _remember(self, who: str, words: str) -> None:
        self._silent[who] = (self.clock(), words)

    def _asked_as(self, reference: str, words: str, headers: Headers) -> str:
        """Return as whom a registry was asked that knows nobody of that name, or lets him in nowhere; or nothing."""
        if not any(word in words.lower() for word in REFUSED):
            return ""
        registry = _host(reference)
        if login := self.logins.get(registry):
            return f"it was asked as {login.username}, with what is in {login.password_file}"
        if headers:
            return f"it was asked as {self.docker_config} says"
        return f"it was asked without a password: say who this host is there in agent.yaml: registries.{registry}"

    def _headers(self, reference: str, age: float) -> Headers:
        from agent.host.engine.sdk import auth  # noqa: PLC0415 - only where there are containers

        registry = _host(reference)
        if login := self.logins.get(registry):
            known: Any = {"username": login.username, "password": _password(login.password_file)}
            known["serveraddress"] = registry
        else:
            known = self._from_docker(registry, age)
        return {"X-Registry-Auth": auth.encode_header(known).decode()} if known else None

    def _from_docker(self, registry: str, age: float) -> Any:
        """Return what `docker login` knows; raises HostError, without a word of what stands in its file."""
        from agent.host.engine.sdk import DockerException, auth  # noqa: PLC0415 - as above

        path = self.docker_config
        try:
            content = path and json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise HostError(f"{path}: expected JSON, as docker login writes it") from error
        try:
            if not content:
                return None
            config = auth.load_config(config_dict=content)
            if name := config.get_credential_store(registry):
                server = auth.INDEX_URL if registry == auth.INDEX_NAME else registry
                if known := self._from_helper(name, server, age):
                    return known
            # Not `config` itself: the SDK would wait for the helper without an end.
            return auth.AuthConfig({"auths": config.auths}).resolve_authconfig(registry)
        except DockerException as error:
            raise HostError(f"{path}: what it says of {registry} cannot be used: {error}") from error
        except (ValueError, TypeError, AttributeError, KeyError):
            raise HostError(
                f"{path}: what it says of {registry} makes no sense: docker login {registry}"
            ) from None

    def _from_helper(self, name: str, server: str, age: float) -> Mapping[str, str] | None:
        """Return what a credential helper knows; one that does not answer is not asked for another image at once, either."""
        who = f"{helper.PREFIX}{name}"
        self._refuse_silent(who, age)
        try:
            return helper.login(name, server, timeout=self.recall)
        except TimeUpError as error:
            self._remember(who, str(error))
            raise


class _RefusedError(HostError):
    """What the engine says of a pull that it has begun and cannot end."""


@dataclass(slots=True, kw_only=True)
class _Watch:
    """Sees whether a pull still moves."""

    clock: Callable[[], float]
    silence: float
    longest: float
    started: float = field(init=False)
    moved: float = field(init=False)
    furthest: dict[tuple[object, ...], int] = field(default_factory=dict)
    layers: dict[object, tuple[int, int]] = field(
        default_factory=dict
    )  # bytes that are here, and all of them

    def __post_init__(self) -> None:
        self.started = self.moved = self.clock()

    @property
    def so_far(self) -> str:
        """How much of what is known to come is here, as a part of a message."""
        here, whole = (
            (sum(numbers) / MEGABYTE for numbers in zip(*self.layers.values(), strict=True))
            if self.layers
            else (0, 0)
        )
        return f", {here:.1f} of {whole:.1f} MB" if whole else ""

    def see(self, line: Mapping[str, Any]) -> None:
        now, status, detail = self.clock(), str(line.get("status", "")), line.get("progressDetail") or {}
        what, far = (line.get("id"), status), int(detail.get("current") or 0)
        if status == "Downloading":
            self.layers[line.get("id")] = (far, int(detail.get("total") or 0))
        # "Retrying in 5 seconds" is no progress, and what was downloaded before begins anew.
        if not status.startswith(("Retrying", "Waiting")) and far > self.furthest.get(what, -1):
            self.furthest[what] = far
            self.moved = now
        if now - self.moved > self.silence:
            raise HostError(f"cannot be pulled: nothing new has come for {self.silence:.0f} s")
        if now - self.started > self.longest:
            raise HostError(f"cannot be pulled: it is not done within {self.longest:.0f} s")


def split(reference: str) -> tuple[str, str]:
    """Return a reference as the engine takes it: the name, and the tag (`latest` where none is given) or the digest."""
    name, at, digest = reference.partition("@")
    if at:
        return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name, digest
    above, _, last = reference.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{above}/{last}" if above else last, tag or "latest"


def _host(reference: str) -> str:
    """Return the registry of a reference; raises HostError."""
    from agent.host.engine.sdk import DockerException, auth  # noqa: PLC0415 - as above

    try:
        return str(auth.resolve_repository_name(split(reference)[0])[0])
    except DockerException as error:
        raise HostError(f"{reference}: {error}") from error


def _password(path: Path) -> str:
    try:
        return path.read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "is no text"
        raise HostError(f"password_file {path}: {words}", hint="see registries in agent.yaml") from error
