#!/usr/bin/env python3
"""
What Kubernetes objects cost in a cycle with nothing to do: 300 in an API server of its own, declared to trued and to kubectl.

Needs what tests/kube needs, no root. Each contender has the same objects, in namespaces of its own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import frame
import measure
import shop
from fleet import HOSTS, Fleet
from frame import Bench, Measured, Run, Runs, staying
from idle import Reading, read
from measure import spread

from tests.kube import binaries
from tests.kube.fixtures import missing
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube
from tests.waiting import until

APPLY, DIFF = "kubectl apply --server-side (a process)", "kubectl diff --server-side (a process)"
CYCLE, ONCE, PLAN = "trued run (one cycle)", "trued apply (a process)", "trued plan (a process)"


def add_kubectl(bench: Bench, kube: Kube, scratch: Path, count: int, *, diff: bool) -> None:
    """Have kubectl make its objects. Its `diff` takes longer than all the others together."""
    folder = shop.write(scratch / "kubectl", "kubectl", count)
    environment = {"KUBECONFIG": str(kube.kubeconfig), "HOME": str(scratch)}
    kubectl = str(binaries.folder() / "kubectl")
    for name, verb in ((APPLY, "apply"), *(((DIFF, "diff"),) if diff else ())):
        argv = (kubectl, verb, "--server-side", "--field-manager=bench", "-f", str(folder))
        bench.rows[name] = partial(measure.process, argv, environment)
    bench.make(APPLY)


@contextmanager
def trued(bench: Bench, kube: Kube, scratch: Path, count: int) -> Iterator[tuple[int, Reading]]:
    """
    Have trued make its objects; lends all ways of running it, and says who stays, and what it held without objects.

    The agent that stays is a host of its own, with objects of its own: two would get in each other's way.
    """
    more = {"kubernetes": {"kubeconfig": str(kube.kubeconfig)}}
    fleet = Fleet(top=scratch, remote=scratch / "fleet.git", more=more)
    fleet.start("['{host}']")
    fleet.push("Declare nothing")
    with staying(fleet.config("resident")) as resident:
        resident.cycle()
        before = read(resident.pid)
        for host in HOSTS:
            shop.write(fleet.work / host / "manifests/shop", host, count)
            fleet.declare({"manifests": {"shop": {"source": "manifests/shop/", "wait": "0s"}}}, host)
        fleet.push("Declare objects")
        bench.rows[ONCE], bench.rows[PLAN] = fleet.verb("apply"), fleet.verb("plan")
        bench.rows[CYCLE] = resident.cycle
        for name in (ONCE, CYCLE):
            bench.make(name)
        yield resident.pid, before


def settle(kube: Kube, count: int) -> None:
    """Have all pods run, and wait until the Deployments are available: what changes is looked at anew."""
    names = [name for owner in ("kubectl", *HOSTS) for name in shop.namespaces(owner, count)]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(Kubelet(kube, name).working())
        until(lambda: _available(kube), 120)


def _available(kube: Kube) -> bool:
    found = kube.get("/apis/apps/v1/deployments")["items"]
    return all(one["status"].get("availableReplicas") for one in found)


def run(count: int, runs: int, only: str | None = None, *, diff: bool = True) -> Measured:
    """Measure; raises RuntimeError where there is no Kubernetes."""
    if reason := missing():
        raise RuntimeError(f"no Kubernetes here: {reason}")
    note, pss = "", 0.0
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trued-manifests.")))
        kube = Kube(scratch / "kube", binaries.folder())
        stack.callback(kube.close)
        kube.start()
        bench = Bench(pid=lambda: kube.api.pid)
        if only != "trued":
            add_kubectl(bench, kube, scratch, count, diff=diff)
        stays = stack.enter_context(trued(bench, kube, scratch, count)) if only != "kubectl" else None
        settle(kube, count)
        bench.warm()
        since = kube.mark()
        found = bench.rounds(runs)
        if stays:
            pid, before = stays
            pss = read(pid).pss / 1024
            note = (
                f"The agent that stays: {before.rss / 1024:.1f} MiB of RSS without objects, "
                f"{read(pid).rss / 1024:.1f} with them."
            )
        done = [write for write in kube.writes(since, by="trued") if not write.dry_run]
    fault = f"trued has written, though nothing was to do: {done[0].verb} {done[0].path}" if done else ""
    return Measured(first=bench.first, runs=found, fault=fault, note=note, pss=pss)


def show(measured: Measured) -> None:
    print("| first time, everything is to be made | wall s | CPU s | the API server's CPU s |")
    print("| --- | --: | --: | --: |")
    for name, first in measured.first.items():
        print(f"| {name} | {first.own.wall:.1f} | {first.own.cpu:.2f} | {first.server:.1f} |")
    print(
        "\n| nothing to do | wall ms | of the quickest kubectl's | CPU ms | of it | the API server's CPU ms | of it |"
    )
    print(f"| --- {'| --: ' * 6}|")
    for name, found in measured.runs.items():
        cells = [f"{spread(values, digits=0)} | {share}" for values, share in compared(found, measured.runs)]
        print(f"| {name} | {' | '.join(cells)} |")
    if measured.note:
        print(f"\n{measured.note}")


def compared(found: Sequence[Run], runs: Runs) -> Iterator[tuple[list[float], str]]:
    """Yield the milliseconds of each measure, and the median of their ratios to the better of kubectl's two, round by round."""
    measures: tuple[Callable[[Run], float], ...] = (
        lambda run: run.own.wall,
        lambda run: run.own.cpu,
        lambda run: run.server,
    )
    rivals = [runs[name] for name in (APPLY, DIFF) if name in runs]
    for value in measures:
        best = [min(map(value, turn)) for turn in zip(*rivals, strict=True)]
        shares = [value(one) / other for one, other in zip(found, best, strict=False) if other]
        yield [value(run) * 1000 for run in found], f"{statistics.median(shares):.3f}" if shares else ""


if __name__ == "__main__":
    sys.exit(frame.main(__doc__, run, show, things="objects", count=300, rival="kubectl"))
