"""Any host makes a branch and commits that Git takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.git.address import Access
from agent.git.publish import Publisher, status_branch
from tests.git.reports import BRANCH, publishing, put, subjects
from tests.servers.git import Bare

pytestmark = pytest.mark.servers


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


@pytest.mark.parametrize("host", ["web<1>\n", "bücher", "", "a b"])
@pytest.mark.parametrize("message", ["", "a\0b", "ü\ud800", "\n\n"])
def test_odd_hosts_and_messages_make_sound_commits(
    guarded: Bare, tmp_path: Path, host: str, message: str
) -> None:
    publisher = Publisher(Access(url=guarded.file), BRANCH, tmp_path, host=host)
    publisher.put({"status.json": b"{}"}, message, datetime(1960, 1, 1, tzinfo=UTC))
    assert 1 == publisher.push()
    assert 1 == len(subjects(guarded))
