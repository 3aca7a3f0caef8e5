"""Servers that are not as one would wish: old, misconfigured, behind a proxy, or hostile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access, Ref
from agent.git.limits import Limits
from agent.git.remote import open_remote
from agent.git.wire import line
from tests.git.places import access, fleet, read, source
from tests.servers.git import Bare, GitServer
from tests.servers.repo import git

FILES = {"fleet.yaml": "hosts: [a]\n", "base/base.yaml": "files: {}\n"}
SHORT = Limits(connect=1, stall=0.5, total=1.5, refs=20_000)


@pytest.mark.servers
@pytest.mark.parametrize("road", ["https", "ssh"])
@pytest.mark.parametrize("filtered", [True, False], ids=["filter", "shallow"])
def test_a_server_without_version_2(
    git_server: GitServer, road: str, filtered: bool, tmp_path: Path
) -> None:
    """Old servers, and sshd without AcceptEnv GIT_PROTOCOL, answer in version 0: the same commits come."""
    bare = git_server.create(allow_filter=filtered)
    bare.git("config", "protocol.version", "0")
    git("config", "--file", str(git_server.gitconfig), "protocol.version", "0", cwd=tmp_path)
    try:
        work = fleet(tmp_path / "work", FILES)
        held = work.push(bare.file)
        there = source(access(git_server, bare, road), tmp_path / "state")
        assert FILES == read(there.newest(None).tree)
        there.keep([held])
        work.write({"new": "new"}).commit()
        tip = work.push(bare.file)

        assert tip == there.newest(held).sha
        assert {**FILES, "new": "new"} == read(there.newest(held).tree)
    finally:
        git("config", "--file", str(git_server.gitconfig), "--unset", "protocol.version", cwd=tmp_path)


@pytest.mark.servers
@pytest.mark.parametrize("road", ["https", "ssh"])
def test_a_server_that_stops_filtering_is_asked_otherwise(
    git_server: GitServer, road: str, tmp_path: Path
) -> None:
    """Another forge behind the same address, or a setting: a running daemon learns of it at the next look."""
    bare = git_server.create(allow_filter=True)
    work = fleet(tmp_path / "work", FILES)
    held = work.push(bare.file)
    there = source(access(git_server, bare, road), tmp_path / "state")
    read(there.newest(None).tree)
    there.keep([held])
    bare.git("config", "uploadpack.allowFilter", "false")
    work.write({"new": "new"}).commit()
    tip = work.push(bare.file)

    with suppress(SourceError):
        read(there.newest(held).tree)

    assert tip == there.newest(held).sha
    assert {**FILES, "new": "new"} == read(there.newest(held).tree)


@contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve each connection with a function, in a thread of its own; give the port."""

    def serve(connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            connection.recv(65536)
            answer(connection)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def says(body: bytes, status: str = "200 OK", headers: str = "") -> Callable[[socket.socket], object]:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
    return lambda connection: connection.sendall(head + body)


ANSWERS = {
    "a web page": (
        says(b"<!doctype html><p>hello"),
        "the answer is not Git's: is this the URL of a repository?",
    ),
    "nothing": (says(b""), "the server hung up in the middle of its answer"),
    "an impossible length": (says(b"ffff" + b"x" * 70_000), "a line of an impossible length"),
    "length 3": (says(b"0003"), "a line of an impossible length"),
    "an error in words": (
        says(line(b"ERR access \x1b[31mdenied\nsorry")),
        "the server says: access ?[31mdenied sorry",
    ),
    "no ref": (says(line(b"hello world\n") + b"0000"), "a line that names no ref"),
    "endless refs": (
        says((line(b"1" * 40 + b" refs/heads/x\n")) * 1000 + b"0000"),
        "longer than 20000 bytes",
    ),
    "SHA-256": (says(line(b"version 2\n") + line(b"object-format=sha256\n") + b"0000"), ""),
    "503": (says(b"", "503 Busy"), "the server answers with HTTP status 503"),
    "moved": (
        says(
            b"", "301 Moved", "Location: https://new.example.com/x.git/info/refs?service=git-upload-pack\r\n"
        ),
        "the server sends us on (301) to https://new.example.com/x.git",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_makes_no_sense(case: str, tmp_path: Path) -> None:
    """It is one line of text, safe to show, and no traceback."""
    answer, words = ANSWERS[case]
    with answering(answer) as port:
        at = Access(url=f"http://127.0.0.1:{port}/x.git")
        with pytest.raises(SourceError) as caught:
            source(at, tmp_path / "state", limits=SHORT).newest(None)

    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{at.url}: ")
    assert str(caught.value).isprintable()


def test_a_kept_connection_that_the_server_let_go_of_is_no_trouble(tmp_path: Path) -> None:
    """It closes when the next request comes, too late for anybody to have noticed before."""
    sha = "1" * 40
    asked: list[socket.socket] = []

    def once(connection: socket.socket) -> None:
        asked.append(connection)
        says(line(f"{sha} refs/heads/main\n".encode()) + b"0000")(connection)
        connection.recv(65536)

    with answering(once) as port:
        remote = open_remote(Access(url=f"http://127.0.0.1:{port}/x.git"), SHORT)
        assert [sha, sha, sha] == [remote.poll("refs/heads/main") for _ in range(3)]
        remote.close()

    assert 3 == len(asked)


def drip(connection: socket.socket) -> None:
    """One byte of the headers at a time, for ever, each in time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.1)


def test_headers_that_drip_are_given_up(tmp_path: Path) -> None:
    """The total time holds for every byte of an answer, not only for its body."""
    begun = time.monotonic()
    with answering(drip) as port, pytest.raises(SourceError, match="gave up after 1[.]5 s in total"):
        source(Access(url=f"http://127.0.0.1:{port}/x"), tmp_path / "state", limits=SHORT).newest(None)

    assert time.monotonic() - begun < 5


def test_a_proxy_that_wants_credentials(tmp_path: Path) -> None:
    """407 names the proxy, and how to write it; its password is shown nowhere."""
    with answering(says(b"", "407 Proxy Authentication Required")) as port:
        at = Access(url="https://git.example.com/x", proxy=f"http://ada:secret@127.0.0.1:{port}")
        with pytest.raises(SourceError) as caught:
            source(at, tmp_path / "state", limits=SHORT).newest(None)

    assert "https://git.example.com/x: the proxy wants credentials (407)" == str(caught.value)
    assert "secret" not in str(caught.value) + caught.value.hint


def tunnel(seen: list[bytes], port: int) -> Callable[[socket.socket], object]:
    """Answer CONNECT and carry bytes to a port, as a proxy does."""

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    def serve(connection: socket.socket) -> None:
        seen.append(b"")
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=carry, args=(upstream, connection), daemon=True).start()
            carry(connection, upstream)

    return serve


@pytest.mark.servers
def test_a_proxy_is_used(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    """All goes through the tunnel, the server's certificate is checked as ever."""
    fleet(tmp_path / "work", FILES).push(bare.file)
    seen: list[bytes] = []
    with answering(tunnel(seen, git_server.https_port)) as port:
        at = Access(
            url=bare.https,
            token_file=git_server.token_file,
            ca_file=git_server.tls.ca,
            proxy=f"http://127.0.0.1:{port}",
        )
        there = source(at, tmp_path / "state")
        assert FILES == read(there.newest(None).tree)
        there._remote.close()

    assert 1 == len(seen)


@pytest.mark.servers
@pytest.mark.parametrize("road", ["file", "https", "ssh"])
def test_refs_are_listed_by_prefix(git_server: GitServer, bare: Bare, road: str, tmp_path: Path) -> None:
    work = fleet(tmp_path / "work", FILES)
    sha = work.push(bare.file)
    for name in ("status/a", "status/b"):
        work.push(bare.file, f"refs/heads/{name}")
    bare.git("pack-refs", "--all")
    remote = open_remote(access(git_server, bare, road))

    assert {"refs/heads/status/a": sha, "refs/heads/status/b": sha} == dict(
        remote.refs("refs/heads/status/")
    )
    assert remote.poll(Ref(branch="stat").name) is None
    remote.close()
