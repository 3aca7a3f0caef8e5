"""agent.yaml, the host's own file, into `Settings`. Reads that one file, and the machine's host name."""

from __future__ import annotations

import dataclasses
import enum
import re
import socket
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from agent.documents.decode import decode
from agent.documents.nodes import Place, empty_map
from agent.documents.parse import parse
from agent.errors import ConfigError
from agent.model import Duration, Share, quoted
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.documents.schema import Json

DEFAULT_PATH: Final = Path("/etc/trued/agent.yaml")

T = TypeVar("T")


class HostName(str):
    """A name that can stand in a path and in a branch: letters, digits, dots, dashes and underscores."""

    __slots__ = ()
    PATTERN: ClassVar[str] = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$"

    @classmethod
    def parse(cls, text: str) -> Self:
        # git-check-ref-format(1): two dots, and .lock at the end, cannot be part of a branch.
        if not re.fullmatch(cls.PATTERN[1:-1], text) or ".." in text or text.endswith(".lock"):
            raise ValueError(
                f"expected a host name of letters, digits, '.', '-' and '_', got {quoted(text)}"
            )
        return cls(text)


class Interval(Duration):
    """A span of time between two polls: at least five seconds."""

    @classmethod
    def parse(cls, text: str) -> Self:
        if (seconds := super().parse(text)) < 5:
            raise ValueError(f"expected an interval of at least 5s, got {quoted(text)}")
        return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySettings:
    """Whose signature a commit must bear."""

    allowed_signers: Path = field(metadata={"doc": "file of trusted keys, as ssh-keygen(1) describes it"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """Where the fleet repository is, and how to get in. Exactly one of branch, tag and commit is set."""

    url: str = field(metadata={"doc": "https, ssh (also git@host:path), file, or a path"})
    branch: str | None = field(default=None, metadata={"doc": "the branch to follow", "default": "main"})
    tag: str | None = field(default=None, metadata={"doc": "a tag to follow, in place of a branch"})
    commit: str | None = field(default=None, metadata={"doc": "one commit to hold, in place of a branch"})
    token_file: Path | None = field(
        default=None, metadata={"doc": "file with the token or password for https"}
    )
    username: str | None = field(default=None, metadata={"doc": "user name that goes with the token"})
    ssh_key: Path | None = field(default=None, metadata={"doc": "private key for ssh"})
    known_hosts: Path | None = field(default=None, metadata={"doc": "host keys that ssh may trust"})
    ca_file: Path | None = field(default=None, metadata={"doc": "certificate of a private CA, PEM"})
    proxy: str | None = field(default=None, metadata={"doc": "URL of an HTTP proxy"})
    verify: VerifySettings | None = field(default=None, metadata={"doc": "which signatures are asked for"})

    def __post_init__(self) -> None:
        given = [name for name in ("branch", "tag", "commit") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one of branch, tag and commit, found {' and '.join(given)}")
        if not given:
            object.__setattr__(self, "branch", "main")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSettings:
    """Where reports go. After loading, what was left out is the source's."""

    enabled: bool = field(default=True, metadata={"doc": "whether reports are pushed at all"})
    branch: str = field(
        default="status/{host}", metadata={"doc": "branch for reports; {host} is the host's name"}
    )
    heartbeat: Duration = field(
        default=Duration(3600),
        metadata={"doc": "how long to say nothing when nothing is new", "default": "1h"},
    )
    url: str | None = field(default=None, metadata={"doc": "another repository for reports"})
    token_file: Path | None = field(default=None, metadata={"doc": "as in source"})
    username: str | None = field(default=None, metadata={"doc": "as in source"})
    ssh_key: Path | None = field(default=None, metadata={"doc": "as in source"})
    known_hosts: Path | None = field(default=None, metadata={"doc": "as in source"})
    ca_file: Path | None = field(default=None, metadata={"doc": "as in source"})
    proxy: str | None = field(default=None, metadata={"doc": "as in source"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalLimits:
    """A plan that removes more than both is held."""

    count: int = field(default=10, metadata={"doc": "so many removals are always let through"})
    share: Share = field(
        default=Share(0.25), metadata={"doc": "and up to this part of what trued owns", "default": "25%"}
    )

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"expected a count of at least 0, got {self.count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What a plan may do at most without being asked for by a person."""

    removals: RemovalLimits = field(
        default=RemovalLimits(), metadata={"doc": "a plan that removes more than both is held"}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How the container engine is reached."""

    socket: Path | None = field(
        default=None,
        metadata={
            "doc": "where Docker Engine or Podman listens",
            "default": "/run/docker.sock, else /run/podman/podman.sock",
        },
    )
    docker_config: Path | None = field(
        default=None,
        metadata={"doc": "what `docker login` has written", "default": "~/.docker/config.json"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """Who this host is at one registry."""

    username: str = field(metadata={"doc": "user name at the registry"})
    password_file: Path = field(metadata={"doc": "file with the password or token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    """How the API server of Kubernetes is reached."""

    kubeconfig: Path = field(
        default=Path("/etc/rancher/k3s/k3s.yaml"),
        metadata={"doc": "file that says where the API server is, and who this host is there"},
    )
    context: str | None = field(
        default=None, metadata={"doc": "context of it", "default": "its current-context"}
    )


class Reboot(enum.StrEnum):
    """Whether trued may reboot the machine."""

    NEVER = "never"
    WHEN_REQUIRED = "when-required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What agent.yaml says. Every path is absolute; `status` is complete."""

    file: Path = field(default=DEFAULT_PATH, metadata={"hidden": True})  # where all this stands
    source: SourceSettings = field(metadata={"doc": "the fleet repository"})
    host: HostName = field(
        default=HostName(""), metadata={"doc": "name of this host in the fleet", "default": "the machine's"}
    )
    labels: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": "words about this host that layers can be chosen by"}
    )
    status: StatusSettings = field(default=StatusSettings(), metadata={"doc": "where reports go"})
    interval: Interval = field(
        default=Interval(60),
        metadata={"doc": "time between two looks at Git, at least 5s", "default": "60s"},
    )
    verify_interval: Interval = field(
        default=Interval(600),
        metadata={
            "doc": "time between two looks at everything on the host, also at what nothing was heard of",
            "default": "10m",
        },
    )
    root: Path = field(
        default=Path("/"), metadata={"doc": "folder that stands for /, to try things out: files go below it"}
    )
    state_dir: Path = field(
        default=Path("/var/lib/trued"), metadata={"doc": "folder for what trued remembers"}
    )
    reboot: Reboot = field(
        default=Reboot.NEVER,
        metadata={
            "doc": "whether trued reboots a machine that asks for it, once a day at most and when all is well"
        },
    )
    limits: LimitSettings = field(
        default=LimitSettings(), metadata={"doc": "what a plan may do at most, unasked"}
    )
    engine: EngineSettings = field(
        default=EngineSettings(), metadata={"doc": "how the container engine is reached"}
    )
    kubernetes: KubernetesSettings = field(
        default=KubernetesSettings(), metadata={"doc": "how the API server of Kubernetes is reached"}
    )
    registries: Mapping[str, RegistrySettings] = field(
        default_factory=dict,
        metadata={"doc": "who this host is at registries of images, by their host name"},
    )
    allow: Mapping[str, tuple[str, ...]] | None = field(
        default=None,
        metadata={
            "doc": "what Git may ask of this host at most: globs of names by section; absent: everything"
        },
    )


def load_settings(path: Path) -> Settings:
    """Return what a host's own file says; raises ConfigError with every problem and its place."""
    node = parse(_read(path), str(path), error=ConfigError)
    settings = decode(node or empty_map(Place(str(path))), Settings, error=ConfigError)
    return _completed(dataclasses.replace(settings, file=path.absolute()), path.absolute().parent)


def settings_schema() -> Json:
    """Return the JSON Schema of agent.yaml."""
    from agent.documents.schema import schema  # noqa: PLC0415 # for editors only

    return schema(Settings)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file", hint=_WAY_OUT) from None
    except PermissionError as error:
        raise ConfigError(f"{path}: is not for this user", hint="run it as root, as with sudo") from error
    except OSError as error:
        hint = "name another with --config FILE"
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint=hint) from error


_WAY_OUT: Final = (
    "write it: trued enroll URL (docs/agent-yaml.md has every key); or name another with --config FILE"
)


def _completed(settings: Settings, folder: Path) -> Settings:
    host = settings.host or this_machine()
    source = _anchored(settings.source, folder)
    verify = source.verify and _anchored(source.verify, folder)
    return dataclasses.replace(
        _anchored(settings, folder),
        engine=_anchored(settings.engine, folder),
        kubernetes=_anchored(settings.kubernetes, folder),
        registries={name: _anchored(one, folder) for name, one in settings.registries.items()},
        host=host,
        source=dataclasses.replace(source, verify=verify),
        status=_status(_anchored(settings.status, folder), source, host),
    )


def this_machine() -> HostName:
    """Return the machine's own name; raises ConfigError if it cannot be a host's."""
    try:
        return HostName.parse(socket.gethostname())
    except ValueError as error:
        raise ConfigError(
            f"the machine's host name: {error}", hint="give agent.yaml a key `host`"
        ) from error


def _status(status: StatusSettings, source: SourceSettings, host: HostName) -> StatusSettings:
    """Fill in from the source; its way in as a whole or not at all, so that two ways never mix."""
    own_way = any((status.token_file, status.username, status.ssh_key, status.known_hosts))
    way = status if own_way else source
    return dataclasses.replace(
        status,
        branch=status.branch.replace("{host}", host),
        url=status.url or source.url,
        token_file=way.token_file,
        username=way.username,
        ssh_key=way.ssh_key,
        known_hosts=status.known_hosts or source.known_hosts,
        ca_file=status.ca_file or source.ca_file,
        proxy=status.proxy or source.proxy,
    )


def _anchored(settings: T, folder: Path) -> T:
    """Return settings whose relative paths, a relative URL among them, start at a folder."""
    values: dict[str, Any] = {each.name: getattr(settings, each.name) for each in _fields_of(settings)}
    paths: dict[str, Any] = {
        name: folder / value for name, value in values.items() if isinstance(value, Path)
    }
    url = values.get("url")
    if isinstance(url, str) and url.startswith(("./", "../")):
        paths["url"] = str((folder / url).resolve())
    return dataclasses.replace(settings, **paths)  # type: ignore[type-var] # settings are dataclasses


def _fields_of(settings: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(settings)
