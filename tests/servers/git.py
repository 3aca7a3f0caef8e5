"""Real Git servers on the loopback: `git http-backend` behind nginx with TLS and passwords, and sshd with keys."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import re
import socket
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from tests.servers import nginx, sshd
from tests.servers.processes import find, free_port, start, stop, wait_until
from tests.servers.repo import bare, environment, git
from tests.servers.tls import Tls, make_tls

TOOLS = ("git", "nginx", "fcgiwrap", "sshd", "ssh", "ssh-keygen", "openssl", "setpriv")
TOKEN, ADMIN_TOKEN = "agentpw", "adminpw"  # the guard hook knows who is who
AGENTS = ("agent", "git", "oauth2", "x-access-token", "token")  # as on a forge, the token says who it is


def missing_tools() -> tuple[str, ...]:
    """Return what these servers need and this machine has not."""
    missing = [tool for tool in TOOLS if not find(tool)]
    if "git" not in missing and not nginx.backend().exists():
        missing.append("git-http-backend")
    if not sshd.login_shell():
        missing.append("a login shell of this user, which sshd runs the forced command with")
    return tuple(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One line of the web server's log. Sizes in bytes, with headers, without TLS."""

    method: str
    target: str
    status: int
    up: int
    down: int
    connection: int
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A bare repository and the ways to it."""

    name: str
    path: Path
    https: str  # as whoever the credentials say
    admin: str  # https with the administrator's password in it: for the real git
    file: str
    _ssh: Callable[[], str] = field(repr=False)

    @property
    def ssh(self) -> str:
        """The ssh:// URL; starts sshd when first asked for."""
        return self._ssh()

    def git(self, *args: str) -> str:
        """Run the real git in the repository; return what it prints."""
        return git(*args, cwd=self.path)


class GitServer:
    """Serves one folder of repositories. Use as a context manager; each process is ended by its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repositories = folder / "srv"
        self.token_file = folder / "token"
        self.admin_token_file = folder / "admin-token"
        self._started = contextlib.ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self.repositories.mkdir()
        self._secret(self.token_file, TOKEN)
        self._secret(self.admin_token_file, f"admin:{ADMIN_TOKEN}")
        self.gitconfig.write_text("[safe]\n\tdirectory = *\n")
        return self

    def __exit__(self, *exc: object) -> None:
        self._started.close()

    def create(self, name: str = "", *, allow_filter: bool = True, guard: bool = False) -> Bare:
        """Make an empty bare repository; with `guard`, only the administrator may leave status/*."""
        name = name or f"fleet-{next(self._numbers)}"
        path = self.repositories / f"{name}.git"
        url = bare(path, allow_filter=allow_filter)
        if guard:
            self.set_hook(path, Path(__file__).with_name("guard.sh").read_text())
        return Bare(
            name=name,
            path=path,
            https=f"https://127.0.0.1:{self.https_port}/{name}.git",
            admin=f"https://admin:{ADMIN_TOKEN}@127.0.0.1:{self.https_port}/{name}.git",
            file=url,
            _ssh=lambda: self.ssh_url(path),
        )

    def set_hook(self, path: Path, script: str, name: str = "pre-receive") -> None:
        """Install a hook in a bare repository."""
        hook = path / "hooks" / name
        hook.write_text(script)
        hook.chmod(0o755)

    @cached_property
    def gitconfig(self) -> Path:
        return self.folder / "server.gitconfig"

    @cached_property
    def tls(self) -> Tls:
        return make_tls(self.folder / "tls")

    @cached_property
    def other_ca(self) -> Path:
        """An authority that signed nothing here."""
        return make_tls(self.folder / "other-tls").ca

    @cached_property
    def https_port(self) -> int:
        """The port of the web server; starts it when first asked for."""
        port = free_port()
        users = {**dict.fromkeys(AGENTS, TOKEN), "admin": ADMIN_TOKEN}
        folder = self.folder / "nginx"
        config = nginx.write_config(
            folder,
            port=port,
            tls=self.tls,
            users=users,
            repositories=self.repositories,
            gitconfig=self.gitconfig,
        )
        self._start_backends(folder, count=4)
        argv = [find("nginx") or "", "-c", str(config), "-e", str(folder / "error.log")]
        self._start(argv, lambda: self._answers(port), folder)
        return port

    @cached_property
    def ssh(self) -> sshd.Ssh:
        """The ssh server with its keys; starts it when first asked for."""
        ssh = sshd.write_config(self.folder / "ssh", free_port(), self.repositories, self.gitconfig)
        self._start(
            [find("sshd") or "", "-D", "-e", "-f", str(ssh.config)], ssh.listening, ssh.config.parent
        )
        return ssh

    def ssh_url(self, path: Path) -> str:
        return f"ssh://{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{self.ssh.port}{path}"

    @cached_property
    def git_environment(self) -> dict[str, str]:
        """What the real git needs in its environment to come in, over https (see `Bare.admin`) and ssh."""
        return {"GIT_SSL_CAINFO": str(self.tls.ca), "GIT_SSH_COMMAND": self.ssh.command}

    @contextlib.contextmanager
    def requests(self) -> Iterator[list[Request]]:
        """Collect the requests that the web server got inside the `with` block, readable after it."""
        start = len(self._log().splitlines()) if self._sync() else 0
        seen: list[Request] = []
        yield seen
        self._sync()
        lines = self._log().splitlines()[start:]
        seen += [request for line in lines if not (request := _request(line)).target.startswith("/sync/")]

    def _log(self) -> str:
        return (self.folder / "nginx" / "access.log").read_text()

    def _sync(self) -> bool:
        """Wait until the web server, one process that answers in order, has logged what was before."""
        target = f"/sync/{uuid.uuid4()}"
        self._answers(self.https_port, target)
        while target not in self._log():
            pass
        return True

    def _answers(self, port: int, target: str = "/sync/") -> bool:
        context = ssl.create_default_context(cafile=str(self.tls.ca))
        try:
            urllib.request.urlopen(f"https://127.0.0.1:{port}{target}", context=context, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            return False
        return True

    def _start_backends(self, folder: Path, *, count: int) -> None:
        """Start workers that share one socket. With -c, fcgiwrap would leave its children behind when killed."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "fcgi.sock"))
            listener.listen(64)
            for _ in range(count):
                self._start([find("fcgiwrap") or ""], lambda: True, folder, listener)

    def _start(
        self, argv: list[str], ready: Callable[[], bool], folder: Path, listener: socket.socket | None = None
    ) -> None:
        log = folder / "output"
        env = environment({"GIT_CONFIG_GLOBAL": str(self.gitconfig)})
        process = start(argv, log=log, env=env, listener=listener)
        self._started.callback(stop, process)
        wait_until(ready, process, log)

    def _secret(self, path: Path, text: str) -> None:
        path.write_text(f"{text}\n")
        path.chmod(0o600)


_LINE = re.compile(r"(\S+) (\S+) (\d+) (\d+) (\d+) (\d+) (\S+)")


def _request(line: str) -> Request:
    found = _LINE.fullmatch(line)
    if not found:
        raise AssertionError(f"an access log line that this does not know: {line!r}")
    method, target, status, up, down, connection, user = found.groups()
    return Request(
        method=method, target=target, status=int(status), up=int(up), down=int(down),
        connection=int(connection), user=user,
    )  # fmt: skip
