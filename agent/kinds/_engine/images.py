"""What follows from a container about its image: a thing of its own, pulled before anything is stopped. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.host import Engine

NEVER_AGAIN: Final = -1.0  # seconds: what is here is not asked for once more


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


def newer(engine: Engine, reference: str, age: float | None) -> str:
    """
    Return the digest that a registry has for a reference, if the image that is here is another one; or nothing.

    Raises HostError where the registry does not answer. Of what is not here, or is not to be asked for again: nothing.
    """
    image = engine.image(reference)
    if image is None or age is None or age < 0:
        return ""
    digest = engine.digest(reference, age=age)
    here = {one.partition("@")[2] for one in image.get("RepoDigests") or ()}
    return "" if digest in here else digest
