"""
A repository over SSH, by the system's own ssh. Starts and ends that process, and writes to no file.

In version 2 one session serves a whole cycle, from the poll to the last object. Nothing that ssh would take from
the user it runs as is used: no configuration, no agent, no other keys, no other known hosts.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import subprocess
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar
from urllib.parse import unquote, urlsplit

from agent.errors import SourceError
from agent.git import wire
from agent.git.address import Access
from agent.git.failures import reported
from agent.git.limits import Deadline, Limits
from agent.git.pack import receive
from agent.git.snapshot import Shelf

if TYPE_CHECKING:
    from agent.git.objects import Item

T = TypeVar("T")
SAID = 64 << 10  # bytes kept of what ssh says

# What ssh says (OpenSSH's sshconnect.c and friends, git's own messages): what it means, and the way out.
MEANINGS: Mapping[str, tuple[str, str]] = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": (
        "the server shows another host key than the one in known_hosts",
        "find out why; if the key was changed on purpose, replace its line in known_hosts",
    ),
    "Host key verification failed": (
        "the server's host key is not in known_hosts",
        "compare the key with the server's, then add it: ssh-keyscan HOST >> known_hosts",
    ),
    "No such identity": ("the ssh key cannot be read", "correct ssh_key"),
    "UNPROTECTED PRIVATE KEY FILE": (
        "others may read the ssh key, so ssh refuses it",
        "chmod 600 the file ssh_key",
    ),
    "Permission denied": (
        "the server does not accept our key",
        "add the public half of ssh_key as a deploy key",
    ),
    "does not appear to be a git repository": ("there is no such repository", "check url"),
    "not found": ("there is no such repository", "check url, and that the key may read it"),
    "Could not resolve hostname": ("the name cannot be resolved", "check DNS on this host"),
    "Connection refused": ("connection refused", "is the server up, and the port right?"),
    "timed out": ("the server does not answer in time", ""),
    "No route to host": ("no route to the server", "check the network of this host"),
    "Network is unreachable": ("the network is unreachable", "check the network of this host"),
}


class SshRemote:
    """See `agent.git.remote.Remote`."""

    def __init__(self, access: Access, limits: Limits, beat: Callable[[], object]) -> None:
        self._access, self._limits, self._beat = access, limits, beat
        self._session: _Session | None = None
        self._said: wire.Advertisement | None = None

    @property
    def can_filter(self) -> bool:
        if self._said is None:
            with reported(self._access):
                self._open(Deadline(self._limits.total))
        return self._said is not None and self._said.can_filter

    def poll(self, ref: str) -> str | None:
        return self.refs(ref).get(ref)

    def refs(self, prefix: str) -> Mapping[str, str]:
        def ask(session: _Session, said: wire.Advertisement, _: Deadline) -> Mapping[str, str]:
            if said.version != 2:
                return {name: sha for name, sha in said.refs.items() if name.startswith(prefix)}
            session.send(wire.list_refs(prefix))
            return wire.read_refs(session.lines, prefix, self._limits.refs)

        return self._talk(ask)

    def objects(
        self, wants: Collection[str], into: Shelf, *, haves: Collection[str] = (), depth: int = 0
    ) -> frozenset[str]:
        def bring(asked: Collection[str], file: BinaryIO) -> None:
            bare = self.can_filter
            shallow = () if bare else haves
            wish = wire.Wish(wants=asked, haves=haves, shallow=shallow, depth=depth, bare=bare)
            self._talk(lambda session, said, deadline: self._fetch(session, said, deadline, wish, file))

        with reported(self._access):
            return receive(into, self._limits, wants, bring)

    def _fetch(
        self,
        session: _Session,
        said: wire.Advertisement,
        deadline: Deadline,
        wish: wire.Wish,
        file: BinaryIO,
    ) -> None:
        if said.version == 2:
            session.send(wire.fetch(wish))
            wire.read_fetch(session.lines, file, self._limits, deadline)
            return
        session.send(wire.fetch_version0(wish, said.capabilities))
        wire.read_fetch_version0(session.lines, file, self._limits, deadline, deepened=wish.depth > 0)

    def push(self, ref: str, old: str | None, new: str, objects: Sequence[Item]) -> None:
        deadline = Deadline(self._limits.total)
        with (
            reported(self._access),
            _Session(self._access, self._limits, "git-receive-pack", deadline) as session,
            session.explained(),
        ):
            wire.read_advertisement(session.lines, self._limits.refs)
            session.send(b"".join(wire.push(ref, old, new, objects)))
            wire.read_report(session.lines, ref)

    def rest(self) -> None:
        self.close()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _talk(self, ask: Callable[[_Session, wire.Advertisement, Deadline], T]) -> T:
        """One exchange: on the session that is open, on a new one where the server has ended that."""
        deadline = Deadline(self._limits.total)
        with reported(self._access):
            used = self._session is not None and self._said is not None and self._said.version == 2
            try:
                return self._asked(ask, deadline)
            except wire.ProtocolError:
                if not used:
                    raise
            return self._asked(ask, deadline)

    def _asked(self, ask: Callable[[_Session, wire.Advertisement, Deadline], T], deadline: Deadline) -> T:
        session, said = self._open(deadline)
        done = False
        try:
            with session.explained():
                found = ask(session, said, deadline)
            done = said.version == 2
            return found
        finally:
            self._beat()
            if not done:
                self.close()

    def _open(self, deadline: Deadline) -> tuple[_Session, wire.Advertisement]:
        """Return a session that waits for a request; version 0 serves one request each."""
        if self._session is not None and self._said is not None and self._said.version == 2:
            self._session.until(deadline)
            return self._session, self._said
        self.close()
        session = _Session(self._access, self._limits, "git-upload-pack", deadline)
        try:
            with session.explained():
                said = wire.read_advertisement(session.lines, self._limits.refs)
        except BaseException:
            session.close()
            raise
        self._session, self._said = session, said
        return session, said


class _Session:
    """One ssh process. It is killed when the total time is over, whatever it does then."""

    def __init__(self, access: Access, limits: Limits, service: str, deadline: Deadline) -> None:
        self._limits = limits
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        try:
            self._process = subprocess.Popen(
                command(access, limits, service),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise SourceError("there is no ssh on this host", hint="install openssh-client") from error
        self._said = bytearray()
        self._drain = threading.Thread(
            target=_listen,
            args=(_descriptor(self._process.stderr), self._said),
            name="ssh-stderr",
            daemon=True,
        )
        self.close = weakref.finalize(self, _end, self._process, self._drain)
        try:
            self._drain.start()
        except RuntimeError:
            self.close()
            raise
        self.lines = wire.Lines(self._more)
        self.until(deadline)

    def until(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def send(self, data: bytes) -> None:
        """Write a request, in pieces that never block past the time there is."""
        view, pipe = memoryview(data), _descriptor(self._process.stdin)
        os.set_blocking(pipe, False)
        while view:
            wait = min(self._limits.stall, self._deadline.left())
            if not select.select([], [pipe], [], wait)[1]:
                raise SourceError(f"the server takes nothing for {wait:g} s")
            view = view[os.write(pipe, view) :]

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Put in place of "hung up" what ssh or the server said on the way out."""
        try:
            yield
        except (wire.ProtocolError, BrokenPipeError) as error:
            if (meaning := self._meaning()) is not None:
                raise meaning from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _more(self) -> bytes:
        pipe = _descriptor(self._process.stdout)
        wait = min(self._limits.stall, self._deadline.left())
        if not select.select([pipe], [], [], wait)[0]:
            self._deadline.left()
            raise SourceError(f"the server does not answer in time: nothing for {wait:g} s")
        return os.read(pipe, 64 << 10)

    def _meaning(self) -> SourceError | None:
        self._drain.join(2)
        said = self._said.decode("utf-8", "replace")
        for words, (meaning, hint) in MEANINGS.items():
            if words.lower() in said.lower():
                return SourceError(f"{meaning} (ssh)", hint=hint)
        lines = [text for text in said.splitlines() if text.strip()]
        return SourceError(f"ssh says: {wire.plain(lines[-1].encode())}") if lines else None


