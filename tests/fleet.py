"""
A host that trued keeps true: this machine itself, by trued's own code and a repository of its own.

Its root is /, since elsewhere trued asks no engine and no Kubernetes. So what a test declares stays in the engine or the
namespace that it has, and below its folder.
"""

from __future__ import annotations

import io
import json
import logging
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.cli import main
from tests.e2e.sandbox import Sandbox
from tests.servers.repo import bare, git
from tests.waiting import until


class HasSocket(Protocol):
    @property
    def socket(self) -> Path: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(slots=True)
class Service:
    """A `trued run` that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    def look(self) -> None:
        """Have it ask Git and look at the host, now."""
        self.process.send_signal(signal.SIGHUP)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End it at whatever it is doing."""
        self.process.kill()
        self.process.wait()


@dataclass(slots=True)
class Fleet(Sandbox):
    """
    `path` is its scratch folder, and all but `root` as in a sandbox of tests/e2e; `remote` is the bare repository.

    Verbs run in this process, a service and what `process` starts are processes of their own.
    """

    @classmethod
    def of(cls, folder: Path, engine: HasSocket | None, /, **more: Any) -> Fleet:
        """Make the host and its repository; `more` are keys of agent.yaml."""
        known = {"engine": {"socket": str(engine.socket)}} if engine else {}
        remote = bare(folder / "fleet.git")
        return cls(folder / "host", remote, more={"root": "/", **known, **more})

    @property
    def remote(self) -> Path:
        return self.path.parent / "fleet.git"

    @property
    def host(self) -> str:
        """Its name in the fleet."""
        return str(self.more.get("host", "edge-01"))

    def declare(self, state: Mapping[str, Any] | str, files: Mapping[str, Any] = {}) -> str:
        """Make this the whole of base/base.yaml, add files to the repository, and push; return the commit's id."""
        text = state if isinstance(state, str) else json.dumps(state)
        return self.push({"base/base.yaml": text, **files})

    def run(self, *words: str) -> Done:
        """Run a verb in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with _root_logger(), redirect_stdout(out), redirect_stderr(err):
            code = main([*words, "--config", str(self.config)])
        for stream in (out, err):
            stream.seek(0)
        return Done(code=code, out=out.read(), err=err.read())

    def trued(self, *words: str, code: int | None = None, env: Mapping[str, str] = {}) -> str:
        """Run a verb; return stdout and stderr together; assert the exit code if one is given."""
        assert not env, "what needs another environment needs `process`"
        done = self.run(*words)
        assert code is None or code == done.code, f"exit {done.code}:\n{done.said}"
        return done.said

    def json(self, *words: str, code: int | None = None) -> Any:
        """Run a verb with --json; return what it printed on stdout."""
        done = self.run(*words, "--json")
        assert code is None or code == done.code, f"exit {done.code}:\n{done.said}"
        return json.loads(done.out)

    def apply(self, *words: str, code: int | None = 0) -> Any:
        """Run `trued apply --json`."""
        return self.json("apply", *words, code=code)

    def plan(self, *words: str, code: int | None = None) -> Any:
        """Run `trued plan --json`."""
        return self.json("plan", *words, code=code)

    def report(self) -> Any:
        """Return status.json as the newest report on the status branch has it."""
        return json.loads(git("show", f"status/{self.host}:status.json", cwd=self.remote))

    def reports(self) -> list[str]:
        """Return the messages of the status branch, newest first."""
        return self.status_log(self.remote, f"status/{self.host}")

    def process(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a verb as a process of its own, to kill it or to look on meanwhile; what it says is in `process.log`."""
        with (self.path / "process.log").open("ab") as log:
            return subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @contextmanager
    def service(self) -> Iterator[Service]:
        """Run `trued run` as long as the block lasts; it looks every five seconds, and when asked to."""
        log = self.path / "service.log"
        with log.open("ab") as out:
            argv = ("setpriv", "--pdeathsig", "TERM", *self.argv("run"))
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        service = Service(process, log)
        try:
            # It takes signals as soon as it has said so; before, one would end it.
            until(lambda: "started, looks every" in service.said() or process.poll() is not None)
            assert process.poll() is None, service.said()
            yield service
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                service.kill()


@contextmanager
def _root_logger() -> Iterator[None]:
    """Lend the root logger without handlers: the command sets up its own, pytest wants its own again."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
