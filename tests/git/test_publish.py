"""Reports become commits on the status branch, over every way to a repository, and real git reads them back."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.limits import Limits
from agent.git.publish import Publisher, status_branch
from agent.git.remote import PushRejectedError
from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet

WAYS = ("https", "ssh", "file")
BRANCH = "status/edge-01"
START = datetime(2026, 11, 23, 1, 2, 3, 456789, UTC)
MESSAGE = "edge-01: converged at 1a2b3c4\n\nTrued-Host: edge-01\nTrued-Result: converged\n"

pytestmark = pytest.mark.servers


@pytest.fixture(params=WAYS)
def access(request: pytest.FixtureRequest, git_server: GitServer, guarded: Bare) -> Access:
    return access_to(guarded, git_server, request.param)


def access_to(bare: Bare, server: GitServer, way: str) -> Access:
    """Return the agent's own access, as a deploy key or a token gives it."""
    match way:
        case "https":
            return Access(url=bare.https, token_file=server.token_file, ca_file=server.tls.ca)
        case "ssh":
            return Access(url=bare.ssh, ssh_key=server.ssh.key, known_hosts=server.ssh.known_hosts)
        case _:
            return Access(url=bare.file)


@pytest.fixture
def https(git_server: GitServer, guarded: Bare) -> Access:
    return access_to(guarded, git_server, "https")


@contextmanager
def publishing(access: Access, state: Path, branch: str = BRANCH) -> Iterator[Publisher]:
    publisher = Publisher(access, branch, state)
    try:
        yield publisher
    finally:
        publisher.close()


def put(publisher: Publisher, *numbers: int) -> None:
    for number in numbers:
        files = {"status.json": b'{"n": %d}\n' % number, "README.md": b"# edge-01\n"}
        publisher.put(files, f"report {number}\n\n{MESSAGE}", START + timedelta(minutes=number))


def subjects(bare: Bare, branch: str = BRANCH) -> list[str]:
    """Return what `git log` shows, oldest first, after holding the whole repository against fsck."""
    bare.git("fsck", "--strict", "--full")
    return bare.git("log", "--reverse", "--format=%s", branch).splitlines()


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


def test_reports_wait_while_the_remote_is_away_and_go_in_order(
    git_server: GitServer, guarded: Bare, faulty_https: FaultProxy, tmp_path: Path
) -> None:
    url = guarded.https.replace(f":{git_server.https_port}/", f":{faulty_https.port}/")
    access = Access(url=url, token_file=git_server.token_file, ca_file=git_server.tls.ca)
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        publisher.close()
        faulty_https.fault = Fault(refuse=True)
        for number in (2, 3, 4):
            put(publisher, number)
            with pytest.raises(SourceError) as error:
                publisher.push()
            assert url in str(error.value)
        faulty_https.fault = Fault()
        assert 3 == publisher.push()
    assert ["report 1", "report 2", "report 3", "report 4"] == subjects(guarded)


