#!/usr/bin/env python3
"""
What packages cost in a cycle with nothing to do: those of this machine, declared as they are. Changes nothing.

Needs dpkg, and for `latest` a machine where nothing is to be upgraded. Beside them stand `ansible` and `puppet` where they are installed, each told of the same packages, and told
to change nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Sample, piece, process, spread

from agent.host.local import Local
from agent.kinds.package import KIND
from agent.kinds.package.spec import LATEST, PRESENT, PackageSpec
from agent.model import DesiredState, Observed, Resource, ResourceId
from agent.reconcile.ledger import Ledger
from agent.reconcile.observe import Situation, observe
from agent.reconcile.plan import make_plan

KINDS = MappingProxyType({"package": KIND})


class Packages:
    """trued with nothing but packages, in this process, as a daemon has them."""

    def __init__(self, names: Sequence[str], version: str, scratch: Path) -> None:
        self.scratch = scratch
        spec = PackageSpec(version=version)
        ids = [ResourceId("package", name) for name in names]
        self.desired = DesiredState(
            commit="",
            resources={id_: Resource(id=id_, spec=spec, digest="", origin="") for id_ in ids},
        )
        self.host = self._host()
        self.observed: Observed = {}

    def again(self) -> None:
        """One more cycle of a daemon, with nothing changed since the last one: what is seen as before is not planned for."""
        observed = observe(self.desired, {}, KINDS, self.host.probe())
        if observed != self.observed:
            self._check(observed)
            self.observed = observed
        tuple(KIND.notices(self.host.probe()))

    def anew(self) -> None:
        """The first cycle: nothing is remembered."""
        self.host, self.observed = self._host(), {}
        self.again()

    def _check(self, observed: Observed) -> None:
        plan = make_plan(Situation(desired=self.desired, observed=observed, ledger=Ledger(), kinds=KINDS))
        if plan.entries:
            raise RuntimeError(f"something is to be done here: {plan.entries[0]}")

    def _host(self) -> Local:
        return Local(Path("/"), self.scratch)


def installed(count: int) -> list[str]:
    """Return names of packages that are installed for their own sake, and so are as declared."""
    with tempfile.TemporaryDirectory() as scratch:
        found = [
            one.name for one in KIND.survey(Local(Path("/"), Path(scratch)).probe()) if one.entry == PRESENT
        ]
    return found[:count]


def contenders(
    names: Sequence[str], versions: Sequence[str], scratch: Path
) -> Mapping[str, Callable[[], Sample]]:
    rows: dict[str, Callable[[], Sample]] = {}
    for version in versions:
        packages = Packages(names, version, scratch)
        packages.again()
        rows[f"trued run (one cycle), {version}"] = partial(piece, packages.again)
        rows[f"trued, its first cycle, {version}"] = partial(piece, packages.anew)
    rows["floor: dpkg-query of all"] = lambda: process(["dpkg-query", "-W"], {})
    if shutil.which("ansible"):
        words = f"name={','.join(names)} state=present"
        argv = ["ansible", "localhost", "-c", "local", "--check", "-m", "apt", "-a", words]
        rows["ansible -m apt --check (a process)"] = lambda: process(
            argv, {"ANSIBLE_LOCALHOST_WARNING": "0"}
        )
    if shutil.which("puppet"):
        manifest = scratch / "packages.pp"
        manifest.write_text("".join(f"package {{ '{name}': ensure => present }}\n" for name in names))
        rows["puppet apply --noop (a process)"] = lambda: process(
            ["puppet", "apply", "--noop", str(manifest)], {}
        )
    return rows


def run(
    names: Sequence[str], versions: Sequence[str], runs: int, scratch: Path
) -> Mapping[str, Sequence[Sample]]:
    """Measure all in turn; the first round warms up. Processes that take seconds run once."""
    time.sleep(2.5)  # what was changed in the last two seconds is not remembered
    rows = contenders(names, versions, scratch)
    samples: dict[str, list[Sample]] = {name: [] for name in rows}
    for turn in range(runs + 1):
        for name, row in rows.items():
            if "(a process)" in name and turn != 1:
                continue
            sample = row()
            if turn:
                samples[name].append(sample)
    return samples


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--versions", nargs="+", choices=(PRESENT, LATEST), default=(PRESENT, LATEST))
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    options = parser.parse_args()
    names = installed(options.packages)
    with tempfile.TemporaryDirectory() as folder:
        samples = run(names, options.versions, options.runs, Path(folder))
    print(f"{len(names)} packages declared, nothing to do; {options.runs} runs\n")
    print("| | CPU ms, median (lowest-highest) |\n| --- | --: |")
    for name, found in samples.items():
        print(f"| {name} | {spread([sample.cpu * 1000 for sample in found], digits=2)} |")
    if options.json:
        told = {name: [sample.cpu for sample in found] for name, found in samples.items()}
        options.json.write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
