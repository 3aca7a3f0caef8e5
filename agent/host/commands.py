"""Runs commands: an argument vector, never a shell; a fixed environment; bounded output; a time limit for the group."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import field
from typing import BinaryIO, cast

from agent.errors import HostError
from agent.host import Answer, shown
from agent.values import dataclass

# Nothing is inherited: what trued itself was given (tokens, a proxy with a password) is no business of theirs.
ENVIRONMENT = {
    "HOME": "/",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    # Packages ask nobody, show nobody what is new, and keep what was changed by hand (ucf(1), as dpkg's confold).
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
    "NEEDRESTART_SUSPEND": "1",  # which services restart is declared, and not guessed after each transaction
}
TAIL = 64 * 1024  # bytes of each stream that are kept of a command that acts
MOST = 32 * 1024 * 1024  # bytes that a command that only looks may say
EXCERPT = 500  # characters of stderr in a message,
ENDING = 8  # of this many lines: dpkg says five more after what a script of a package has said
LOOK = 60.0  # seconds that a command that only looks may take
PULSE = 5.0  # seconds between two signs of life while a command is waited for
GRACE = 10.0  # seconds that a command may take to end, once its time is up,
TICK = 0.05  # and between two looks whether it has
LINGER = 0.2  # seconds for output that is still in the pipes when the command has ended


class TimeUpError(HostError):
    """A command did not end in time."""


@dataclass(slots=True)
class _Tail:
    """The last bytes of a stream, and how many there were."""

    limit: int
    total: int = 0
    kept: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes) -> None:
        self.total += len(piece)
        self.kept += piece
        if len(self.kept) > 2 * self.limit:
            del self.kept[: -self.limit]

    @property
    def text(self) -> str:
        return bytes(self.kept[-self.limit :]).decode("utf-8", "replace")


def act(
    argv: tuple[str, ...], *, stdin: bytes = b"", timeout: float, beat: Callable[[], None] = lambda: None
) -> None:
    """Run a command that changes something; raises HostError unless it exits 0, TimeUpError unless in time. `beat`: see `Host.perform`."""
    answer, _ = _run(argv, stdin, timeout, TAIL, beat)
    if answer.code != 0:
        raise failed(argv, answer)


def ask(argv: tuple[str, ...], *, stdin: bytes = b"", ok: Collection[int], timeout: float = LOOK) -> Answer:
    """Run a command that only looks; raises HostError for another exit code, or when its answer is not whole."""
    answer, whole = _run(argv, stdin, timeout, MOST)
    if answer.code not in ok:
        raise failed(argv, answer)
    if not whole:
        raise HostError(f"`{_pasteable(argv)}` said more than {MOST >> 20} MiB: its answer is not used")
    return answer


def failed(argv: tuple[str, ...], answer: Answer) -> HostError:
    """Return what to say of a command that failed: pasteable, its exit code, the end of its stderr."""
    return HostError(f"`{_pasteable(argv)}` {_ending(answer.code)}{excerpt(answer.err or answer.out)}")


def excerpt(text: str) -> str:
    """Return the last lines of a command's output as the end of a one-line message; "" for none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = shown("; ".join(lines[-ENDING:]))
    if not said:
        return ""
    return ": " + (said if len(said) <= EXCERPT else "…" + said[1 - EXCERPT :])


def _run(
    argv: tuple[str, ...], stdin: bytes, timeout: float, limit: int, beat: Callable[[], None] = lambda: None
) -> tuple[Answer, bool]:
    out, err = _Tail(limit), _Tail(TAIL)
    with _start(argv) as process:
        try:
            _converse(process, stdin, out, err, time.monotonic() + timeout, beat)
        except subprocess.TimeoutExpired:
            _interrupt_group(process, out, err)
            _kill_group(process)
            raise TimeUpError(
                f"`{_pasteable(argv)}` did not end within {timeout:g} s and was killed{excerpt(err.text)}"
            ) from None
        except BaseException:
            _kill_group(process)
            raise
    return Answer(process.returncode, out.text, err.text), out.total <= limit


