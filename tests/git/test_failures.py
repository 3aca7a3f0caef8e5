"""What goes wrong on the way to a repository is said in words, in time, with a way out, and without a secret."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import urllib3
from dulwich import errors, file, pack

from agent.errors import SourceError
from agent.git import http, ssh
from agent.git.address import Access, Ref
from agent.git.failures import foreign, reported
from agent.git.limits import Limits
from agent.git.objects import Item, Kind, flat_tree
from agent.git.remote import PushRejectedError, open_remote
from agent.model import TreePath
from tests.git.places import fleet, source, through
from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import bare as make_bare

SHORT = Limits(connect=1, stall=0.5, total=2)
EVERYTHING = frozenset({TreePath(".")})


@pytest.fixture
def filled(bare: Bare, tmp_path: Path) -> Bare:
    """A repository with a commit whose pack is not small."""
    fleet(tmp_path / "work", {"fleet.yaml": "", "big": random.Random(1).randbytes(1_000_000)}).push(
        bare.file
    )
    return bare


def failure(at: Access, state: Path, limits: Limits = SHORT) -> SourceError:
    """Return what is said when the files of the newest commit are asked for."""
    with pytest.raises(SourceError) as caught:
        source(at, state, limits=limits).newest(None).tree.prefetch(EVERYTHING)
    return caught.value


@pytest.mark.servers
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(refuse=True), "the server broke off the connection"),
        (Fault(hang=True), "the server does not answer in time"),
        (Fault(blackhole_after=6000), "the server does not answer in time"),
        (Fault(rate=40_000), "gave up after 2 s in total: the answer comes too slowly"),
        (Fault(cut_after=60_000), "the server broke off the connection"),
        (Fault(close_after=60_000), ""),
        (Fault(flip_after=60_000), ""),
    ],
    ids=["refuse", "hang", "stall", "drip", "reset", "close", "flip"],
)
def test_a_network_fault_ends_in_time(
    git_server: GitServer, filled: Bare, faulty_https: FaultProxy, fault: Fault, words: str, tmp_path: Path
) -> None:
    """Whatever the network does, within the limits there is a message that begins with the URL."""
    faulty_https.fault = fault
    at = through(faulty_https, git_server, filled)
    begun = time.monotonic()

    error = failure(at, tmp_path / "state")

    assert time.monotonic() - begun < 4
    assert str(error).startswith(f"{at.url}: ")
    assert words in str(error)
    assert "agentpw" not in str(error)


@pytest.mark.servers
def test_a_fault_leaves_nothing_behind_and_passes(
    git_server: GitServer, filled: Bare, faulty_https: FaultProxy, tmp_path: Path
) -> None:
    """After a broken fetch the same source succeeds, once the network does."""
    at = through(faulty_https, git_server, filled)
    there = source(at, tmp_path / "state", limits=SHORT)
    commit = there.newest(None)
    faulty_https.fault = Fault(cut_after=60_000)
    with pytest.raises(SourceError):
        commit.tree.prefetch(EVERYTHING)
    assert [] == list((tmp_path / "state/git").iterdir())

    faulty_https.fault = Fault()

    there.newest(None).tree.prefetch(EVERYTHING)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("case", "words", "hint"),
    [
        ("no token", "the server wants credentials (401)", "name a token_file"),
        ("wrong token", "the server wants credentials (401)", "is the token in"),
        ("wrong CA", "its certificate is not vouched for by", "name the right authority in ca_file"),
        ("system CA", "by this system's authorities", "name the right authority in ca_file"),
        ("no CA file", "there is no such file of authorities", "correct ca_file"),
        ("no repository", "there is no such repository (404)", "check url"),
        ("refused", "connection refused", "is the server up"),
        ("name", "the name 'nowhere.invalid' cannot be resolved", "check DNS"),
        ("open token", "others may read the token", "chmod o-rwx"),
        ("missing token", "cannot read the token: No such file", ""),
    ],
)
def test_https_failures_say_what_to_do(
    git_server: GitServer, filled: Bare, case: str, words: str, hint: str, tmp_path: Path
) -> None:
    """Each is one line that begins with the URL; none names the token."""
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-token\n")
    wrong.chmod(0o600)
    open_file = tmp_path / "open"
    open_file.write_text("agentpw")
    open_file.chmod(0o644)
    token, ca, url = git_server.token_file, git_server.tls.ca, filled.https
    at = {
        "no token": lambda: Access(url=url, ca_file=ca),
        "wrong token": lambda: Access(url=url, ca_file=ca, token_file=wrong),
        "wrong CA": lambda: Access(url=url, ca_file=git_server.other_ca, token_file=token),
        "system CA": lambda: Access(url=url, token_file=token),
        "no CA file": lambda: Access(url=url, ca_file=tmp_path / "none", token_file=token),
        "no repository": lambda: Access(url=url.replace("fleet", "none"), ca_file=ca, token_file=token),
        "refused": lambda: Access(url="https://127.0.0.1:1/x.git"),
        "name": lambda: Access(url="https://nowhere.invalid/x.git"),
        "open token": lambda: Access(url=url, ca_file=ca, token_file=open_file),
        "missing token": lambda: Access(url=url, ca_file=ca, token_file=tmp_path / "none"),
    }[case]()

    error = failure(at, tmp_path / "state")

    assert str(error).startswith(f"{at.url}: ")
    assert words in str(error)
    assert error.hint.startswith(hint)
    assert "\n" not in str(error)
    assert "not-the-token" not in str(error) + error.hint


@pytest.mark.servers
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("wrong key", "the server does not accept our key (ssh)"),
        ("unknown host", "the server's host key is not in known_hosts (ssh)"),
        ("changed host", "the server shows another host key than the one in known_hosts (ssh)"),
        ("no repository", "there is no such repository (ssh)"),
        ("refused", "connection refused (ssh)"),
    ],
)
def test_ssh_failures_say_what_is_wrong(
    git_server: GitServer, filled: Bare, case: str, words: str, tmp_path: Path
) -> None:
    """What ssh says in its own words becomes one line with a hint."""
    ssh, empty = git_server.ssh, tmp_path / "known"
    empty.write_text("")
    other = tmp_path / "other"
    host = ssh.known_hosts.read_text().split()[0]
    public = ssh.unknown_key.with_suffix(".pub").read_text().split()
    other.write_text(f"{host} {public[0]} {public[1]}\n")
    at = {
        "wrong key": lambda: Access(url=filled.ssh, ssh_key=ssh.unknown_key, known_hosts=ssh.known_hosts),
        "unknown host": lambda: Access(url=filled.ssh, ssh_key=ssh.key, known_hosts=empty),
        "changed host": lambda: Access(url=filled.ssh, ssh_key=ssh.key, known_hosts=other),
        "no repository": lambda: Access(url=filled.ssh + "x", ssh_key=ssh.key, known_hosts=ssh.known_hosts),
        "refused": lambda: Access(
            url="ssh://git@127.0.0.1:1/x", ssh_key=ssh.key, known_hosts=ssh.known_hosts
        ),
    }[case]()

    error = failure(at, tmp_path / "state", Limits(connect=10, stall=20, total=60))

    assert f"{at.url}: {words}" == str(error)
    assert error.hint


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_silent_ssh_server_is_given_up(silent: int, tmp_path: Path) -> None:
    """A server that never says a word costs the stall time, not for ever, and its ssh process is gone."""
    at = Access(url=f"ssh://git@127.0.0.1:{silent}/x")
    begun = time.monotonic()

    error = failure(at, tmp_path / "state")

    assert time.monotonic() - begun < 5
    assert "in time" in str(error)


@pytest.mark.parametrize(
    ("path", "words"),
    [("none", "there is no such folder"), ("folder", "this folder is no Git repository")],
)
def test_a_path_that_is_no_repository(path: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    at = Access(url=str(tmp_path / path))

    assert f"{at.url}: {words}" == str(failure(at, tmp_path / "state"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.git", "ssh://git@127.0.0.1:9/x.git"])
def test_a_limit_of_processes_is_the_hosts_trouble_and_no_bug(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel says no to is in threading a RuntimeError; and no ssh is left that nobody reads from."""
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **more: object) -> None:
            super().__init__(*args, **more)  # type: ignore[call-overload]
            started.append(self)

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ssh, "command", lambda *_: ("sleep", "60"))
    monkeypatch.setattr(ssh.subprocess, "Popen", Noted)  # type: ignore[attr-defined]
    monkeypatch.setattr(threading.Thread, "start", start)

    with pytest.raises(SourceError) as caught:
        source(Access(url=url), tmp_path / "state").newest(None)

    assert f"{url}: no thread can be started on this host" == str(caught.value)
    assert "pids.max" in caught.value.hint
    assert all(process.returncode is not None for process in started)


