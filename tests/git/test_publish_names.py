"""Branches are those that Git takes, and any host and message make commits that it takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.git.address import Access
from agent.git.publish import Publisher
from tests.git.reports import BRANCH, publishing, put, subjects
from tests.servers.git import Bare

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("branch", ["status/edge-01", "fleet/edge.example.com", "status/bücher", "one"])
def test_a_branch_that_git_takes_is_pushed_to(branch: str, guarded: Bare, tmp_path: Path) -> None:
    guarded.git("check-ref-format", "--branch", branch)
    with publishing(Access(url=guarded.file), tmp_path, branch) as publisher:
        put(publisher, 1)
        publisher.push()

    assert ["report 1"] == subjects(guarded, branch)


@pytest.mark.parametrize(
    "branch",
    ["", "/", "status//edge-01", "status/edge-01..", "-edge-01", "status/edge-01/", "a b", "x.lock"],
)
def test_what_is_no_branch_is_refused_before_anything_is_kept(branch: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a branch name that Git allows"):
        Publisher(Access(url=str(tmp_path)), branch, tmp_path / "state")

    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("host", ["web<1>\n", "bücher", "", "a b"])
@pytest.mark.parametrize("message", ["", "a\0b", "ü\ud800", "\n\n"])
def test_odd_hosts_and_messages_make_sound_commits(
    guarded: Bare, tmp_path: Path, host: str, message: str
) -> None:
    publisher = Publisher(Access(url=guarded.file), BRANCH, tmp_path, host=host)
    publisher.put({"status.json": b"{}"}, message, datetime(1960, 1, 1, tzinfo=UTC))
    assert 1 == publisher.push()
    assert 1 == len(subjects(guarded))
