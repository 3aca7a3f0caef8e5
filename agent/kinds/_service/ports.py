"""Ports as Compose writes them, short and long, into one form. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar, Final, Literal, Self

from agent.kinds._service.values import Address, Whole
from agent.model import quoted
from agent.values import dataclass

PROTOCOLS: Final = ("tcp", "udp", "sctp")
WAY_OUT: Final = 'expected a port, as in "8080:80", "127.0.0.1:8080:80/udp" or "8000-8010:80-90"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One port of a container that the host has, too: the long form of `ports`."""

    target: Whole = field(metadata={"doc": "the port inside of the container"})
    published: str = field(
        default="",
        metadata={"doc": "the port of the host, or a range to take one from; any free one if not given"},
    )
    host_ip: Address | None = field(
        default=None, metadata={"doc": "the address of the host it is bound to; else all"}
    )
    protocol: Literal["tcp", "udp", "sctp"] = field(default="tcp", metadata={"doc": "tcp, udp or sctp"})
    mode: Literal["host", "ingress"] = field(
        default="ingress", metadata={"doc": "host or ingress: no difference without Swarm"}
    )
    name: str = field(default="", metadata={"doc": "a name for people"})
    app_protocol: str = field(default="", metadata={"doc": "what is spoken there, for people: http"})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        _checked(self.target)
        if self.published:
            _range(self.published, lowest=0)

    @property
    def key(self) -> str:
        """The port as the engine calls it: 80/tcp."""
        return f"{self.target}/{self.protocol}"

    @property
    def binding(self) -> Mapping[str, str]:
        """What of the host it is bound to, as the engine's `PortBinding`."""
        return {"HostIp": self.host_ip or "", "HostPort": "" if self.published == "0" else self.published}

    def __str__(self) -> str:
        address = f"[{self.host_ip}]" if self.host_ip and ":" in self.host_ip else self.host_ip
        ip = f"{address}:" if address else ""
        return f"{ip}{self.published}:{self.key}" if self.published or ip else self.key


@dataclass(frozen=True, slots=True)
class ShortPort:
    """The short form of `ports`: `[[host_ip:]published:]target[/protocol]`, with ranges."""

    ports: tuple[Port, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Return the ports that this stands for, as `nat.ParsePortSpec` of go-connections does.

        Ranges of one length go together, port by port; from a longer one of the host, one is taken for one target.
        """
        found = re.fullmatch(
            r"(?:(?:(\[[0-9a-fA-F:.%]+\]|[0-9.]+):)?([0-9]*(?:-[0-9]+)?):)?([0-9]+(?:-[0-9]+)?)(?:/([a-zA-Z]+))?",
            text,
        )
        if not found or (protocol := (found[4] or "tcp").lower()) not in PROTOCOLS:
            raise ValueError(f"{WAY_OUT}, got {quoted(text)}")
        targets = _range(found[3])
        published = _published(found[2] or "", targets, text)
        ip = _address(found[1], text) if found[1] else None
        return cls(
            tuple(
                Port(target=Whole(target), published=host, host_ip=ip, protocol=protocol)  # type: ignore[arg-type]
                for target, host in zip(targets, published, strict=True)
            )
        )


def _published(text: str, targets: range, whole: str) -> tuple[str, ...]:
    if not text:
        return ("",) * len(targets)
    hosts = _range(text, lowest=0)
    if len(hosts) == len(targets):
        return tuple(map(str, hosts))
    if len(targets) == 1:
        return (text,)
    raise ValueError(f"expected as many ports of the host as of the container, got {quoted(whole)}")


def _address(text: str, whole: str) -> Address:
    try:
        return Address(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError(f"expected an IP address before the ports, got {quoted(whole)}") from None


def _range(text: str, lowest: int = 1) -> range:
    if not (found := re.fullmatch("([0-9]{1,5})(?:-([0-9]{1,5}))?", text)):
        raise ValueError(f"expected a port or a range, as in 8000-8010, got {quoted(text)}")
    first = _checked(int(found[1]), lowest)
    last = _checked(int(found[2] or first), lowest)
    if last < first:
        raise ValueError(f"expected a range that goes up, got {quoted(text)}")
    return range(first, last + 1)


def _checked(port: int, lowest: int = 1) -> int:
    if not lowest <= port <= 65535:
        raise ValueError(f"expected a port from 1 to 65535, got {port}")
    return port


@dataclass(frozen=True, slots=True)
class Exposed:
    """An entry of `expose`: a port, or a range, of the container that is not published."""

    keys: tuple[str, ...]

    PATTERN: ClassVar[str] = "^[0-9]+(-[0-9]+)?(/[a-z]+)?$"

    @classmethod
    def parse(cls, text: str) -> Self:
        ports, _, protocol = text.partition("/")
        if (protocol or "tcp").lower() not in PROTOCOLS:
            raise ValueError(f'expected a port, as in 80, "80/udp" or "80-90", got {quoted(text)}')
        return cls(tuple(f"{port}/{(protocol or 'tcp').lower()}" for port in _range(ports)))


def flat(ports: tuple[ShortPort | Port, ...]) -> Iterator[Port]:
    """Yield the ports of a list, each in its long form."""
    for one in ports:
        yield from one.ports if isinstance(one, ShortPort) else (one,)
