"""Nothing is lost and nothing appears twice: the remote away, an answer lost, a branch that others write to."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access
from agent.git.limits import Limits
from agent.git.publish import Publisher
from tests.disk import limited_file_size
from tests.git import places
from tests.git.reports import BRANCH, publishing, put, subjects
from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet
from tests.waiting import until

pytestmark = pytest.mark.servers


def test_reports_wait_while_the_remote_is_away_and_go_in_order(
    git_server: GitServer, guarded: Bare, faulty_https: FaultProxy, tmp_path: Path
) -> None:
    access = places.through(faulty_https, git_server, guarded)
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        publisher.close()
        faulty_https.fault = Fault(refuse=True)
        for number in (2, 3, 4):
            put(publisher, number)
            with pytest.raises(SourceError) as error:
                publisher.push()
            assert access.url in str(error.value)
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
    access = places.through(faulty_https, git_server, guarded)
    caplog.set_level(logging.INFO)
    with publishing(access, tmp_path) as publisher:
        put(publisher, 1)
        publisher.push()
        put(publisher, 2, 3)
        faulty_https.fault = Fault(cut_after=0)  # the server does it, and nobody hears
        with pytest.raises(SourceError):
            publisher.push()
        until(lambda: ["report 1", "report 2", "report 3"] == subjects(guarded))
        faulty_https.fault = Fault()
        put(publisher, 4)
        assert 1 == publisher.push()
    assert ["report 1", "report 2", "report 3", "report 4"] == subjects(guarded)
    assert (
        f"{access.url}: {BRANCH}: 2 reports are there already: the answer to an earlier push was lost"
        in caplog.messages
    )


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


def test_full_disk_while_the_branch_is_looked_at_is_told_and_loses_nothing(
    https: Access, guarded: Bare, tmp_path: Path
) -> None:
    with publishing(https, tmp_path / "one") as one, publishing(https, tmp_path / "two") as two:
        put(one, 1)
        one.push()
        put(two, 2)
        two.push()
        put(one, 3)
        with limited_file_size(0), pytest.raises(SourceError, match="File too large"):
            one.push()
        assert 1 == one.push()
    assert ["report 1", "report 2", "report 3"] == subjects(guarded)


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


def test_race_that_is_always_lost_is_given_up(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    # An update hook runs between the server's look at the ref and its move.
    first = (
        "#!/bin/sh\n"
        "tree=$(git hash-object -t tree -w /dev/null)\n"
        "old=$(git rev-parse -q --verify $1)\n"
        "git update-ref $1 $(echo other | git -c user.name=o -c user.email=o@o commit-tree $tree ${old:+-p $old})\n"
    )
    git_server.set_hook(bare.path, first, "update")
    with publishing(places.access(git_server, bare, "https"), tmp_path) as publisher:
        put(publisher, 1)
        with pytest.raises(SourceError) as error:
            publisher.push()
        assert f"{bare.https}: {BRANCH}: others were first, 4 times in a row" == str(error.value)
        assert "status.branch" in error.value.hint
        (bare.path / "hooks/update").unlink()
        assert 1 == publisher.push()
    assert ["other", "other", "other", "other", "report 1"] == subjects(bare)


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


def test_stalling_server_is_given_up(
    git_server: GitServer, guarded: Bare, faulty_https: FaultProxy, tmp_path: Path
) -> None:
    access = places.through(faulty_https, git_server, guarded)
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
