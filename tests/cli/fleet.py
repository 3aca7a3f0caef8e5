"""A host in a box: a real fleet repository, a real bare remote, agent.yaml, and the command run in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from tests.servers.repo import git

TOP = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What one run of the command said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Box:
    """Everything that one host needs, below one folder. Its name is edge-01."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.fleet, self.remote = folder / "fleet", folder / "remote.git"
        self.root, self.state = folder / "root", folder / "state"
        self.config = folder / "agent.yaml"
        self.root.mkdir()
        self.write("fleet.yaml", 'hosts: [edge-01]\nlayers: [base, "hosts/{host}"]\nvars: {site: berlin}\n')
        self.configure()
        self.git("init", "-q", "--bare", "-b", "main", str(self.remote), cwd=folder)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", str(self.remote))

    def configure(self, more: str = "") -> None:
        self.config.write_text(
            f"host: edge-01\nsource: {{url: {self.remote}}}\nroot: {self.root}\nstate_dir: {self.state}\n{more}"
        )

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run the real git; in the fleet repository unless said."""
        return git(*words, cwd=cwd or self.fleet)

    def write(self, path: str, text: str) -> None:
        target = self.fleet / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def push(self, **files: str) -> str:
        """Commit a base layer of these files under /etc, and push it; return the commit."""
        entries = "".join(
            f"  /etc/{name}: {{content: {json.dumps(text)}}}\n" for name, text in files.items()
        )
        return self.push_document(f"files:\n{entries}" if files else "")

    def push_document(self, text: str) -> str:
        self.write("base/base.yaml", text)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        self.git("push", "-q", "origin", "main")
        return self.git("rev-parse", "HEAD").strip()

    def trued(self, *words: str) -> Said:
        """Run the command in this process."""
        self._capsys.readouterr()
        code = main(["--config", str(self.config), *words])
        said = self._capsys.readouterr()
        return Said(code, said.out, said.err)

    def process(self, *words: str, before: Sequence[str] = ()) -> Said:
        """Run the command as a process of its own, by way of the command that stands before."""
        argv = [*before, sys.executable, "-m", "agent", *words]
        env = os.environ | {"PYTHONPATH": str(TOP), "TRUED_CONFIG": str(self.config)}
        answer = subprocess.run(argv, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        return Said(answer.returncode, answer.stdout, answer.stderr)

    def file(self, name: str) -> str:
        return (self.root / "etc" / name).read_text()

    def subjects(self) -> list[str]:
        """Return the subjects on the status branch, oldest first; none while there is no branch."""
        return self.git(
            "log", "--reverse", "--format=%s", "--branches=status/edge-01*", cwd=self.remote
        ).splitlines()
