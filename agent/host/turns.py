"""What it means to do jobs: one after the other, none that needs one that failed. Decides; what it is given acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.bugs import contained
from agent.errors import HostError
from agent.host import Job
from agent.model import Step


def in_turn(perform: Callable[[Step], None], jobs: Sequence[Job]) -> Mapping[int, HostError | None]:
    """Do jobs one after the other; return what each met with, by its place. What needs one that failed is not tried."""
    met: dict[int, HostError | None] = {}
    for at, job in enumerate(jobs):
        if not ready(job, met):
            continue
        met[at] = None
        try:
            with contained:
                for step in job.steps:
                    perform(step)
        except HostError as error:
            met[at] = error
    return met


def ready(job: Job, met: Mapping[int, HostError | None]) -> bool:
    """Return whether all that a job needs was done, and went well."""
    return all(need in met and met[need] is None for need in job.needs)
