"""The parts of the suite: each runs one of the benchmarks, and yields the rows of the table that it fills."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import containers
import files
import latency
import loaded
import manifests
import mixed
import packages
import whole
from contenders import STATES
from daemon_parts import of_clone, of_crowded, of_idle, of_latency, of_poll, part
from files import Outcome
from frame import Measured
from measure import Sample
from pace import Pace
from results import NotHereError, Row

from agent.kinds.package.spec import PRESENT
from tests.kube import binaries

VERBS = {"cycle": "a cycle", "plan": "trued plan", "apply": "trued apply"}
SLOW = ("puppet", "ansible", "salt", "pyinfra")
# Which of trued's ways is held against a tool that is a process of its own.
AGAINST = {"first": "apply", "nothing": "plan", "drift": "apply"}


def of_files(pace: Pace) -> Iterator[Row]:
    for count in (100, 1_000) if pace.quick else (100, 1_000, 10_000):
        slow = pace.pick(1, 2) if count == 1_000 else pace.pick(0, 1)
        runs = pace.pick(3, 3 if count >= files.MANY else 5)
        for done in files.bench(count, STATES, runs, pace.scratch, slow):
            pace.faults.extend(
                f"{name}, {count:,} files, {files.TITLES[done.state]}" for name in done.failed
            )
            yield from _files(done)


def _files(done: Outcome) -> Iterator[Row]:
    """Yield each of trued's ways beside cf-agent, and one of them beside each other tool and the floor."""
    mine = {key: name for name, key in done.keys.items() if key in VERBS}
    rivals = {key: name for name, key in done.keys.items() if key not in VERBS and done.samples[name]}
    for verb, name in mine.items():
        floor = ("floor",) if verb == "cycle" or done.state == "first" else ()
        others = ("cf-agent", *floor, *((*SLOW, "rsync") if AGAINST.get(done.state) == verb else ()))
        for rival in others:
            if rival not in rivals and rival != "cf-agent":
                continue
            yield Row(
                key=f"files/{done.files}/{done.state}/{verb}/{rival}",
                work=f"{done.files:,} files, {files.TITLES[done.state]}: {VERBS[verb]}",
                unit="ms",
                trued=_cpu(done.samples[name]),
                rival=rivals.get(rival, rival).removesuffix(" (a process)"),
                against=_cpu(done.samples[rivals[rival]]) if rival in rivals else (),
            )


def _cpu(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(sample.cpu * 1000 for sample in samples)


def of_packages(pace: Pace) -> Iterator[Row]:
    if not shutil.which("dpkg-query"):
        raise NotHereError("needs dpkg")
    names = packages.installed(50)
    runs = pace.pick(3, 7)
    found = packages.run(names, (PRESENT,), runs, pace.scratch)
    floor = next(name for name in found if name.startswith("floor"))
    titles = {
        "trued run (one cycle)": ("unchanged", "a cycle"),
        "trued, its first cycle": ("changed", "a first cycle"),
    }
    for start, (key, title) in titles.items():
        name = next(name for name in found if name.startswith(start))
        for rival in (floor, *(name for name in found if " (a process)" in name)):
            yield Row(
                key=f"packages/{len(names)}/{key}/{'dpkg-query' if rival == floor else rival.partition(' ')[0]}",
                work=f"{len(names)} packages, nothing to do: {title}",
                unit="ms",
                trued=_cpu(found[name]),
                rival="dpkg-query -W" if rival == floor else rival.removesuffix(" (a process)"),
                against=_cpu(found[rival]),
            )


def of_containers(pace: Pace) -> Iterator[Row]:
    count = pace.pick(10, 100)
    yield from _served(
        "containers", count, lambda: containers.run(count, pace.pick(2, 3)), containers.COMPOSE, pace
    )


def of_manifests(pace: Pace) -> Iterator[Row]:
    if not binaries.built():
        raise NotHereError("Kubernetes is not built yet: python -m tests.kube, four to six minutes")
    count = pace.pick(30, 300)
    run = lambda: manifests.run(count, pace.pick(2, 3), diff=False)  # noqa: E731
    yield from _served("manifests", count, run, manifests.APPLY, pace)


def _served(part: str, count: int, run: Callable[[], Measured], rival: str, pace: Pace) -> Iterator[Row]:
    """Yield the rows of things that a server keeps."""
    try:
        done = run()
    except RuntimeError as error:
        raise NotHereError(str(error)) from error
    pace.faults.extend([done.fault] if done.fault else [])
    key, tool = rival.partition(" ")[0], rival.removesuffix(" (a process)")
    for verb, title in VERBS.items():
        for name in (
            name for name in done.runs if name.startswith(f"trued {'run' if verb == 'cycle' else verb}")
        ):
            yield Row(
                key=f"{part}/{count}/{verb}/{key}",
                work=f"{count} {part}, nothing to do: {title}",
                unit="ms",
                trued=tuple(run.own.cpu * 1000 for run in done.runs[name]),
                rival=tool,
                against=tuple(run.own.cpu * 1000 for run in done.runs[rival]),
            )
    if done.pss:
        yield Row(
            key=f"{part}/{count}/pss",
            work=f"{count} {part}: PSS of the agent",
            unit="MiB",
            trued=(done.pss,),
        )


def of_mixed(pace: Pace) -> Iterator[Row]:
    yield from mixed.rows(pace.pick(2, 7), pace.scratch)


PARTS: Mapping[str, Callable[[Pace], Iterator[Row]]] = {
    "files": of_files,
    "packages": of_packages,
    "mixed": of_mixed,
    "containers": of_containers,
    "manifests": of_manifests,
    **{part(things): partial(of_latency, things) for things in latency.THINGS},
    "idle": of_idle,
    "whole": partial(of_crowded, "whole", whole),
    "loaded": partial(of_crowded, "loaded", loaded),
    "poll": of_poll,
    "clone": of_clone,
}