def _start(argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            umask=0o022,
        )
    except FileNotFoundError as error:
        raise HostError(
            f"`{_pasteable(argv)}` cannot be run: there is no command {argv[0]!r} on this host",
            hint=f"install it; it is looked for in {ENVIRONMENT['PATH']}",
        ) from error
    except (OSError, ValueError) as error:
        raise HostError(f"`{_pasteable(argv)}` cannot be run: {error}") from error


def _converse(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    out: _Tail,
    err: _Tail,
    deadline: float,
    beat: Callable[[], None],
) -> None:
    """Feed and read until the command has ended; what it left running in the background is not waited for."""
    ended = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as ready:
            _listen(ready, process, stdin, out, err)
            ready.register(ended, selectors.EVENT_READ)
            while ended in ready.get_map():
                _serve(ready, min(deadline, time.monotonic() + PULSE), ended)
                if ended in ready.get_map() and time.monotonic() >= deadline:
                    raise TimeoutError
                beat()
            lingering = min(deadline, time.monotonic() + LINGER)
            while ready.get_map() and time.monotonic() < lingering and _serve(ready, lingering, ended):
                pass
        process.wait()
    except TimeoutError:
        raise subprocess.TimeoutExpired(process.args, 0) from None
    finally:
        os.close(ended)


def _listen(
    ready: selectors.BaseSelector, process: subprocess.Popen[bytes], stdin: bytes, out: _Tail, err: _Tail
) -> None:
    for stream, tail in ((process.stdout, out), (process.stderr, err)):
        os.set_blocking(cast("BinaryIO", stream).fileno(), False)
        ready.register(cast("BinaryIO", stream), selectors.EVENT_READ, tail)
    feed = cast("BinaryIO", process.stdin)
    os.set_blocking(feed.fileno(), False)
    ready.register(feed, selectors.EVENT_WRITE, memoryview(stdin))


def _serve(ready: selectors.BaseSelector, until: float, ended: int) -> bool:
    """Handle what is ready; return whether anything was until then."""
    events = ready.select(max(0.0, until - time.monotonic()))
    for key, _ in events:
        if key.fd == ended:
            ready.unregister(ended)
        elif isinstance(key.data, _Tail):
            _take(ready, key)
        else:
            _feed(ready, key)
    return bool(events)


def _take(ready: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    if piece := os.read(key.fd, 1 << 16):
        key.data.add(piece)
    else:
        ready.unregister(key.fileobj)


def _feed(ready: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    try:
        left = key.data[os.write(key.fd, key.data[: 1 << 16]) :] if key.data else key.data
    except (
        BrokenPipeError
    ):  # it does not want to hear all of it, and its exit code tells whether that is well
        left = memoryview(b"")
    if left:
        ready.modify(key.fileobj, selectors.EVENT_WRITE, left)
        return
    ready.unregister(key.fileobj)
    cast("BinaryIO", key.fileobj).close()


def _interrupt_group(process: subprocess.Popen[bytes], out: _Tail, err: _Tail) -> None:
    """
    Ask a command to end, for a while.

    On SIGINT dpkg(1) and apt-get(8) give up the script of a package, but not themselves: they leave a database that is
    whole. Killed, they leave one with which nothing can be installed until the same script has been run again.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    end = time.monotonic() + GRACE
    while process.poll() is None and time.monotonic() < end:
        for stream, tail in ((process.stdout, out), (process.stderr, err)):
            with suppress(BlockingIOError):
                tail.add(os.read(cast("BinaryIO", stream).fileno(), 1 << 16))
        time.sleep(TICK)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _pasteable(argv: tuple[str, ...]) -> str:
    return shown(shlex.join(argv))


def _ending(code: int) -> str:
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
