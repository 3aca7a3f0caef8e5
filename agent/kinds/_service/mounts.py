"""What is mounted into a container: volumes, folders and files of the host, secrets, configs, devices. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import ClassVar, Final, Literal, TypeAlias

from agent.kinds._engine.names import checked_name
from agent.kinds._service.values import Bits, HostPath, Pairs, Size, host_path, inner_path
from agent.model import quoted
from agent.values import dataclass

Propagation: TypeAlias = Literal["private", "rprivate", "shared", "rshared", "slave", "rslave"]
PROPAGATIONS: Final = frozenset(("private", "rprivate", "shared", "rshared", "slave", "rslave"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BindOptions:
    """How a path of the host is mounted."""

    propagation: Propagation | None = field(default=None, metadata={"doc": "how mounts below it spread"})
    create_host_path: bool = field(
        default=True,
        metadata={"doc": "whether a folder is made where nothing is on the host; true if not given"},
    )
    selinux: Literal["z", "Z"] | None = field(
        default=None, metadata={"doc": "z: labelled for all containers; Z: for this one alone"}
    )
    recursive: Literal["enabled", "disabled"] = field(
        default="enabled", metadata={"doc": "disabled: mounts below it are left out"}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeOptions:
    """How a volume is mounted."""

    nocopy: bool = field(
        default=False, metadata={"doc": "whether what the image has there is not copied into it"}
    )
    labels: Pairs = field(default=(), metadata={"doc": "labels of the volume, if it is made with the mount"})

    subpath: str = field(
        default="",
        metadata={"doc": "a folder of the volume to mount instead of the whole; takes API 1.45 (Docker 26)"},
    )

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if self.subpath.startswith("/") or ".." in self.subpath.split("/"):
            raise ValueError(f"expected a path below the volume for subpath, got {quoted(self.subpath)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TmpfsOptions:
    """How large a tmpfs is, and who may enter it."""

    size: Size | None = field(default=None, metadata={"doc": "the most it holds: 64m"})
    mode: Bits | None = field(default=None, metadata={"doc": "its permissions in octal: 1777"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One entry of `volumes`, in its long form."""

    type: Literal["bind", "volume", "tmpfs"] = field(metadata={"doc": "bind, volume or tmpfs"})
    source: str = field(
        default="",
        metadata={
            "doc": "an absolute path of the host, or the name of a volume; none: a volume without name"
        },
    )
    target: str = field(metadata={"doc": "where it is inside of the container"})
    read_only: bool = field(default=False, metadata={"doc": "whether it cannot be written to"})
    consistency: str = field(default="", metadata={"doc": "known to Compose, and without effect on Linux"})
    bind: BindOptions | None = field(default=None, metadata={"doc": "more about a bind"})
    volume: VolumeOptions | None = field(default=None, metadata={"doc": "more about a volume"})
    tmpfs: TmpfsOptions | None = field(default=None, metadata={"doc": "more about a tmpfs"})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        object.__setattr__(self, "target", inner_path(self.target, "the target"))
        if self.target == "/":
            raise ValueError("a mount cannot be at / of the container")
        if self.type == "bind":
            object.__setattr__(self, "source", host_path(self.source, "the source of a bind"))
        elif self.type == "volume" and self.source:
            checked_name(self.source)
        elif self.source:
            raise ValueError("a tmpfs has no source")
        for kind in ("bind", "volume", "tmpfs"):
            if kind != self.type and getattr(self, kind) is not None:
                raise ValueError(f"a mount of type {self.type} has no {kind!r}")

        if self.about.selinux and not (self.about.create_host_path and self.about.recursive == "enabled"):
            raise ValueError("a bind with selinux has create_host_path, and what is mounted below it")

    @property
    def about(self) -> BindOptions:
        """More about a bind, as declared or by default."""
        return self.bind or BindOptions()


