"""A host in a scratch folder: its own agent.yaml, root and state; the real command run as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.repo import Fleet, git

FLEET = 'hosts: ["edge-*"]\nlayers: [base, "hosts/{host}"]\nvars: {site: berlin}\n'


@dataclass(slots=True)
class Sandbox:
    """One host, and the work tree of its fleet repository; `url` is where that is pushed and pulled."""

    path: Path
    url: str
    push_url: str = ""
    access: Mapping[str, str] = field(default_factory=dict)  # token_file, ca_file, ssh_key, known_hosts
    more: Mapping[str, Any] = field(default_factory=dict)  # other keys of agent.yaml

    def __post_init__(self) -> None:
        (self.path / "root").mkdir(parents=True, exist_ok=True)
        self.configure()

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def config(self) -> Path:
        return self.path / "agent.yaml"

    @property
    def fleet(self) -> Fleet:
        return Fleet(self.path / "fleet")

    def configure(self, **source: Any) -> None:
        """Write agent.yaml anew, with these keys of `source` changed."""
        text = {
            "host": "edge-01",
            "source": {"url": self.url, **self.access, **source},
            "root": str(self.root),
            "state_dir": str(self.path / "state"),
            "interval": "5s",
            **self.more,
        }
        self.config.write_text(json.dumps(text))  # JSON is YAML

    def push(self, files: Mapping[str, Any], message: str = "change") -> str:
        """Commit these files (fleet.yaml has a default) and push; return the commit's id."""
        fleet = self.fleet
        if not (fleet.path / "fleet.yaml").exists():
            fleet.write({"fleet.yaml": FLEET})
        return self._push(fleet.write(files), message)

    def _push(self, fleet: Fleet, message: str) -> str:
        sha = fleet.commit(message)
        fleet.push(self.push_url or self.url)
        return sha

    def argv(self, *args: str) -> Sequence[str]:
        return (sys.executable, "-m", "agent", *args, "--config", str(self.config))

    def trued(self, *args: str, code: int | None = None, env: Mapping[str, str] = {}) -> str:
        """Run the command; return stdout and stderr together; assert the exit code if one is given."""
        done = subprocess.run(
            self.argv(*args),
            env={**os.environ, "NO_COLOR": "1", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        if code is not None:
            assert code == done.returncode, said
        return said

    def json(self, *args: str, code: int | None = None) -> Any:
        """Run the command with --json; return what it printed on stdout."""
        done = subprocess.run(
            self.argv(*args, "--json"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if code is not None:
            assert code == done.returncode, done.stdout + done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def daemon(self, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
        """Run `trued run` as long as the block lasts; `before`: what runs it, with its arguments."""
        log = (self.path / "daemon.log").open("ab")
        process = subprocess.Popen(
            [*before, *self.argv("run")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=15)
            log.close()

    def daemon_log(self) -> str:
        return (self.path / "daemon.log").read_text()

    def status_log(self, bare: Path, branch: str = "status/edge-01") -> list[str]:
        """Return the messages of the status branch, newest first, as the real git prints them; none without one."""
        said = git("log", "--format=%B%x00", f"--branches={branch}*", cwd=bare).strip("\0\n")
        return said.split("\0\n") if said else []

    def status(self, bare: Path, branch: str = "status/edge-01") -> Any:
        return json.loads(git("show", f"{branch}:status.json", cwd=bare))
