"""A machine that trued keeps true to a fleet repository: the checkout's own trued, run inside as root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.host.machine.machine import Done, Machine
from tests.host.machine.nspawn import Binding
from tests.host.machine.python import COMMAND
from tests.servers.repo import Fleet, Link, Script, bare, git

CONFIG = "/etc/trued/agent.yaml"
REPOSITORY = "/srv/fleet.git"  # where the machine sees the fleet repository
FLEET = 'hosts: ["edge-*"]\nlayers: [base, "hosts/{host}"]\n'


@dataclass(slots=True, kw_only=True)
class Host:
    """
    One managed machine, and the work tree of its fleet repository.

    `source` and `more` are keys of agent.yaml; `configure` writes it anew. Without them the repository is reached by its
    path, reports go to status/NAME, and everything else is trued's default.
    """

    machine: Machine
    folder: Path  # holds the bare repository and the work tree
    source: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    remote: Path = field(init=False)  # the bare repository, by its path outside

    def __post_init__(self) -> None:
        self.remote = self.folder / "fleet.git"
        self.configure()

    @property
    def fleet(self) -> Fleet:
        return Fleet(self.folder / "fleet")

    def configure(self, **source: Any) -> None:
        """Write agent.yaml, with these keys of `source` changed."""
        text = {
            "host": self.machine.name,
            "source": {"url": f"file://{REPOSITORY}", **self.source, **source},
            **self.more,
        }
        self.machine.put(CONFIG, json.dumps(text), mode=0o600)  # JSON is YAML

    def push(self, files: Mapping[str, str | bytes | Script | Link | None], message: str = "change") -> str:
        """Commit these files (fleet.yaml has a default) and push; return the commit's id."""
        fleet = self.fleet
        if not (fleet.path / "fleet.yaml").exists():
            fleet.write({"fleet.yaml": FLEET})
        sha = fleet.write(files).commit(message)
        fleet.push(self.remote)
        return sha

    def declare(self, state: str | Mapping[str, Any], message: str = "change") -> str:
        """Make this the whole of base/base.yaml and push; return the commit's id."""
        text = state if isinstance(state, str) else json.dumps(state)
        return self.push({"base/base.yaml": text}, message)

    def run(self, *words: str, timeout: float = 120.0, env: Mapping[str, str] = {}) -> Done:
        return self.machine.run(COMMAND, *words, check=False, timeout=timeout, env={"NO_COLOR": "1", **env})

    def trued(self, *words: str, code: int | None = None, timeout: float = 120.0) -> str:
        """Run the command inside; return stdout and stderr together; assert the exit code if one is given."""
        done = self.run(*words, timeout=timeout)
        assert code is None or code == done.code, f"exit {done.code}:\n{done.said}"
        return done.said

    def json(self, *words: str, code: int | None = None, timeout: float = 120.0) -> Any:
        """Run the command with --json; return what it printed on stdout."""
        done = self.run(*words, "--json", timeout=timeout)
        assert code is None or code == done.code, f"exit {done.code}:\n{done.said}"
        return json.loads(done.stdout)

    def apply(self, code: int | None = 0) -> Any:
        """Run `trued apply --json`."""
        return self.json("apply", code=code)

    def plan(self, code: int | None = None) -> Any:
        """Run `trued plan --json`."""
        return self.json("plan", code=code)

    def status(self) -> Any:
        """Return status.json as the newest report on the status branch has it."""
        return json.loads(git("show", f"status/{self.machine.name}:status.json", cwd=self.remote))

    def reports(self) -> list[str]:
        """Return the messages of the status branch, newest first."""
        said = git("log", "--format=%B%x00", f"--branches=status/{self.machine.name}*", cwd=self.remote)
        said = said.strip("\0\n")
        return said.split("\0\n") if said else []


def repository(folder: Path) -> Binding:
    """Make the empty fleet repository in a new folder; return how a machine sees it."""
    bare(folder / "fleet.git")
    return Binding(source=folder / "fleet.git", place=REPOSITORY)
