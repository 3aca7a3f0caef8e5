"""What is known of one object of the cluster: what it is, what applying the declared one would change, how it is. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import Final, TypeAlias

from agent.kinds._unknown import Unknown
from agent.kinds.manifest.states import Health
from agent.model import Seen
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(Unknown):
    """What is asked for cannot be had as the cluster is now."""

    everything: bool = False  # no API server is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a dry run of the declared object has shown."""

    why: str = ""  # what is otherwise, for a report; nothing: it is as declared
    seen: Seen | None = field(default=None, compare=False)
    taking: bool = False  # fields that kubectl and the like have left are to be taken over
    replacing: bool = False  # it can only be made anew, and may be


WELL: Final = Health(state="current")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """One object. Where it is not there, only `trial` says something."""

    there: bool = True
    uid: str = ""
    ours: bool = False  # it bears the label of this host
    adopted: bool = False  # it was there before trued
    stays: bool = False  # an annotation on it says that it is never removed
    deleting: bool = False  # somebody has asked for it to go
    finalizers: tuple[str, ...] = ()
    inhabitants: tuple[str, ...] = ()  # of one that is to go: what goes with it, by the names of resources
    trial: Trial = Trial()
    health: Health = WELL
    age: float = field(
        default=0.0, compare=False
    )  # seconds since something has changed in it, or since it is to go


Have: TypeAlias = ObjectState | Silent