class ShortMount(Mount):
    """The short form of an entry of `volumes`: `[source:]target[:options]`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Mount:
        """Return the long form, as `ParseVolume` of compose-go does; what it would ignore is an error."""
        parts = text.split(":")
        if len(parts) > 3 or not all(parts):
            raise ValueError(
                f'expected "volume:/path", "/host/path:/path" or one with ":ro", got {quoted(text)}'
            )
        if len(parts) == 1:
            return Mount(type="volume", target=text)
        options = parts[2].split(",") if len(parts) == 3 else []
        return _bind(parts, options) if parts[0][0] in "./~" else _volume(parts, options)


def _bind(parts: list[str], options: list[str]) -> Mount:
    known = _known(options, {"ro", "rw", "z", "Z", *PROPAGATIONS})
    spread = next((option for option in known if option in PROPAGATIONS), None)
    label = next((option for option in known if option in {"z", "Z"}), None)
    return Mount(
        type="bind",
        source=parts[0],
        target=parts[1],
        read_only="ro" in known,
        bind=BindOptions(propagation=spread, selinux=label) if spread or label else None,  # type: ignore[arg-type]
    )


def _volume(parts: list[str], options: list[str]) -> Mount:
    known = _known(options, {"ro", "rw", "nocopy", "z", "Z"})
    return Mount(
        type="volume",
        source=parts[0],
        target=parts[1],
        read_only="ro" in known,
        volume=VolumeOptions(nocopy=True) if "nocopy" in known else None,
    )


def _known(options: list[str], known: set[str]) -> list[str]:
    if strange := next((option for option in options if option not in known), None):
        raise ValueError(f"expected {', '.join(sorted(known))} after the paths, got {quoted(strange)}")
    return options


_AS_IT_IS: Final = (
    "a file of the host is mounted as it is: say owner and mode where it is declared, in `files`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One entry of `secrets` or `configs`: a file of the host, mounted read-only."""

    source: HostPath = field(metadata={"doc": "an absolute path of the host"})
    target: str = field(
        default="", metadata={"doc": "where it is inside of the container, or the file's name there"}
    )

    REFUSED: ClassVar[Mapping[str, str]] = {"uid": _AS_IT_IS, "gid": _AS_IT_IS, "mode": _AS_IT_IS}

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        self.at("/")

    def at(self, folder: str) -> str:
        """Return where it is inside of the container, if it would be in `folder` by default."""
        name = self.target or PurePosixPath(self.source).name
        return inner_path(name if name.startswith("/") else f"{folder}/{name}", "the target")


class ShortGiven(Given):
    """The short form: only the path of the host."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Given:
        return Given(source=HostPath.parse(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One entry of `devices`, in its long form."""

    source: str = field(
        metadata={"doc": "the device of the host, or the CDI name of one: nvidia.com/gpu=all"}
    )
    target: str = field(
        default="", metadata={"doc": "where it is inside of the container; the same path if not given"}
    )
    permissions: str = field(default="rwm", metadata={"doc": "of r (read), w (write) and m (make a node)"})

    def __post_init__(self) -> None:
        """Raise ValueError with the first thing that makes no sense."""
        if not self.cdi and not self.source.startswith("/"):
            raise ValueError(
                f"expected a device, as in /dev/ttyUSB0, or a CDI name, got {quoted(self.source)}"
            )
        if self.cdi and self.target:
            raise ValueError("a device with a CDI name has no target")
        if self.target:
            inner_path(self.target, "the target")
        if not re.fullmatch("[rwm]{1,3}", self.permissions):
            raise ValueError(f"expected permissions of r, w and m, got {quoted(self.permissions)}")

    @property
    def cdi(self) -> bool:
        """Whether it is the name of a device of the Container Device Interface."""
        return bool(re.fullmatch(r"[A-Za-z][\w.-]*/[A-Za-z][\w-]*=[\w.:-]+", self.source))


class ShortDevice(Device):
    """The short form of an entry of `devices`: `source[:target[:permissions]]`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Device:
        if (whole := re.fullmatch(r"[^/:][^:]*=.*", text)) is not None:
            return Device(source=whole[0])
        source, *more = text.split(":")
        if len(more) > 2 or not all(more):
            raise ValueError(f"expected source, target and permissions of a device, got {quoted(text)}")
        return Device(
            source=source, target=more[0] if more else "", permissions=more[1] if len(more) > 1 else "rwm"
        )
