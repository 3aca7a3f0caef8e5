"""Images of containers: pulled before anything is stopped, and gone when nothing uses them. Decides; reads through a `Probe` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import ClassVar, Final, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.host.servers import Engine
from agent.kinds import Kind, files_among
from agent.kinds._engine.ground import Silent, asked, ground_among
from agent.kinds._engine.images import SOON, ImageSpec, digests_of, newest
from agent.kinds._engine.references import REST, normal, pinned, registry, repository, short
from agent.kinds._engine.users import containers, strangers_among, used_by_strangers
from agent.kinds._words import UNDECLARED
from agent.model import Json, PullImage, RemoveImage, ResourceId, Stale, Step
from agent.values import dataclass

# Where engines look for who may pull, and from where.
LOGINS: Final = (PurePosixPath("/root", ".docker", "config.json"), "/etc/containers/registries.conf")
LEFT_OVER: Final = "no tag stands for it any more, and nothing uses it"
_MACHINES: Final[Mapping[str, str]] = {"x86_64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """What is known of an image."""

    id: str = ""  # nothing: it is not here
    digests: frozenset[str] = frozenset()  # by which its repository knows it
    platform: str = ""  # os/arch
    offered: str = ""  # the digest that the registry has for the reference now, if it was asked and tells
    trouble: str = ""  # why the registry could not be asked
    users: tuple[str, ...] = ()  # containers made from it; only looked at if it is to go
    strangers: tuple[str, ...] = ()  # those of them that trued did not make
    prune: bool = False  # whether what nothing uses is to go
    tagged: bool = True  # a tag stands for it


Have: TypeAlias = ImageState | Silent


class Image(Kind[ImageSpec, Have]):
    """An image that a container is made from."""

    section: ClassVar[str] = "images"
    spec = ImageSpec
    rank: ClassVar[int] = 52
    only: ClassVar[str] = REST
    late: ClassVar[bool] = True  # the engine may come with this plan; and what uses an image may go with it

    def implied(self, spec: ImageSpec) -> bool:
        return spec.implied

    def absent(self, spec: ImageSpec) -> bool:
        """Return whether this is the entry of the section: it is about images that shall not be."""
        return not spec.implied

    def fingerprint(self, spec: ImageSpec) -> object:
        return (spec.prune, spec.implied, spec.age, spec.platform)

    def edges(self, name: str, want: ImageSpec, declared: Collection[ResourceId]) -> Iterable[ResourceId]:
        if want.implied:
            yield from ground_among(declared)
            yield from files_among(declared, *LOGINS, f"/etc/docker/certs.d/{registry(name)}/ca.crt")

    def observe(
        self, probe: Probe, wants: Mapping[str, ImageSpec | None]
    ) -> Mapping[str, Have | HostError | None]:
        own = {name: want for name, want in wants.items() if name != REST}
        rest: dict[str, Have | None] = dict.fromkeys(wants.keys() - own.keys())
        if not own:
            return rest
        rule = wants.get(REST)
        found = asked(
            probe, lambda engine: dict(_observed(engine, own, prune=rule is not None and rule.prune))
        )
        return rest | (dict.fromkeys(own, found) if isinstance(found, Silent) else found)

    def exists(self, have: Have) -> bool:
        return isinstance(have, ImageState) and bool(have.id)

    def steps(self, name: str, want: ImageSpec | None, have: Have | None, *, stale: Stale) -> Iterable[Step]:
        if want is not None and not want.implied:
            return
        if isinstance(have, Silent):
            raise have.error
        here = have if have and have.id else None
        if want is None:
            if here:
                yield RemoveImage(name=name, why=UNDECLARED if here.tagged else LEFT_OVER)
        elif why := _outdated(name, want, here) if here else _missing(name, want, have or ImageState()):
            yield PullImage(name=name, platform=want.platform, why=why)

    def health(self, name: str, want: ImageSpec, have: Have) -> str:
        trouble = have.trouble if isinstance(have, ImageState) and have.id else ""
        return f"the registry cannot be asked for a newer one: {trouble}" if trouble else ""

    def leaves(self, name: str, have: Have) -> str:
        if not isinstance(have, ImageState):
            return ""
        return used_by_strangers(have.strangers) or (
            "" if have.prune else "images go only with `images: {prune: true}`"
        )

    def clings(self, name: str, have: Have) -> str:
        """Return who of trued's own uses it still: one that could not be changed, or was declared to be kept."""
        users = have.users if isinstance(have, ImageState) else ()
        return f"used by {containers(users)}" if users else ""


