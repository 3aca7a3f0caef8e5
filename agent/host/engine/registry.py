"""Images and where they come from: pulls with limits, the digest that a registry has, and who one is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent.errors import HostError
from agent.host.engine.client import Client, EngineError, part
from agent.model import PullImage

SILENCE: Final = (
    120.0  # seconds without a byte more before a pull is given up; the engine itself tries for ever
)
LONGEST: Final = 3600.0  # seconds that one pull may take in all
AGAIN: Final = 300.0  # seconds before a registry that did not answer is asked once more
NO_SUCH_CALL: Final = 404  # Podman has no way to ask a registry without a pull


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who one is at a registry."""

    username: str
    password_file: Path


@dataclass(slots=True)
class Registries:
    """What is known of registries. `docker_config`: where `docker login` puts what it is told."""

    logins: Mapping[str, Login] = field(default_factory=dict)
    docker_config: Path | None = None
    clock: Callable[[], float] = time.monotonic
    _told: dict[str, tuple[float, str | HostError]] = field(default_factory=dict)

    def digest(self, client: Client, reference: str, *, age: float) -> str:
        """See `agent.host.Engine.digest`. That a registry did not answer is remembered, too."""
        at, answer = self._told.get(reference, (0.0, ""))
        good_for = AGAIN if isinstance(answer, HostError) else age
        if reference not in self._told or self.clock() - at >= good_for:
            try:
                answer = self._ask(client, reference)
            except HostError as error:
                answer = error
            self._told[reference] = (self.clock(), answer)
        if isinstance(answer, HostError):
            raise HostError(str(answer), hint=answer.hint) from answer
        return answer

    def forget(self, reference: str) -> None:
        """Ask anew the next time: what was known has been acted on."""
        self._told.pop(reference, None)

    def _ask(self, client: Client, reference: str) -> str:
        try:
            said = client.get(f"/distribution/{part(reference)}/json", headers=self._headers(reference))
        except EngineError as error:
            if error.status == NO_SUCH_CALL:
                return ""
            raise HostError(f"its registry says: {error}", hint=error.hint) from error
        return str(said["Descriptor"]["digest"])

    def pull(self, client: Client, step: PullImage) -> None:
        """Pull an image; raises HostError with what the registry says, or when nothing moves any more."""
        name, tag = split(step.name)
        query = {"fromImage": name, "tag": tag, "platform": step.platform or None}
        watch = _Watch(self.clock)
        started = client.lines(
            "POST", "/images/create", query, silence=SILENCE, headers=self._headers(step.name)
        )
        try:
            with started as lines:
                for line in lines:
                    watch.see(line)
        except EngineError as error:
            raise HostError(f"cannot be pulled: {error}", hint=error.hint) from error
        self.forget(step.name)

    def _headers(self, reference: str) -> Mapping[str, str] | None:
        from docker import auth  # noqa: PLC0415 - only where there are containers
        from docker.errors import DockerException  # noqa: PLC0415

        try:
            registry, _ = auth.resolve_repository_name(split(reference)[0])
            if login := self.logins.get(registry):
                known: Any = {"username": login.username, "password": _password(login.password_file)}
                known["serveraddress"] = registry
            else:
                known = self._from_docker(registry)
            return {"X-Registry-Auth": auth.encode_header(known).decode()} if known else None
        except DockerException as error:
            raise HostError(f"credentials for {reference} cannot be read: {error}") from error

    def _from_docker(self, registry: str) -> Any:
        from docker import auth  # noqa: PLC0415 - as above

        if self.docker_config is None or not self.docker_config.exists():
            return None
        return auth.load_config(config_path=str(self.docker_config)).resolve_authconfig(registry)


@dataclass(slots=True)
class _Watch:
    """Sees whether a pull still moves, and whether it has failed."""

    clock: Callable[[], float]
    started: float = field(init=False)
    moved: float = field(init=False)
    seen: set[tuple[object, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.started = self.moved = self.clock()

    def see(self, line: Mapping[str, Any]) -> None:
        if "error" in line:
            words = " ".join(str(line["error"]).split())
            raise HostError(f"cannot be pulled: {words}")
        now, status = self.clock(), str(line.get("status", ""))
        what = (line.get("id"), status, (line.get("progressDetail") or {}).get("current"))
        # "Retrying in 5 seconds" is no progress, and what was downloaded before begins anew.
        if not status.startswith(("Retrying", "Waiting")) and what not in self.seen:
            self.seen.add(what)
            self.moved = now
        if now - self.moved > SILENCE or now - self.started > LONGEST:
            raise HostError(f"cannot be pulled: nothing has come for {SILENCE:.0f} s, or it takes too long")


def split(reference: str) -> tuple[str, str]:
    """Return a reference as the engine takes it: the name, and the tag (`latest` where none is given) or the digest."""
    name, at, digest = reference.partition("@")
    if at:
        return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name, digest
    above, _, last = reference.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{above}/{last}" if above else last, tag or "latest"


def _password(path: Path) -> str:
    try:
        return path.read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "is no text"
        raise HostError(f"password_file {path}: {words}", hint="see registries in agent.yaml") from error
