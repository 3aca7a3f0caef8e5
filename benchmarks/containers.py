#!/usr/bin/env python3
"""
What containers cost in a cycle with nothing to do: 100 of them in a dockerd of its own, declared to trued and to docker-compose.

Needs root, and what tests/servers/packages.txt names. Both hold the same: a busybox that sleeps, in a network of its project.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import measure
from contenders import Resident, git
from idle import read
from measure import Sample, spread

from tests.engine import images
from tests.engine.cell import Cell
from tests.engine.docker import Docker
from tests.engine.fixtures import missing
from tests.host.machine import slot

TOP = Path(__file__).parents[1]
COMPOSE = "docker-compose up -d (a process)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one contender took, and the CPU seconds of dockerd meanwhile."""

    own: Sample
    engine: float


class Bench:
    """A dockerd, and what is declared for it."""

    def __init__(self, docker: Docker, scratch: Path, count: int) -> None:
        self.docker, self.scratch, self.count = docker, scratch, count
        self.rows: dict[str, Callable[[], Sample]] = {}
        self.first: dict[str, Sample] = {}

    def add_compose(self) -> None:
        """Have docker-compose start its containers."""
        file = self.scratch / "compose.yaml"
        file.write_text(json.dumps({"version": "2.4", "services": self._declared("compose")}))
        argv = ("docker-compose", "--project-name", "bench", "--file", str(file), "up", "--detach")
        # With its usual limit of 64 it waits for itself for ever, now and then, when there are more services than that.
        limit = str(max(64, 4 * self.count))
        up = partial(
            measure.process,
            argv,
            {"DOCKER_HOST": f"unix://{self.docker.socket}", "COMPOSE_PARALLEL_LIMIT": limit},
        )
        self.first[COMPOSE] = up()
        self.rows[COMPOSE] = up

    @contextmanager
    def trued(self) -> Iterator[None]:
        """
        Have trued make its containers; lends both ways of running it.

        The agent that stays is a host of its own, with the same containers: two would get in each other's way.
        """
        fleet, remote = self.scratch / "fleet", self.scratch / "fleet.git"
        (fleet / "base").mkdir(parents=True)
        (fleet / "fleet.yaml").write_text("hosts: [once, resident]\nlayers: [base]\n")
        (fleet / "base/base.yaml").write_text(json.dumps({"containers": self._declared("trued")}))
        git("init", "-q", "--bare", "-b", "main", str(remote))
        git("-C", str(fleet), "init", "-q", "-b", "main")
        git("-C", str(fleet), "add", "-A")
        git("-C", str(fleet), "commit", "-q", "-m", "Declare containers")
        git("-C", str(fleet), "push", "-q", str(remote), "main")
        apply = partial(
            measure.process,
            (sys.executable, "-m", "agent", "apply"),
            {"TRUED_CONFIG": str(self._config("once", remote)), "PYTHONPATH": str(TOP)},
        )
        self.first["trued apply (a process)"] = apply()
        resident = Resident(self._config("resident", remote))
        try:
            resident.cycle()  # fills what a running daemon holds
            self.rows["trued run (one cycle)"] = resident.cycle
            self.rows["trued apply (a process)"] = apply
            yield
        finally:
            resident.end()

    def known(self) -> Mapping[str, str]:
        """Return the containers that run, and since when."""
        found = self.docker.api.containers(filters={"status": "running"})
        names = [one["Names"][0] for one in found]
        return {name: self.docker.api.inspect_container(name)["State"]["StartedAt"] for name in names}

    def measured(self, run: Callable[[], Sample]) -> Run:
        pid = self.docker.pid
        before = read(pid).cpu
        sample = run()
        return Run(own=sample, engine=read(pid).cpu - before)

    def _declared(self, owner: str) -> Mapping[str, object]:
        one = {"image": images.STOCK[0].name, "command": ["sleep", "infinity"], "restart": "unless-stopped"}
        names = [f"{owner}-{number:03}" for number in range(self.count)]
        return {name: {**one, "container_name": name} if owner == "compose" else one for name in names}

    def _config(self, host: str, remote: Path) -> Path:
        path = self.scratch / f"{host}.yaml"
        settings = {
            "host": host,
            "source": {"url": str(remote)},
            "state_dir": str(self.scratch / f"state-{host}"),
            "engine": {"socket": str(self.docker.socket)},
        }
        path.write_text(json.dumps(settings))
        return path


def show(bench: Bench, runs: Mapping[str, list[Run]]) -> None:
    print("| first time, everything is to be made | wall s | CPU s |\n| --- | --: | --: |")
    for name, sample in bench.first.items():
        print(f"| {name} | {sample.wall:.1f} | {sample.cpu:.2f} |")
    print(
        "\n| nothing to do | wall ms | CPU ms | of docker-compose's CPU | dockerd's CPU ms |"
        "\n| --- | --: | --: | --: | --: |"
    )
    for name, found in runs.items():
        wall, cpu = (spread([value * 1000 for value in values]) for values in columns(found))
        share = ratio(found, runs.get(COMPOSE, []))
        engine = spread([run.engine * 1000 for run in found], digits=0)
        print(f"| {name} | {wall} | {cpu} | {share} | {engine} |")


def columns(runs: list[Run]) -> tuple[list[float], list[float]]:
    return [run.own.wall for run in runs], [run.own.cpu for run in runs]


def ratio(runs: list[Run], others: list[Run]) -> str:
    """Return the median of the ratios round by round; empty without the others."""
    pairs = [one.own.cpu / other.own.cpu for one, other in zip(runs, others, strict=False)]
    return f"{statistics.median(pairs):.2f}" if pairs else ""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", choices=("trued", "docker-compose"), help="leave the other out")
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    options = parser.parse_args()
    if reason := missing():
        print(f"no engine here: {reason}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        taken = stack.enter_context(slot.take())
        docker = Docker(stack.enter_context(Cell(taken)))
        docker.start()
        docker.load(images.STOCK[0])
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trued-containers.")))
        bench = Bench(docker, scratch, options.containers)
        if options.only != "trued":
            bench.add_compose()
        if options.only != "docker-compose":
            stack.enter_context(bench.trued())
        time.sleep(2.5)  # what has just changed is not remembered
        known, runs = bench.known(), dict[str, list[Run]]()
        for turn in range(options.runs + 1):
            for name, run in bench.rows.items():
                done = bench.measured(run)
                if turn:  # the first round warms up
                    runs.setdefault(name, []).append(done)
        print(f"{options.containers} containers each; {options.runs} runs, medians (lowest-highest)\n")
        show(bench, runs)
        if bench.known() != known:
            print("something was done to the containers, though nothing was to do", file=sys.stderr)
            return 1
    if options.json:
        options.json.write_text(
            json.dumps({name: [asdict(run) for run in found] for name, found in runs.items()})
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
