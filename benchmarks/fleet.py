"""A fleet repository below a scratch folder, with its remote, the hosts' own files, and the ways of running trued on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import measure
from measure import Sample

TOP = Path(__file__).parents[1]
HOSTS = ("once", "resident")  # two agents on one host would get in each other's way


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """
    The work tree is `top`/fleet, and what is managed may be below `top` as well.

    `source` says how hosts get to the remote where that is not its path, `more` what else stands in their agent.yaml.
    """

    top: Path
    remote: Path
    source: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.top / "fleet"

    def start(self, layers: str = "[base]") -> None:
        """Make both repositories, the remote if it is not there."""
        self.work.mkdir(parents=True, exist_ok=True)
        (self.work / "fleet.yaml").write_text(f"hosts: [{', '.join(HOSTS)}]\nlayers: {layers}\n")
        if not self.remote.exists():
            git("init", "-q", "--bare", "-b", "main", str(self.remote))
        git("-C", str(self.work), "init", "-q", "-b", "main")

    def push(self, message: str) -> None:
        """Commit all there is, and push it."""
        git("-C", str(self.work), "add", "-A")
        git("-C", str(self.work), "commit", "-q", "-m", message)
        git("-C", str(self.work), "push", "-q", str(self.remote), "main")

    def declare(self, state: Mapping[str, object], layer: str = "base") -> None:
        """Write what a layer says; JSON is YAML."""
        (self.work / layer).mkdir(parents=True, exist_ok=True)
        (self.work / layer / "state.yaml").write_text(json.dumps(state))

    def config(self, host: str) -> Path:
        """Write the agent.yaml of a host, and return where it is."""
        path = self.top / f"{host}.yaml"
        source = {"url": str(self.remote), **self.source}
        settings = {"host": host, "source": source, "state_dir": str(self.state(host)), **self.more}
        path.write_text(json.dumps(settings))
        return path

    def state(self, host: str) -> Path:
        return self.top / f"state-{host}"

    def verb(self, verb: str, host: str = "once") -> Callable[[], Sample]:
        """Return what runs the whole command, as a process."""
        argv = (sys.executable, "-m", "agent", verb)
        return partial(measure.process, argv, environment(self.config(host)))


def environment(config: Path) -> dict[str, str]:
    """Return what the command needs to be this checkout's, for the host of this agent.yaml."""
    return {"TRUED_CONFIG": str(config), "PYTHONPATH": str(TOP)}


def git(*words: str) -> None:
    names = {
        f"GIT_{role}_{what}": "bench@localhost"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(("git", *words), env={**os.environ, **names}, check=True)