def _listen(pipe: int, said: bytearray) -> None:
    """Read what ssh says until it ends: a full pipe would block it. Only the last of it is kept."""
    with contextlib.suppress(OSError):
        while data := os.read(pipe, 4096):
            said += data
            del said[:-SAID]


def _end(process: subprocess.Popen[bytes], drain: threading.Thread) -> None:
    """End ssh and let go of its pipes."""
    process.kill()
    process.wait()
    if drain.ident is not None:
        drain.join(1)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _descriptor(pipe: object) -> int:
    if pipe is None or not hasattr(pipe, "fileno"):
        raise SourceError("the session is closed")
    return int(pipe.fileno())


def command(access: Access, limits: Limits, service: str) -> tuple[str, ...]:
    """Return how ssh is called: ssh(1), ssh_config(5)."""
    place = access.place
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "IdentityAgent": "none",
        "GlobalKnownHostsFile": "/dev/null" if access.known_hosts else "/etc/ssh/ssh_known_hosts",
        "ConnectTimeout": str(max(1, round(limits.connect))),
        "ServerAliveInterval": str(max(1, round(limits.stall / 3))),
        "ServerAliveCountMax": "3",
        "SetEnv": "GIT_PROTOCOL=version=2",
        **({"UserKnownHostsFile": _quoted(access.known_hosts)} if access.known_hosts else {}),
        **({"IdentitiesOnly": "yes", "IdentityFile": _quoted(access.ssh_key)} if access.ssh_key else {}),
        **({"ProxyCommand": _proxy(access.proxy)} if access.proxy else {}),
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    port = ("-p", str(place.port)) if place.port else ()
    return (
        "ssh", "-F", "/dev/null", "-T", "-x", *words, *port, "-l", place.user, "--", place.host,
        f"{service} {_for_git_shell(place.path)}",
    )  # fmt: skip


def _for_git_shell(path: str) -> str:
    """Return a path quoted in the one way that git-shell(1) takes: always, and "!" by itself."""
    return "'" + path.replace("'", "'\\''").replace("!", "'\\!'") + "'"


def _quoted(path: object) -> str:
    """Return a path as ssh_config reads one: in double quotes, percent doubled."""
    return '"' + str(path).replace("%", "%%") + '"'


def _proxy(url: str) -> str:
    """Return what speaks CONNECT for ssh: nc of OpenBSD."""
    proxy = urlsplit(url)
    user = f" -P {shlex.quote(unquote(proxy.username))}" if proxy.username else ""
    return f"nc -X connect -x {shlex.quote(f'{proxy.hostname}:{proxy.port or 8080}')}{user} %h %p"
