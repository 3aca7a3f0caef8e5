"""What follows from a container about its image: a thing of its own, pulled before anything is stopped. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import Final

from agent.host.servers import Engine
from agent.kinds._engine.references import pinned, repository
from agent.model import Json
from agent.values import dataclass

NEVER_AGAIN: Final = -1.0  # seconds: what is here is not asked for once more
SOON: Final = 60.0  # seconds: how long an answer is fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """
    An image that a container needs, by its reference (the name of the thing); or, in a document, what becomes of the others.

    `age` None: never pulled. Less than 0: pulled when it is missing. Else the registry is asked what the reference stands
    for once so many seconds have gone by, and what is newer is pulled.
    """

    prune: bool = field(
        default=False, metadata={"doc": "whether images that trued pulled, and nothing uses, are removed"}
    )
    implied: bool = field(default=False, metadata={"hidden": True})
    age: float | None = field(default=NEVER_AGAIN, metadata={"hidden": True})
    platform: str = field(default="", metadata={"hidden": True})


def digests_of(image: Json, reference: str) -> frozenset[str]:
    """Return the digests by which the repository of a reference knows an image that is here."""
    place = repository(reference)
    known = (one.partition("@") for one in image.get("RepoDigests") or ())
    return frozenset(digest for where, _, digest in known if repository(where) == place)


def newest(engine: Engine, reference: str, age: float | None, here: frozenset[str]) -> str:
    """
    Return the digest that a registry has for a reference; nothing where that is not of interest, or it does not tell.

    `here`: those of the image that is here. Raises HostError where the registry does not answer.
    """
    if age is None or age < 0 or pinned(reference):
        return ""
    offered = engine.digest(reference, age=age)
    # What is here may have been pulled by hand since: only a fresh answer is a reason to pull.
    return engine.digest(reference, age=min(age, SOON)) if offered and offered not in here else offered
