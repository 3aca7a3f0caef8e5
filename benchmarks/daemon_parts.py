"""The parts of the suite that are about the daemon: how soon it answers drift, what it costs at rest, what it asks of Git."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import idle
import latency
import poll
from pace import Pace
from repairs import groups
from results import NotHereError, Row, percentile

from tests.servers.git import GitServer, missing_tools

SEED = 6
MANY = 10_000  # files
# How many drifts of each: with --quick, and without. A package takes seconds.
DRIFTS: Mapping[str, tuple[int, int]] = {
    "files": (40, 200),
    "units": (20, 200),
    "containers": (20, 200),
    "packages": (5, 20),
}
IDLE: Mapping[str, tuple[str, str]] = {
    "pss": ("PSS", "MiB"), "rss": ("RSS", "MiB"), "cpu": ("CPU a minute", "ms"), "wakes": ("wake-ups a minute", ""),
}  # fmt: skip


def of_latency(things: str, pace: Pace) -> Iterator[Row]:
    """Yield the rows of one kind of things that drift."""
    count = pace.pick(*DRIFTS[things])
    found = latency.THINGS[things](count, SEED, pace.scratch)
    pace.faults.extend(
        f"a drift of {things}, {one.sort}, was not repaired" for one in found if one.ms is None
    )
    for name, ms in groups(found):
        for share, title in ((0.5, "p50"), (0.99, "p99")):
            yield Row(
                key=f"{part(things)}/{name.replace(' ', '-')}/{title}",
                work=f"drift to repaired, {len(ms)} drifts of {things}, {name}: {title}",
                unit="ms",
                trued=(percentile(ms, share),),
            )


def part(things: str) -> str:
    """Return what the part of the suite is called."""
    return "latency" if things == "files" else f"latency-{things}"


def of_idle(pace: Pace) -> Iterator[Row]:
    settle, seconds = pace.pick(20, 70), pace.pick(60, 120)
    found = idle.run((100, 1_000), settle, seconds, pace.scratch / "idle", many=(MANY,))
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
    # Python takes memory by the MiB: between 100 and 1,000 files, one such step more or less is 1.1 KiB a file.
    more = (found[f"{MANY}/disk"].rss - found["1000/disk"].rss) * 1024 / (MANY - 1_000)
    yield Row(
        key="idle/further",
        work=f"idle, from 1,000 to {MANY:,} files: RSS for each further file",
        unit="KiB",
        trued=(max(0.0, more),),
    )


def of_crowded(kind: str, host: ModuleType, pace: Pace) -> Iterator[Row]:
    """Yield the rows of one daemon that has several kinds in use."""
    found = host.run(pace.pick(20, 70), pace.pick(60, 120), pace.scratch)
    for key, (title, unit) in IDLE.items():
        yield Row(
            key=f"{kind}/{key}",
            work=f"idle, {', '.join(host.named())}: {title}",
            unit=unit,
            trued=(getattr(found, key),),
        )


def of_poll(pace: Pace) -> Iterator[Row]:
    with GitServer(_equipped(pace, "poll")) as server:
        seconds = pace.pick(30, 60)
        mine = poll.poll(server, 1_000, seconds, pace.scratch)
        whole = poll.poll(server, 1_000, seconds, pace.scratch, whole=True)
        _, git = poll.ls_remote(server, pace.pick(3, 7))
        for key, title, unit in (
            ("cpu", "CPU", "ms"),
            ("requests", "requests", ""),
            ("bytes", "bytes without TLS", ""),
        ):
            yield Row(
                key=f"poll/1000/{key}",
                work=f"nothing new over HTTPS, 1,000 files, all that the daemon does for a poll: {title}",
                unit=unit,
                trued=(getattr(mine, key),),
                rival="git ls-remote",
                against=(getattr(git, key),),
            )
        yield Row(
            key="poll/1000/whole",
            work="nothing new over HTTPS, 1,000 files, for a poll with a look at everything: CPU",
            unit="ms",
            trued=(whole.cpu,),
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
