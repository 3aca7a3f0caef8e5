"""Log lines, on a real datagram socket in the place of journald's, and on real pipes."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.journal import Journal, Lines, setup_logging

log = logging.getLogger("agent.test")


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """Logging is the process's: leave it as it was."""
    root, ours = logging.getLogger(), logging.getLogger("agent")
    before = root.handlers, ours.handlers, ours.level, ours.propagate
    yield
    for handler in ours.handlers:
        handler.close()
    root.handlers, ours.handlers, ours.level, ours.propagate = before


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(5)
        yield listener


def stream_of(stderr: io.TextIOWrapper) -> dict[str, str]:
    """What systemd sets when a service's stderr is the journal."""
    found = os.fstat(stderr.fileno())
    return {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}


def entry(datagram: bytes) -> dict[str, str]:
    """Read an entry as journald does: NAME, line break, length, value, line break."""
    fields: dict[str, str] = {}
    while datagram:
        name, _, datagram = datagram.partition(b"\n")
        (size,) = struct.unpack_from("<Q", datagram)
        fields[name.decode()] = datagram[8 : 8 + size].decode()
        assert b"\n" == datagram[8 + size : 9 + size]
        datagram = datagram[9 + size :]
    return fields


@pytest.fixture
def native(journald: socket.socket, tmp_path: Path) -> Iterator[Journal]:
    with (tmp_path / "stderr").open("w") as stderr:
        handler = setup_logging(
            environ=stream_of(stderr), stderr=stderr, journal=Path(journald.getsockname())
        )
        assert isinstance(handler, Journal)
        yield handler


def test_a_line_becomes_an_entry_with_fields(native: Journal, journald: socket.socket) -> None:
    """journalctl can be asked for a host, a commit, a resource, a result."""
    given = {"host": "edge-01", "commit": "1a2b3c4", "resource": "file:/etc/motd", "result": "failed"}
    log.error("file:/etc/motd: %s", "is a directory", extra=given)
    fields = entry(journald.recv(65536))

    assert __file__ == fields.pop("CODE_FILE")
    assert fields.pop("CODE_LINE").isdigit()
    expected = {
        "MESSAGE": "file:/etc/motd: is a directory",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "trued",
        "TRUED_HOST": "edge-01",
        "TRUED_COMMIT": "1a2b3c4",
        "TRUED_RESOURCE": "file:/etc/motd",
        "TRUED_RESULT": "failed",
    }
    assert expected == fields


def test_what_a_record_carries_besides_is_not_sent(native: Journal, journald: socket.socket) -> None:
    """Neither the arguments that a message does not show, nor an attribute that is on no list."""
    log.info(
        "cloned %.5s", "https://user:hunter2@git.example.com", extra={"password": "hunter2", "commit": None}
    )
    datagram = journald.recv(65536)

    assert b"hunter2" not in datagram
    assert "cloned https" == entry(datagram)["MESSAGE"]
    assert "TRUED_COMMIT" not in entry(datagram)


def test_a_value_cannot_begin_another_field(native: Journal, journald: socket.socket) -> None:
    """A line break in a name that comes from Git stays a part of the value."""
    log.info("two\nPRIORITY=0\nlines", extra={"resource": "file:/a\nPRIORITY=0"})
    fields = entry(journald.recv(65536))

    assert ("two\nPRIORITY=0\nlines", "6") == (fields["MESSAGE"], fields["PRIORITY"])
    assert "file:/a\nPRIORITY=0" == fields["TRUED_RESOURCE"]


def test_a_message_larger_than_a_datagram_is_cut(native: Journal, journald: socket.socket) -> None:
    """Its beginning arrives, as valid UTF-8, and says so."""
    log.info("ü" * 1_000_000, extra={"resource": "x" * 1_000_000})
    fields = entry(journald.recv(1 << 20))

    assert 32760 < len(fields["MESSAGE"].encode()) <= 32768
    assert fields["MESSAGE"].endswith("ü [cut]")
    assert 4096 == len(fields["TRUED_RESOURCE"])
    assert 0 == native.dropped


def test_what_is_not_unicode_arrives_all_the_same(native: Journal, journald: socket.socket) -> None:
    """A file name of odd bytes is no reason to lose the line."""
    log.info("%s", os.fsdecode(b"/etc/\xff"))

    assert "/etc/?" == entry(journald.recv(65536))["MESSAGE"]