def test_lost_answer_does_not_make_a_report_appear_twice(
    git_server: GitServer,
    guarded: Bare,
    faulty_https: FaultProxy,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = guarded.https.replace(f":{git_server.https_port}/", f":{faulty_https.port}/")
    access = Access(url=url, token_file=git_server.token_file, ca_file=git_server.tls.ca)
    caplog.set_level(logging.INFO)
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        put(publisher, 2, 3)
        faulty_https.fault = Fault(cut_after=0)  # the server does it, and nobody hears
        with pytest.raises(SourceError):
            publisher.push()
        wait_for(lambda: ["report 1", "report 2", "report 3"] == subjects(guarded))
        faulty_https.fault = Fault()
        put(publisher, 4)
        assert 1 == publisher.push()
    assert ["report 1", "report 2", "report 3", "report 4"] == subjects(guarded)
    assert (
        f"{url}: {BRANCH}: 2 reports are there already: the answer to an earlier push was lost"
        in caplog.messages
    )


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(200):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come true")


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


@pytest.mark.parametrize("host", ["web<1>\n", "bücher", "", "a b"])
@pytest.mark.parametrize("message", ["", "a\0b", "ü\ud800", "\n\n"])
def test_odd_hosts_and_messages_make_sound_commits(
    guarded: Bare, tmp_path: Path, host: str, message: str
) -> None:
    publisher = Publisher(Access(url=guarded.file), BRANCH, tmp_path, host=host)
    publisher.put({"status.json": b"{}"}, message, datetime(1960, 1, 1, tzinfo=UTC))
    assert 1 == publisher.push()
    assert 1 == len(subjects(guarded))


def test_branch_that_was_deleted_starts_anew(
    access: Access, guarded: Bare, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        guarded.git("update-ref", "-d", f"refs/heads/{BRANCH}")
        put(publisher, 2)
        assert 1 == publisher.push()
    assert ["report 2"] == subjects(guarded)
    assert f"{access.url}: {BRANCH}: is gone from the server; starting it anew" in caplog.messages


def test_branch_that_was_rewritten_is_gone_on_with(
    access: Access, guarded: Bare, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet(tmp_path / "work").write({"other": "x"})
    fleet.commit("rewritten")
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        fleet.push(guarded.path, f"refs/heads/{BRANCH}", force=True)
        put(publisher, 2)
        assert 1 == publisher.push()
    assert ["rewritten", "report 2"] == subjects(guarded)
    assert (
        f"{access.url}: {BRANCH}: was rewritten on the server; going on behind what is there"
        in caplog.messages
    )


def test_commit_of_somebody_else_is_kept(
    access: Access, guarded: Bare, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with publishing(access, tmp_path / "one") as one, publishing(access, tmp_path / "two") as two:
        put(one, 1)
        one.push()
        put(two, 2)
        two.push()
        put(one, 3)
        assert 1 == one.push()
    assert ["report 1", "report 2", "report 3"] == subjects(guarded)
    assert (
        f"{access.url}: {BRANCH}: somebody else wrote to this branch; going on behind that"
        in caplog.messages
    )


def test_two_publishers_racing_lose_nothing(access: Access, guarded: Bare, tmp_path: Path) -> None:
    rounds = 3 if access.url == guarded.ssh else 15
    failures: list[BaseException] = []

    def publish(name: int) -> None:
        with publishing(access, tmp_path / str(name)) as publisher:
            for number in range(rounds):
                put(publisher, name + number)
                try:
                    publisher.push()
                except SourceError as error:
                    if not re.search(r"others were first|\.lock", str(error)):
                        failures.append(error)

    threads = [threading.Thread(target=publish, args=(name,)) for name in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in (100, 200):
        with publishing(access, tmp_path / str(name)) as publisher:
            publisher.push()
    assert [] == failures
    found = subjects(guarded)
    for name in (100, 200):
        mine = [f"report {name + number}" for number in range(rounds)]
        assert mine == [subject for subject in found if subject in mine]


def test_hosts_with_branches_of_their_own_never_race(https: Access, guarded: Bare, tmp_path: Path) -> None:
    def publish(name: str) -> None:
        with publishing(https, tmp_path / name, f"status/{name}") as publisher:
            for number in range(5):
                put(publisher, number)
                publisher.push()

    threads = [threading.Thread(target=publish, args=(f"edge-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"edge-{number}": 5 for number in range(4)} == {
        f"edge-{number}": len(subjects(guarded, f"status/edge-{number}")) for number in range(4)
    }


def test_status_may_go_to_another_repository(git_server: GitServer, guarded: Bare, tmp_path: Path) -> None:
    reports = git_server.create(guard=True)
    with publishing(access_to(guarded, git_server, "https"), tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
    with publishing(access_to(reports, git_server, "ssh"), tmp_path) as publisher:
        put(publisher, 2)
        assert 1 == publisher.push()
    assert (["report 1"], ["report 2"]) == (subjects(guarded), subjects(reports))
    assert "Trued-Dropped" not in reports.git("log", "--format=%B", BRANCH)


@pytest.mark.parametrize("way", ["https", "ssh"])
def test_refusal_of_a_hook_is_told_in_the_servers_words(
    git_server: GitServer, guarded: Bare, tmp_path: Path, way: str
) -> None:
    access = access_to(guarded, git_server, way)
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
    with publishing(access_to(bare, git_server, "https"), tmp_path) as publisher:
        put(publisher, 1)
        with pytest.raises(SourceError) as error:
            publisher.push()
        assert bare.https in str(error.value)
        assert "403" in str(error.value) or "forbidden" in str(error.value).lower()


def test_stalling_server_is_given_up(
    git_server: GitServer, guarded: Bare, faulty_https: FaultProxy, tmp_path: Path
) -> None:
    url = guarded.https.replace(f":{git_server.https_port}/", f":{faulty_https.port}/")
    access = Access(url=url, token_file=git_server.token_file, ca_file=git_server.tls.ca)
    limits = Limits(connect=0.3, stall=0.3, total=2)
    publisher = Publisher(access, BRANCH, tmp_path, limits=limits)
    put(publisher, 1)
    faulty_https.fault = Fault(hang=True)
    with pytest.raises(SourceError):
        publisher.push()
    faulty_https.fault = Fault()
    assert 1 == publisher.push()
    publisher.close()
    assert ["report 1"] == subjects(guarded)


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


@pytest.mark.parametrize(
    ("host", "branch"),
    [
        ("edge-01", "status/edge-01"),
        ("edge.example.com", "status/edge.example.com"),
        ("bücher", "status/bücher"),
        ("a b", "status/a-b-c8687a08"),
        ("a..b", "status/a-b-"),
        (".hidden", "status/hidden-"),
        ("x.lock", "status/x-lock-"),
        ("x.", "status/x-"),
        ("a/b", "status/a-b-"),
        ("~^:?*[\\", "status/"),
        ("@{u}", "status/"),
        ("-x", "status/x-"),
        ("", "status/"),
        ("a\0b\n", "status/a-b-"),
        ("a\ud800", "status/a"),
        ("x" * 300, f"status/{'x' * 100}-"),
    ],
)
def test_branch_of_an_odd_host_is_one_that_git_takes(
    host: str, branch: str, guarded: Bare, tmp_path: Path
) -> None:
    found = status_branch("status/{host}", host)
    assert found.startswith(branch)
    guarded.git("check-ref-format", "--branch", found)
    with publishing(Access(url=guarded.file), tmp_path, found) as publisher:
        put(publisher, 1)
        publisher.push()
    assert ["report 1"] == subjects(guarded, found)


def test_two_odd_hosts_do_not_share_a_branch() -> None:
    hosts = ("a b", "a-b", "a/b", "a  b", "a:b")
    assert len(hosts) == len({status_branch("status/{host}", host) for host in hosts})


@pytest.mark.parametrize(
    "pattern", ["", "/", "status//{host}", "status/{host}..", "-{host}", "status/{host}/"]
)
def test_pattern_that_makes_no_branch_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a branch name that Git allows"):
        status_branch(pattern, "edge-01")


def test_memory_holds_no_credentials(git_server: GitServer, https: Access, tmp_path: Path) -> None:
    with publishing(https, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
    memory = json.loads((tmp_path / "status/tip.json").read_text())
    assert {"url", "branch", "sha", "time", "through"} == set(memory)
    assert "agentpw" not in str(memory)
    assert 0o600 == (tmp_path / "status/tip.json").stat().st_mode & 0o777
    assert SimpleNamespace(**memory).url == https.url