def _observed(
    engine: Engine, wants: Mapping[str, ImageSpec | None], *, prune: bool
) -> Iterator[tuple[str, ImageState | None]]:
    for name, want in wants.items():
        found = engine.image(name)
        if want is None:
            yield name, _going(engine, name, found, prune=prune) if found else None
        else:
            yield name, _state(engine, name, want, found)
    if prune:
        yield from _left_over(engine, wants)


def _left_over(
    engine: Engine, wants: Mapping[str, ImageSpec | None]
) -> Iterator[tuple[str, ImageState | None]]:
    """Yield what tags of the declared images stood for before they moved, by its digest, once no container uses it."""
    places = {repository(name) for name, want in wants.items() if want is not None}
    known, used = {normal(name) for name in wants}, frozenset(engine.users().values())
    for one in engine.dangling() if places else ():
        for name in one.get("RepoDigests") or () if one["Id"] not in used else ():
            if repository(name) in places and normal(name) not in known:
                yield name, ImageState(id=one["Id"], prune=True, tagged=False)


def _going(engine: Engine, name: str, found: Json, *, prune: bool) -> ImageState:
    users = _users(engine, name, found)
    strangers = strangers_among(engine, users)
    return ImageState(
        id=found["Id"],
        users=tuple(sorted(users)),
        strangers=tuple(sorted(strangers)),
        prune=prune,
        tagged=bool(found.get("RepoTags")),
    )


def _users(engine: Engine, name: str, found: Json) -> Collection[str]:
    """Return the containers made from an image; where it has other tags, but trued's own that were made by another one."""
    users = [user for user, image in engine.users().items() if image == found["Id"]]
    if not {normal(tag) for tag in found.get("RepoTags") or ()} - {normal(name)}:
        return users
    strangers = strangers_among(engine, users)
    return [
        user
        for user, one in (engine.containers(users) if users else {}).items()
        if user in strangers or normal(str(one["Config"].get("Image", ""))) == normal(name)
    ]


def _state(engine: Engine, name: str, want: ImageSpec, found: Json | None) -> ImageState:
    if found is None:
        return _to_pull(engine, name, want)
    here = digests_of(found, name)
    try:
        offered, trouble = newest(engine, name, want.age, here), ""
    except HostError as error:
        offered, trouble = "", error.reason
    parts = (found.get("Os"), found.get("Architecture"))
    return ImageState(
        id=found["Id"],
        digests=here,
        platform="/".join(part for part in parts if part),
        offered=offered,
        trouble=trouble,
    )


def _to_pull(engine: Engine, name: str, want: ImageSpec) -> ImageState:
    """Return what would be pulled, or why that cannot be told: the pull will tell."""
    if want.age is None or pinned(name):
        return ImageState()
    try:
        return ImageState(offered=engine.digest(name, age=SOON))
    except HostError as error:
        return ImageState(trouble=error.reason)


def _missing(name: str, want: ImageSpec, have: ImageState) -> str:
    if want.age is None:
        raise HostError(
            f"image {name} is not here, and is declared never to be pulled",
            hint=f"bring it here (docker load, docker pull {name}), or declare another pull_policy",
        )
    if have.trouble:
        return f"is not here, and {have.trouble}"
    return f"is not here, {short(have.offered)}" if have.offered else "is not here"


def _outdated(name: str, want: ImageSpec, have: ImageState) -> str:
    """Return why what is here is not what is wanted, or nothing; raises HostError where it may not be pulled."""
    if have.offered and have.offered not in have.digests:
        return f"the registry has {short(have.offered)} now"
    if _other_platform(have.platform, want.platform):
        why = f"is for {have.platform}, wanted {want.platform}"
        if want.age is None:
            raise HostError(
                f"image {name} {why}, and is declared never to be pulled", hint="bring the other one here"
            )
        return why
    return ""


def _other_platform(found: str, wanted: str) -> bool:
    """Return whether an image is for another machine. Of its variant, the engine takes the best that there is."""
    if "/" not in wanted or not found:
        return False
    return any(
        _MACHINES.get(one, one) != _MACHINES.get(other, other)
        for one, other in zip(found.split("/"), wanted.lower().split("/"), strict=False)
    )


KIND = Image()
