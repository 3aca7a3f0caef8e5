"""Real commits, made with the `git` binary in scratch folders, apart from any configuration of the user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

NAME, EMAIL = "Test", "test@example.com"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to write into a work tree."""

    target: str


@dataclass(frozen=True, slots=True)
class Script:
    """A file with the executable bit."""

    content: str | bytes


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Return an environment in which git reads no configuration but a repository's own."""
    kept = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    fixed = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": NAME,
        "GIT_AUTHOR_EMAIL": EMAIL,
        "GIT_COMMITTER_NAME": NAME,
        "GIT_COMMITTER_EMAIL": EMAIL,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "REMOTE_USER": "admin",  # whom the guard hook takes a push through a path to be
    }
    return {**kept, **fixed, **extra}


def git(*args: str | Path, cwd: Path, env: Mapping[str, str] = {}, stdin: bytes = b"") -> str:
    """Return what git prints; raise AssertionError with all it said when it fails."""
    argv = ["git", "-c", "safe.directory=*", "-c", "protocol.file.allow=always", *map(str, args)]
    done = subprocess.run(argv, cwd=cwd, env=environment(env), input=stdin, capture_output=True, check=False)
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    if done.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{out}{err}")
    return out


def bare(path: Path, *, allow_filter: bool = True) -> str:
    """Make an empty bare repository and return its file:// URL."""
    path.mkdir(parents=True)
    git("init", "-q", "--bare", "-b", "main", cwd=path)
    git("config", "http.receivepack", "true", cwd=path)
    git("config", "uploadpack.allowFilter", str(allow_filter).lower(), cwd=path)
    git("config", "uploadpack.allowAnySHA1InWant", str(allow_filter).lower(), cwd=path)
    return path.as_uri()


@dataclass(slots=True)
class Fleet:
    """A work tree with its repository: write, commit, push."""

    path: Path
    branch: str = "main"
    _seconds: int = field(default=1_700_000_000, init=False)

    def __post_init__(self) -> None:
        if not (self.path / ".git").exists():
            self.path.mkdir(parents=True, exist_ok=True)
            git("init", "-q", "-b", self.branch, cwd=self.path)

    def write(self, files: Mapping[str, str | bytes | Script | Link | None]) -> Self:
        """Put files, scripts and links into the work tree; None takes away."""
        for name, content in files.items():
            self._write(self.path / name, content)
        return self

    def commit(self, message: str = "change", *, allow_empty: bool = False) -> str:
        """Commit all there is, a minute later than the commit before; return its id."""
        self._seconds += 60
        date = f"{self._seconds} +0000"
        git("add", "-A", cwd=self.path)
        empty = ("--allow-empty",) if allow_empty else ()
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        git("commit", "-q", "-m", message, *empty, cwd=self.path, env=dates)
        return self.head()

    def push(
        self, url: str | Path, ref: str = "", *, force: bool = False, env: Mapping[str, str] = {}
    ) -> str:
        """Push HEAD to a ref (default: the branch of the same name); return the commit's id."""
        target = ref or f"refs/heads/{self.branch}"
        git("push", "-q", *(("-f",) if force else ()), url, f"HEAD:{target}", cwd=self.path, env=env)
        return self.head()

    def git(self, *args: str | Path, env: Mapping[str, str] = {}) -> str:
        """Run any other git command in the work tree; return what it prints."""
        return git(*args, cwd=self.path, env=env)

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def _write(self, path: Path, content: str | bytes | Script | Link | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        match content:
            case None:
                return
            case Link(target):
                path.symlink_to(target)
            case Script(text):
                self._write(path, text)
                path.chmod(0o755)
            case bytes():
                path.write_bytes(content)
            case str():
                path.write_bytes(content.encode("utf-8", "surrogateescape"))