def test_every_foreign_exception_is_translated() -> None:
    """All that the libraries raise, by their own names; a new release's new class is seen here."""

    assert all((http, file, pack))  # so that what they import is there
    for kind in (
        errors.GitProtocolError, errors.HangupException, errors.NotGitRepository, errors.ObjectFormatException,
        errors.ChecksumMismatch, errors.ApplyDeltaError, errors.ObjectMissing, errors.SendPackError,
        urllib3.exceptions.HTTPError, urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ProtocolError,
        OSError, ValueError, KeyError, AssertionError, zlib.error, MemoryError, EOFError, RecursionError,
    ):  # fmt: skip
        assert issubclass(kind, foreign()), kind
        with pytest.raises(SourceError, match=r"^/nowhere: "), reported(Access(url="/nowhere")):
            raise kind.__new__(kind)


def test_credentials_in_a_foreign_message_are_left_out() -> None:
    with pytest.raises(SourceError) as caught, reported(Access(url="https://git.example.com/x")):
        raise ValueError("no way to https://user:secret@proxy.example.com:80/")

    assert "secret" not in str(caught.value)


def test_a_push_to_a_lost_race_is_told_apart(tmp_path: Path) -> None:
    """The remote's ref has moved: its own class of error, and the winner stays."""
    make_bare(tmp_path / "bare.git")
    remote = open_remote(Access(url=str(tmp_path / "bare.git")))
    first, second, third = (_commit(text) for text in (b"1", b"2", b"3"))
    ref = Ref(branch="status/a").name
    remote.push(ref, None, first[0].id, first)

    with pytest.raises(PushRejectedError, match="somebody else moved it first"):
        remote.push(ref, None, second[0].id, second)
    with pytest.raises(PushRejectedError, match="is missing, nothing was pushed"):
        remote.push(ref, first[0].id, third[0].id, third[:1])

    assert first[0].id == remote.poll(ref)


def _commit(data: bytes) -> list[Item]:
    blob = Item.of(Kind.BLOB, data)
    tree = flat_tree({"f": blob.id})
    who = b"A <a@example.com> 1 +0000"
    commit = b"tree %s\nauthor %s\ncommitter %s\n\n%s" % (tree.id.encode(), who, who, data)
    return [Item.of(Kind.COMMIT, commit), tree, blob]