def test_a_journal_that_does_not_read_holds_nothing_up(native: Journal, journald: socket.socket) -> None:
    """journald hangs on a full disk: entries are counted as dropped, and the count is told when it is back."""
    began = time.monotonic()
    for number in range(2000):
        log.info("line %d", number)
    took, lost = time.monotonic() - began, native.dropped
    while lost:
        seen = entry(journald.recv(65536))["MESSAGE"]
        if seen == f"line {1999 - lost}":
            break
    log.info("back")

    assert took < 5
    assert lost > 0
    assert (
        f"{lost} log entries before this one were lost: the journal did not take them"
        == (entry(journald.recv(65536))["MESSAGE"])
    )
    assert "back" == entry(journald.recv(65536))["MESSAGE"]
    assert 0 == native.dropped


def test_a_journal_that_is_gone_is_no_failure(native: Journal, journald: socket.socket) -> None:
    """journald is being restarted."""
    Path(journald.getsockname()).unlink()
    log.info("nobody hears this")

    assert 1 == native.dropped


def test_a_record_that_cannot_be_formatted_is_no_failure(
    native: Journal, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor is it shown on stderr with its arguments, which is what logging would do."""
    native.handle(log.makeRecord("agent", logging.INFO, __file__, 1, "%d", ("hunter2",), None))

    assert 1 == native.dropped
    assert "" == capfd.readouterr().err


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.DEBUG, "7"),
        (logging.INFO, "6"),
        (logging.WARNING, "4"),
        (logging.ERROR, "3"),
        (logging.CRITICAL, "2"),
    ],
)
def test_levels_become_priorities(
    native: Journal, journald: socket.socket, level: int, expected: str
) -> None:
    """As syslog(3) numbers them."""
    logging.getLogger("agent").setLevel(logging.DEBUG)
    log.log(level, "x")

    assert expected == entry(journald.recv(65536))["PRIORITY"]


def lines(tmp_path: Path, environ: Mapping[str, str] | None, *, verbose: bool = False) -> list[str]:
    """Log on a file in the place of stderr; `environ` None: the journal, but without a socket."""
    with (tmp_path / "stderr").open("w+") as stderr:
        handler = setup_logging(
            verbose=verbose,
            environ=stream_of(stderr) if environ is None else environ,
            stderr=stderr,
            journal=tmp_path / "nothing",
        )
        assert isinstance(handler, Lines)
        log.debug("details")
        log.warning("two\nlines", extra={"resource": "file:/x"})
        stderr.seek(0)
        return stderr.read().splitlines()


def test_without_systemd_lines_are_plain(tmp_path: Path) -> None:
    """A person reads them."""
    assert ["two", "lines"] == lines(tmp_path, {})


def test_a_stream_of_another_file_is_not_ours(tmp_path: Path) -> None:
    """JOURNAL_STREAM is inherited by `trued run 2> file` in a service: the file gets plain lines."""
    assert ["two", "lines"] == lines(tmp_path, {"JOURNAL_STREAM": "8:12345"})


def test_under_systemd_without_its_socket_lines_carry_their_priority(tmp_path: Path) -> None:
    """Each line, for systemd reads them one by one."""
    assert ["<4>two", "<4>lines"] == lines(tmp_path, None)


def test_verbose_shows_details(tmp_path: Path) -> None:
    assert ["details", "two", "lines"] == lines(tmp_path, {}, verbose=True)


def test_what_libraries_log_is_not_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """They may quote a URL with a credential in it."""
    said = lines(tmp_path, {})
    logging.getLogger("urllib3").error("https://user:hunter2@git.example.com")

    assert ["two", "lines"] == said
    assert "" == capfd.readouterr().err


def test_a_closed_stderr_is_no_failure(tmp_path: Path) -> None:
    """Whoever read it has gone."""
    with (tmp_path / "stderr").open("w") as stderr:
        setup_logging(environ={}, stderr=stderr)

    log.info("nobody hears this")


def test_an_exception_is_told_without_what_it_quotes(tmp_path: Path) -> None:
    """The way to a bug, its type and its causes; only our own errors and the system's say what they say."""
    try:
        try:
            Path("/not/there").read_text()
        except OSError as error:
            raise HostError("file:/etc/x: cannot be read") from error
    except HostError as error:
        try:
            raise ValueError("password=hunter2") from error
        except ValueError:
            with (tmp_path / "stderr").open("w+") as stderr:
                setup_logging(environ={}, stderr=stderr)
                log.exception("a bug")
                stderr.seek(0)
                said = stderr.read()

    heads = [line for line in said.splitlines() if not line.startswith("  ")]
    assert [
        "a bug",
        "ValueError",
        "HostError: file:/etc/x: cannot be read",
        "FileNotFoundError: No such file or directory: /not/there",
    ] == heads
    assert f"  {__file__}:" in said
    assert "hunter2" not in said
