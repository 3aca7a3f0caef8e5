"""The parts of the suite: each runs one of the benchmarks, and yields the rows of the table that it fills."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import containers
import files
import idle
import latency
import loaded
import manifests
import mixed
import packages
import poll
from contenders import STATES
from files import Outcome
from frame import Measured
from measure import Sample
from results import NotHereError, Row, percentile

from agent.kinds.package.spec import PRESENT
from tests.kube import binaries
from tests.servers.git import GitServer, missing_tools

VERBS = {"cycle": "a cycle", "plan": "trued plan", "apply": "trued apply"}
IDLE: Mapping[str, tuple[str, str]] = {
    "pss": ("PSS", "MiB"), "rss": ("RSS", "MiB"), "cpu": ("CPU a minute", "ms"), "wakes": ("wake-ups a minute", ""),
}  # fmt: skip
SLOW = ("puppet", "ansible", "salt", "pyinfra")
# Which of trued's ways is held against a tool that is a process of its own.
AGAINST = {"first": "apply", "nothing": "plan", "drift": "apply"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long the suite may take, and where. `faults` gets what was not as it should be afterwards."""

    quick: bool
    scratch: Path
    faults: list[str]

    def pick(self, quick: int, full: int) -> int:
        return quick if self.quick else full


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


def of_latency(pace: Pace) -> Iterator[Row]:
    count = pace.pick(40, 200)
    found = latency.run(count, 6, pace.scratch)
    pace.faults.extend(f"a drift of {one.sort} was not repaired" for one in found if one.ms is None)
    for name, some in latency.groups(found):
        if ms := latency.times(some):
            for share, title in ((0.5, "p50"), (0.99, "p99")):
                yield Row(
                    key=f"latency/{'files' if name == 'all' else name.replace(' ', '-')}/{title}",
                    work=f"drift to repaired, {len(ms)} drifts of files, {name}: {title}",
                    unit="ms",
                    trued=(percentile(ms, share),),
                )


def of_loaded(pace: Pace) -> Iterator[Row]:
    found = loaded.run(pace.pick(20, 70), pace.pick(60, 120), pace.scratch)
    for key, (title, unit) in IDLE.items():
        yield Row(
            key=f"loaded/{key}",
            work=f"idle, {', '.join(loaded.named())}: {title}",
            unit=unit,
            trued=(getattr(found, key),),
        )


def of_idle(pace: Pace) -> Iterator[Row]:
    settle, seconds = pace.pick(20, 70), pace.pick(60, 120)
    found = idle.run((100, 1_000), settle, seconds, pace.scratch / "idle")
    rival = found.get(idle.CFENGINE)
    for name in (name for name in found if name != idle.CFENGINE):
        count, _, way = name.partition("/")
        for key, (title, unit) in IDLE.items():
            yield Row(
                key=f"idle/{name}/{key}",
                work=f"idle, {int(count):,} files, repository {'over HTTPS' if way == 'https' else 'on the disk'}: {title}",
                unit=unit,
                trued=(getattr(found[name], key),),
                rival=idle.CFENGINE if rival else "",
                against=(getattr(rival, key),) if rival else (),
            )
    more = (found["1000/disk"].rss - found["100/disk"].rss) * 1024 / 900
    yield Row(
        key="idle/further", work="idle: RSS for each further file", unit="KiB", trued=(max(0.0, more),)
    )


def of_poll(pace: Pace) -> Iterator[Row]:
    with GitServer(_equipped(pace, "poll")) as server:
        mine = poll.poll(server, 1_000, pace.pick(20, 60), pace.scratch)
        _, git = poll.ls_remote(server, pace.pick(3, 7))
        for key, title, unit in (
            ("cpu", "CPU", "ms"),
            ("requests", "requests", ""),
            ("bytes", "bytes without TLS", ""),
        ):
            yield Row(
                key=f"poll/1000/{key}",
                work=f"nothing new over HTTPS, 1,000 files, all that the daemon does: {title}",
                unit=unit,
                trued=(getattr(mine, key),),
                rival="git ls-remote",
                against=(getattr(git, key),),
            )


def of_clone(pace: Pace) -> Iterator[Row]:
    hosts = pace.pick(2_000, 10_000)
    with GitServer(_equipped(pace, "clone")) as server:
        found = poll.bring(server, hosts, pace.pick(1, 3), pace.scratch)
    for mine, other, key in (
        ("trued, first clone", "git clone --depth 1", "first"),
        ("trued, a commit for another host", "git fetch", "fetch"),
    ):
        title = mine.removeprefix("trued, ")
        for what, unit, values in (
            ("CPU", "ms", lambda one: one.sample.cpu * 1000),
            ("down", "KiB", lambda one: one.down / 1024),
        ):
            yield Row(
                key=f"clone/{hosts}/{key}/{what.lower()}",
                work=f"a fleet of {hosts:,} hosts, {title}: {what}",
                unit=unit,
                trued=tuple(map(values, found[mine])),
                rival=other,
                against=tuple(map(values, found[other])),
            )


def _equipped(pace: Pace, name: str) -> Path:
    if missing := missing_tools():
        raise NotHereError(f"no Git server here: missing {', '.join(missing)}")
    return Path(tempfile.mkdtemp(prefix=f"{name}.", dir=pace.scratch))


PARTS: Mapping[str, Callable[[Pace], Iterator[Row]]] = {
    "files": of_files,
    "packages": of_packages,
    "mixed": of_mixed,
    "containers": of_containers,
    "manifests": of_manifests,
    "latency": of_latency,
    "idle": of_idle,
    "loaded": of_loaded,
    "poll": of_poll,
    "clone": of_clone,
}
