"""Reports become commits on the status branch, over every way to a repository, and real git reads them back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.publish import Publisher
from agent.git.remote import PushRejectedError
from tests.git import places
from tests.git.reports import BRANCH, MESSAGE, START, publishing, put, subjects
from tests.servers.git import Bare, GitServer

pytestmark = pytest.mark.servers


def test_report_is_read_back_by_git(access: Access, guarded: Bare, tmp_path: Path) -> None:
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1, 2)
        assert 2 == publisher.push()
        assert 0 == publisher.push()
    assert ["report 1", "report 2"] == subjects(guarded)
    shown = guarded.git("log", "-1", "--format=%an <%ae> %at %ad|%cn <%ce> %ct|%T|%B", "--date=iso", BRANCH)
    seconds = int((START + timedelta(minutes=2)).timestamp())
    expected = f"trued <trued@edge-01> {seconds} 2026-11-23 01:04:03 +0000|trued <trued@edge-01> {seconds}|"
    assert shown.startswith(expected)
    assert shown.split("|")[3].rstrip() == f"report 2\n\n{MESSAGE}".rstrip()
    guarded.git("clone", "-q", "--branch", BRANCH, str(guarded.path), str(tmp_path / "clone"))
    files = {path.name: path.read_bytes() for path in (tmp_path / "clone").iterdir() if path.is_file()}
    assert {"status.json": b'{"n": 2}\n', "README.md": b"# edge-01\n"} == files
    assert "Trued-Host: edge-01" in guarded.git("log", "-1", "--format=%(trailers)", BRANCH)


def test_hundred_reports_go_in_one_push(access: Access, guarded: Bare, tmp_path: Path) -> None:
    guarded.git("config", "core.logAllRefUpdates", "true")
    with publishing(access, tmp_path) as publisher:
        put(publisher, *range(100))
        assert 100 == publisher.push()
    assert [f"report {number}" for number in range(100)] == subjects(guarded)
    if access.url != guarded.file:
        assert 1 == len((guarded.path / "logs/refs/heads" / BRANCH).read_text().splitlines())


def test_push_is_one_request(git_server: GitServer, https: Access, tmp_path: Path) -> None:
    with publishing(https, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        put(publisher, 2)
        with git_server.requests() as seen:
            publisher.push()
        assert ["POST"] == [request.method for request in seen]
    put_later = Publisher(https, BRANCH, tmp_path)
    put(put_later, 3)
    with git_server.requests() as seen:
        assert 1 == put_later.push()
    put_later.close()
    assert ["POST"] == [request.method for request in seen if request.status == 200]


def test_nothing_waiting_asks_nothing(git_server: GitServer, https: Access, tmp_path: Path) -> None:
    with git_server.requests() as seen, publishing(https, tmp_path) as publisher:
        assert 0 == publisher.push()
    assert [] == seen


def test_memory_lost_after_a_push_repeats_nothing(access: Access, guarded: Bare, tmp_path: Path) -> None:
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1, 2)
        kept = {path: path.read_bytes() for path in (tmp_path / "status/spool").iterdir()}
        publisher.push()
        (tmp_path / "status/tip.json").unlink()
        for path, data in kept.items():
            path.write_bytes(data)
        put(publisher, 3)
        assert 1 == publisher.push()
    assert ["report 1", "report 2", "report 3"] == subjects(guarded)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"url": 1}', b"\xff", b"null"])
def test_damaged_memory_is_told_and_repeats_nothing(
    guarded: Bare, tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(Access(url=guarded.file), tmp_path) as publisher:
        put(publisher, 1, 2)
        publisher.push()
        put(publisher, 3)
        (tmp_path / "status/tip.json").write_bytes(damage)
        put(publisher, 4)
        assert 2 == publisher.push()
    assert ["report 1", "report 2", "report 3", "report 4"] == subjects(guarded)
    assert "Trued-Dropped" not in guarded.git("log", "--format=%B", BRANCH)
    memory = tmp_path / "status/tip.json"
    assert [f"{memory}: damaged; the branch itself will say what is on it"] == caplog.messages


def test_dropped_reports_are_told_in_the_next_message(guarded: Bare, tmp_path: Path) -> None:
    with publishing(Access(url=guarded.file), tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        put(publisher, 2, 3, 4, 5)
        for number in (2, 3):
            (tmp_path / f"status/spool/{number:08}.json").unlink()
        (tmp_path / "status/spool/00000005.json").write_bytes(b"torn")
        put(publisher, 6)
        assert 2 == publisher.push()
        put(publisher, 7)
        publisher.push()
    assert ["report 1", "report 4", "report 6", "report 7"] == subjects(guarded)
    notes = guarded.git(
        "log", "--reverse", "--format=%(trailers:key=Trued-Dropped,valueonly,separator=)", BRANCH
    )
    assert ["", "2", "1", ""] == notes.split("\n")[:4]


def test_dropped_report_is_told_of_a_message_without_trailers(guarded: Bare, tmp_path: Path) -> None:
    with publishing(Access(url=guarded.file), tmp_path) as publisher:
        for word in ("one", "two"):
            publisher.put({"a": b""}, word, START)
        (tmp_path / "status/spool/00000001.json").unlink()
        publisher.push()
    assert "two\n\nTrued-Dropped: 1\n\n" == guarded.git("log", "--format=%B", BRANCH)


def test_committers_time_never_goes_back(guarded: Bare, tmp_path: Path) -> None:
    with publishing(Access(url=guarded.file), tmp_path) as publisher:
        put(publisher, 9)
        publisher.push()
        put(publisher, 3, 12)
        publisher.push()
    minutes = [(START + timedelta(minutes=number)).timestamp() for number in (9, 3, 12)]
    author, committer = [int(minute) for minute in minutes], [int(max(minutes[: n + 1])) for n in range(3)]
    shown = guarded.git("log", "--reverse", "--format=%at %ct", BRANCH).split()
    assert [str(each) for pair in zip(author, committer, strict=True) for each in pair] == shown


def test_status_may_go_to_another_repository(git_server: GitServer, guarded: Bare, tmp_path: Path) -> None:
    reports = git_server.create(guard=True)
    with publishing(places.access(git_server, guarded, "https"), tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
    with publishing(places.access(git_server, reports, "ssh"), tmp_path) as publisher:
        put(publisher, 2)
        assert 1 == publisher.push()
    assert (["report 1"], ["report 2"]) == (subjects(guarded), subjects(reports))
    assert "Trued-Dropped" not in reports.git("log", "--format=%B", BRANCH)


@pytest.mark.parametrize("way", ["https", "ssh"])
def test_refusal_of_a_hook_is_told_in_the_servers_words(
    git_server: GitServer, guarded: Bare, tmp_path: Path, way: str
) -> None:
    access = places.access(git_server, guarded, way)
    with publishing(access, tmp_path, "main") as publisher:
        put(publisher, 1)
        with pytest.raises(PushRejectedError) as error:
            publisher.push()
        assert access.url in str(error.value)
        assert "pre-receive hook declined" in str(error.value)
        assert "main" in error.value.hint
        put(publisher, 2)
        with pytest.raises(PushRejectedError):
            publisher.push()
    assert 2 == len(list((tmp_path / "status/spool").glob("*.json")))
    assert "" == guarded.git("for-each-ref")


def test_read_only_key_is_told_in_the_servers_words(
    git_server: GitServer, guarded: Bare, tmp_path: Path
) -> None:
    ssh = git_server.ssh
    access = Access(url=guarded.ssh, ssh_key=ssh.read_only_key, known_hosts=ssh.known_hosts)
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        with pytest.raises(SourceError, match="this deploy key is read-only"):
            publisher.push()
    assert 1 == len(list((tmp_path / "status/spool").glob("*.json")))


def test_token_without_rights_is_told(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    bare.git("config", "http.receivepack", "false")
    with publishing(places.access(git_server, bare, "https"), tmp_path) as publisher:
        put(publisher, 1)
        with pytest.raises(SourceError) as error:
            publisher.push()
        assert bare.https in str(error.value)
        assert "403" in str(error.value) or "forbidden" in str(error.value).lower()


def test_missing_repository_is_told(tmp_path: Path) -> None:
    with publishing(Access(url=str(tmp_path / "nothing")), tmp_path) as publisher:
        put(publisher, 1)
        with pytest.raises(SourceError, match="nothing"):
            publisher.push()


def test_memory_that_cannot_be_written_repeats_nothing(guarded: Bare, tmp_path: Path) -> None:
    with publishing(Access(url=guarded.file), tmp_path) as publisher:
        put(publisher, 1)
        (tmp_path / "status/tip.json").mkdir()
        assert 1 == publisher.push()
        (tmp_path / "status/tip.json").rmdir()
        put(publisher, 2)
        assert 1 == publisher.push()
    assert ["report 1", "report 2"] == subjects(guarded)


def test_memory_holds_no_credentials(git_server: GitServer, https: Access, tmp_path: Path) -> None:
    with publishing(https, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
    memory = json.loads((tmp_path / "status/tip.json").read_text())
    assert {"url", "branch", "sha", "time", "through"} == set(memory)
    assert "agentpw" not in str(memory)
    assert 0o600 == (tmp_path / "status/tip.json").stat().st_mode & 0o777
    assert SimpleNamespace(**memory).url == https.url
