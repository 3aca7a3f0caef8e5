"""What is to be done about one package, given what is declared and what is there. Pure."""

from __future__ import annotations

from typing import Final

from agent.errors import HostError
from agent.kinds import NotYetError
from agent.kinds._words import UNDECLARED
from agent.kinds.package.manager import Hints, Installed, Offer, Order
from agent.kinds.package.managers import MANAGERS
from agent.kinds.package.spec import LATEST, PackageSpec
from agent.kinds.package.state import State
from agent.model import few
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done; nothing if it is all empty."""

    order: Order | None = None
    purge: bool = False
    hold: bool | None = None  # the mark to set
    release: bool = False  # a mark is in the way, and is taken away first
    keep: bool = False  # it counts as somebody's dependency
    look: bool = False  # the index has to be read anew first
    why: str = ""


NOTHING: Final = Decision()


def decide(name: str, want: PackageSpec | None, have: State) -> Decision:
    """Return what is to be done; raises HostError where nothing leads there."""
    if want is None or want.absent:
        return _absence(name, want, have)
    one = have.installed if have.installed and have.installed.there else None
    if one is None and have.provided_by:
        return _provided(name, want, have)
    version, why = _target(name, want, one, have)
    if not why:
        return _marks(want, one, have)
    if not version:
        return _blind(name, want, why)
    older = one is not None and _is_older(version, one, have.offer)
    held = have.installed is not None and have.installed.held
    if held and want.hold is None:
        raise HostError(
            f"{name} is held on this host, and {why}",
            hint=f"{_way_out(have).unhold.format(name)}, or declare hold: true or hold: false",
        )
    again = one is not None and one.reinstall
    order = Order(name=name, version=version, recommends=want.recommends, downgrade=older, again=again)
    return Decision(order=order, hold=want.hold or None, release=held, why=why)


def _blind(name: str, want: PackageSpec, why: str) -> Decision:
    """Return what will probably be done once the index has been read anew: of a glob nobody can say that."""
    order = Order(name=name, version=want.version if want.is_exact else "", recommends=want.recommends)
    return Decision(order=None if want.is_glob else order, look=True, why=why)


def _absence(name: str, want: PackageSpec | None, have: State) -> Decision:
    one = have.installed
    purge = want is not None and want.purge
    if one is None or not one.there:
        if want is not None and have.provided_by:
            raise HostError(
                f"{name} is a virtual package, provided by {few(have.provided_by)}: declare these absent"
            )
        return Decision(purge=True, why="its configuration is left") if purge and one else NOTHING
    if have.vital:
        raise HostError(
            f"{name} is essential to this host or to trued: trued does not remove it", hint=_BY_HAND
        )
    if one.held and want is not None:
        raise HostError(
            f"{name} {one.version} is held on this host", hint=_way_out(have).unhold.format(name)
        )
    why = UNDECLARED if want is None else f"{one.version} is installed"
    return Decision(order=Order(name=name, remove=True), purge=purge, release=one.held, why=f"{why}: remove")


_BY_HAND: Final = "whoever really wants that does it by hand"


def _provided(name: str, want: PackageSpec, have: State) -> Decision:
    if want.is_exact or want.hold is not None:
        raise HostError(
            f"{name} is a virtual package, provided by {few(have.provided_by)}: it has no version and no hold",
            hint="declare the package that provides it",
        )
    return NOTHING


def _marks(want: PackageSpec, one: Installed | None, have: State) -> Decision:
    """Return what is left to do for something that is installed as it is to be."""
    if one is None:
        return NOTHING
    hold = want.hold if want.hold is not None and want.hold != one.held else None
    reasons = {
        "is not held": hold is True,
        "is held": hold is False,
        "is marked as installed for others only": one.auto,
        "the index is to be read anew": have.unread,
    }
    return Decision(
        hold=hold,
        keep=one.auto,
        look=have.unread,
        why=", ".join(why for why, holds in reasons.items() if holds),
    )


def _target(name: str, want: PackageSpec, one: Installed | None, have: State) -> tuple[str, str]:
    """Return the version to install, and why; no reason: nothing is to be installed."""
    if one is not None and want.fits(one.version):
        if one.whole and want.version != LATEST:
            return "", ""
        if not one.whole and not one.reinstall:
            return one.version, f"is {one.trouble}: configure {one.version}"
    version = _offered(name, want, have)
    if one is None:
        unknown = "missing, and unknown to the index, which is read anew first"
        return version, f"missing: install {version}" if version else unknown
    if not version:
        return "", f"{one.version} is installed, {want.version} is wanted: the index is read anew first"
    if not one.whole:
        return version, f"is {one.trouble}: install {version}"
    return ("", "") if version == one.version else (version, _move(name, want, one, version, have.offer))


def _move(name: str, want: PackageSpec, one: Installed, version: str, offer: Offer | None) -> str:
    """Return why one version takes the place of another; raises HostError where nobody asked to go back."""
    older = _is_older(version, one, offer)
    if older and want.version == LATEST:
        raise HostError(
            f"{name} {one.version} is installed, and {version} is what the host's settings prefer: that is older",
            hint=f'declare version: "{version}" to go back to it',
        )
    verb = "downgrade" if older else "upgrade"
    return f"{one.version} is installed, wanted {want.version}: {verb} to {version}"


def _offered(name: str, want: PackageSpec, have: State) -> str:
    """Return the version that the index has for this; empty where it has to be read anew first."""
    offer = have.offer
    version = fitting(want, offer) if offer else ""
    if version or have.unread or not have.asked:
        return version
    dated = f" (read on {have.dated})" if have.dated else ", which was never read"
    if offer is None:
        hint = f"did you mean {few(have.near)}?" if have.near else "is its repository declared?"
        raise NotYetError(f"there is no package {name} in the index{dated}", hint=hint)
    if offer.virtual and have.near:
        raise NotYetError(
            f"{name} is a virtual package", hint=f"declare one that provides it: {few(have.near)}"
        )
    if not offer.versions:
        raise NotYetError(
            f"no source has a version of {name}{dated}",
            hint=f"it may have been withdrawn; see {_way_out(have).offers.format(name)}",
        )
    if want.is_exact:
        raise NotYetError(
            f"no source has {name} {want.version}; there is {few(offer.versions)}{dated}",
            hint="declare one of these, or a source that has it",
        )
    raise NotYetError(
        f"the host's settings prefer no version of {name}, of {few(offer.versions)}",
        hint=f"see {_way_out(have).offers.format(name)} for the pins",
    )


def fitting(want: PackageSpec, offer: Offer) -> str:
    """Return the version of those on offer that is asked for, or nothing."""
    if not want.is_exact:
        return offer.candidate
    found = [version for version in offer.versions if want.fits(version)]
    return offer.candidate if offer.candidate in found else next(iter(found), "")


def _is_older(version: str, one: Installed, offer: Offer | None) -> bool:
    """Return whether a version is older: the index has them in order, newest first, the installed one among them."""
    order = offer.order if offer else ()
    if version not in order or one.version not in order:
        return False
    return order.index(version) > order.index(one.version)


def _way_out(have: State) -> Hints:
    return MANAGERS[have.manager].hints
