#!/usr/bin/env python3
"""
What Kubernetes objects cost in a cycle with nothing to do: 300 in an API server of its own, declared to trued and to kubectl.

Needs what tests/kube needs, no root. Each contender has the same objects, in namespaces of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import measure
import shop
from contenders import Resident, git
from idle import Reading, read
from measure import Sample, spread

from tests.kube import binaries
from tests.kube.fixtures import missing
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube
from tests.waiting import until

TOP = Path(__file__).parents[1]
APPLY, DIFF = "kubectl apply --server-side (a process)", "kubectl diff --server-side (a process)"
CYCLE, ONCE, PLAN = "trued run (one cycle)", "trued apply (a process)", "trued plan (a process)"
HOSTS = ("once", "resident")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one contender took, and the CPU seconds of the API server meanwhile."""

    own: Sample
    server: float


class Bench:
    """An API server, and what is declared for it."""

    def __init__(self, kube: Kube, scratch: Path, count: int) -> None:
        self.kube, self.scratch, self.count = kube, scratch, count
        self.rows: dict[str, Callable[[], Sample]] = {}
        self.first: dict[str, Run] = {}
        self.memory: tuple[Reading, Reading] | None = (
            None  # of the agent that stays: without objects, and with them
        )

    def add_kubectl(self) -> None:
        """Have kubectl make its objects."""
        folder = shop.write(self.scratch / "kubectl", "kubectl", self.count)
        environment = {"KUBECONFIG": str(self.kube.kubeconfig), "HOME": str(self.scratch)}
        kubectl = str(binaries.folder() / "kubectl")
        words = {
            APPLY: ("apply", "--server-side", "--field-manager=bench", "-f", str(folder)),
            DIFF: ("diff", "--server-side", "--field-manager=bench", "-f", str(folder)),
        }
        for name, said in words.items():
            self.rows[name] = partial(measure.process, (kubectl, *said), environment)
        self.first[APPLY] = self.measured(self.rows[APPLY])

    @contextmanager
    def trued(self) -> Iterator[None]:
        """
        Have trued make its objects; lends all ways of running it.

        The agent that stays is a host of its own, with objects of its own: two would get in each other's way.
        """
        fleet, remote = self.scratch / "fleet", self.scratch / "fleet.git"
        git("init", "-q", "--bare", "-b", "main", str(remote))
        git("-C", str(self.scratch), "init", "-q", "-b", "main", "fleet")
        (fleet / "fleet.yaml").write_text("hosts: [once, resident]\nlayers: ['{host}']\n")
        self._push(fleet, remote)
        with _staying(self._config("resident", remote)) as resident:
            resident.cycle()
            before = read(resident.pid)
            for host in HOSTS:
                shop.write(fleet / host / "manifests/shop", host, self.count)
                entries = {"shop": {"source": "manifests/shop/", "wait": "0s"}}
                (fleet / host / "host.yaml").write_text(json.dumps({"manifests": entries}))
            self._push(fleet, remote)
            environment = {"TRUED_CONFIG": str(self._config("once", remote)), "PYTHONPATH": str(TOP)}
            for name, verb in ((ONCE, "apply"), (PLAN, "plan")):
                argv = (sys.executable, "-m", "agent", verb)
                self.rows[name] = partial(measure.process, argv, environment)
            self.rows[CYCLE] = resident.cycle
            for name in (ONCE, CYCLE):
                self.first[name] = self.measured(self.rows[name])
            yield
            self.memory = before, read(resident.pid)

    def settle(self) -> None:
        """Have all pods run, and wait until the Deployments are available: what changes is looked at anew."""
        namespaces = [name for owner in ("kubectl", *HOSTS) for name in shop.namespaces(owner, self.count)]
        with ExitStack() as stack:
            for name in namespaces:
                stack.enter_context(Kubelet(self.kube, name).working())
            until(self._available, 120)

    def _available(self) -> bool:
        found = self.kube.get("/apis/apps/v1/deployments")["items"]
        return all(one["status"].get("availableReplicas") for one in found)

    def measured(self, run: Callable[[], Sample]) -> Run:
        pid = self.kube.api.pid
        before = read(pid).cpu
        sample = run()
        return Run(own=sample, server=read(pid).cpu - before)

    def _push(self, fleet: Path, remote: Path) -> None:
        git("-C", str(fleet), "add", "-A")
        git("-C", str(fleet), "commit", "-q", "-m", "Declare objects")
        git("-C", str(fleet), "push", "-q", str(remote), "main")

    def _config(self, host: str, remote: Path) -> Path:
        path = self.scratch / f"{host}.yaml"
        settings = {
            "host": host,
            "source": {"url": str(remote)},
            "state_dir": str(self.scratch / f"state-{host}"),
            "kubernetes": {"kubeconfig": str(self.kube.kubeconfig)},
        }
        path.write_text(json.dumps(settings))
        return path


@contextmanager
def _staying(config: Path) -> Iterator[Resident]:
    resident = Resident(config)
    try:
        yield resident
    finally:
        resident.end()


def show(bench: Bench, runs: Mapping[str, list[Run]]) -> None:
    print("| first time, everything is to be made | wall s | CPU s | the API server's CPU s |")
    print("| --- | --: | --: | --: |")
    for name, run in bench.first.items():
        print(f"| {name} | {run.own.wall:.1f} | {run.own.cpu:.2f} | {run.server:.1f} |")
    print(
        "\n| nothing to do | wall ms | of the quickest kubectl's | CPU ms | of it | the API server's CPU ms | of it |"
    )
    print(f"| --- {'| --: ' * 6}|")
    for name, found in runs.items():
        cells = [f"{spread(values, digits=0)} | {share}" for values, share in compared(found, runs)]
        print(f"| {name} | {' | '.join(cells)} |")


def compared(found: list[Run], runs: Mapping[str, list[Run]]) -> Iterator[tuple[list[float], str]]:
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


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=300)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", choices=("trued", "kubectl"), help="leave the other out")
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    options = parser.parse_args()
    if reason := missing():
        print(f"no Kubernetes here: {reason}", file=sys.stderr)
        return 1
    runs: dict[str, list[Run]] = {}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trued-manifests.")))
        kube = Kube(scratch / "kube", binaries.folder())
        stack.callback(kube.close)
        kube.start()
        bench = Bench(kube, scratch, options.objects)
        if options.only != "trued":
            bench.add_kubectl()
        with bench.trued() if options.only != "kubectl" else ExitStack():
            bench.settle()
            for run in bench.rows.values():  # this round warms up
                run()
            since = kube.mark()
            for _ in range(options.runs):
                for name, run in bench.rows.items():
                    runs.setdefault(name, []).append(bench.measured(run))
        done = [write for write in kube.writes(since, by="trued") if not write.dry_run]
    print(f"{options.objects} objects each; {options.runs} runs, medians (lowest-highest)\n")
    show(bench, runs)
    if bench.memory:
        before, after = bench.memory
        print(
            f"\nThe agent that stays: {before.rss / 1024:.1f} MiB of RSS without objects, {after.rss / 1024:.1f} with them."
        )
    if options.json:
        told = {name: [asdict(run) for run in found] for name, found in runs.items()}
        options.json.write_text(json.dumps(told))
    if done:
        print(f"trued has written, though nothing was to do: {done[0].verb} {done[0].path}", file=sys.stderr)
    return 1 if done else 0


if __name__ == "__main__":
    sys.exit(main())
