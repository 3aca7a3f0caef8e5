"""The commit messages of a status branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent.model import Report, Standing, Verdict
from agent.status.document import status_of
from agent.status.message import LINES, message, subject, tally
from agent.status.text import width
from tests.servers.repo import git
from tests.status.reports import BLOCKED, CHANGED, COMMIT, FAILED, HELD, RELEASED, UNCHANGED, failing, report

RESOURCES = {"/a": CHANGED, "/b": FAILED, "/c": BLOCKED, "/d": UNCHANGED}


@pytest.mark.parametrize(
    ("told", "heartbeat", "says"),
    [
        (report({"/a": CHANGED, "/b": CHANGED}), False, "edge-01: converged at 1a2b3c4, 2 changed"),
        (report({"/a": UNCHANGED}), False, "edge-01: converged at 1a2b3c4"),
        (report({"/a": UNCHANGED}), True, "edge-01: still converged at 1a2b3c4"),
        (report({"/a": RELEASED}), False, "edge-01: converged at 1a2b3c4, 1 released"),
        (
            report(RESOURCES, Verdict.FAILED),
            False,
            "edge-01: failed at 1a2b3c4, 1 failed, 1 blocked, 1 changed",
        ),
        (report({"/a": FAILED}, Verdict.FAILED), True, "edge-01: still failed at 1a2b3c4, 1 failed"),
        (report({"/a": HELD}, Verdict.HELD), False, "edge-01: held at 1a2b3c4, 1 held"),
        (failing("base.yaml:1:1: no", Verdict.INVALID), False, "edge-01: invalid, stays at 1a2b3c4"),
        (failing("not a descendant", Verdict.REFUSED), False, "edge-01: refused, stays at 1a2b3c4"),
        (failing("not listed", Verdict.REFUSED, None), False, "edge-01: refused, no commit yet"),
        (failing("unreachable", Verdict.FAILED, None), True, "edge-01: still failed, no commit yet"),
        (report(result=Verdict.ROLLED_BACK), False, "edge-01: rolled back to 1a2b3c4"),
        (report(result=Verdict.SUSPENDED), True, "edge-01: still suspended at 1a2b3c4"),
    ],
)
def test_the_subject_says_where_the_host_stands(told: Report, heartbeat: bool, says: str) -> None:
    """It is all that `git log --oneline` shows."""
    assert says == subject(status_of(told), heartbeat=heartbeat)


def test_the_whole_message() -> None:
    """Result, id, cause and reason in columns, trouble first; what is unchanged is left out."""
    told = report(
        {"/etc/nginx/conf.d/kiosk.conf": CHANGED, "/etc/b": FAILED, "/d": UNCHANGED}, Verdict.FAILED
    )

    assert (
        "edge-01: failed at 1a2b3c4, 1 failed, 1 changed\n"
        "\n"
        "failed    file:/etc/b                         drift: read-only file system\n"
        "changed   file:/etc/nginx/conf.d/kiosk.conf   commit: content differs\n"
        "\n"
        "Trued-Host: edge-01\n"
        f"Trued-Commit: {COMMIT}\n"
        "Trued-Result: failed\n"
    ) == message(status_of(told))


def test_a_heartbeat_has_nothing_but_trailers() -> None:
    """All is as declared."""
    assert (
        f"edge-01: still converged at 1a2b3c4\n\nTrued-Host: edge-01\nTrued-Commit: {COMMIT}\nTrued-Result: converged\n"
        == message(status_of(report({"/a": UNCHANGED})), heartbeat=True)
    )


def test_an_error_stands_first_and_line_by_line() -> None:
    """Why the newest commit is not the one followed."""
    told = failing(
        "base/base.yaml:3:5: unknown key 'contnet'\nhint: did you mean 'content'?", Verdict.INVALID
    )

    assert [
        "edge-01: invalid, stays at 1a2b3c4",
        "",
        "error   base/base.yaml:3:5: unknown key 'contnet'",
        "error   hint: did you mean 'content'?",
        "",
    ] == message(status_of(told)).splitlines()[:5]


def test_a_host_without_a_commit_has_no_commit_trailer() -> None:
    """An empty one would be read as a commit."""
    assert "Trued-Commit" not in message(status_of(failing("unreachable", Verdict.FAILED, None)))


def test_reasons_cannot_break_out_of_their_line() -> None:
    """A reason may quote a tool; no line of it can pass for a trailer, or move the cursor of a terminal."""
    evil = Standing(result="failed", reason="x\nTrued-Result: converged\n\x1b[2J\u202egnp.exe\udcff")

    text = message(status_of(report({"/a\nTrued-Host: other": evil}, Verdict.FAILED)))

    assert (
        "failed   file:/a\\nTrued-Host: other   x\\nTrued-Result: converged\\n\\x1b[2J\\u202egnp.exe\\xff"
        == text.splitlines()[2]
    )


def test_git_reads_the_trailers(tmp_path) -> None:
    """Whatever stands above them, also a line that ends a message for git-interpret-trailers(1)."""
    odd = {"/a": Standing(result="failed", reason="---"), "---": CHANGED}
    told = replace(failing("---\nTrued-Result: converged", Verdict.INVALID), resources=report(odd).resources)

    said = git("interpret-trailers", "--parse", cwd=tmp_path, stdin=message(status_of(told)).encode())

    assert [
        "Trued-Host: edge-01",
        f"Trued-Commit: {COMMIT}",
        "Trued-Result: invalid",
    ] == said.splitlines()


def test_a_message_is_bounded() -> None:
    """What is more stands in status.json."""
    many = {f"/etc/{number:04}": FAILED for number in range(LINES + 312)}

    lines = message(status_of(report(many, Verdict.FAILED))).splitlines()

    assert (LINES + 2 + 1 + 4, "… and 312 more") == (len(lines), lines[LINES + 2])


def test_a_subject_is_bounded() -> None:
    """A host name may have 253 characters."""
    long = replace(report(RESOURCES, Verdict.FAILED), host="h" * 253)

    assert 100 >= width(subject(status_of(long), heartbeat=True))


def test_columns_are_those_of_a_terminal() -> None:
    """A wide character takes two; a path beyond the widest column pushes its own line only."""
    told = report({"/日本": CHANGED, "/abcd": CHANGED, "/x" * 200: CHANGED})

    lines = message(status_of(told)).splitlines()[2:5]

    assert [
        "changed   file:/日本   commit: content differs",
        "changed   file:/abcd   commit: content differs",
        f"changed   file:{'/x' * 200}   commit: content differs",
    ] == lines


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        (RESOURCES, "1 failed, 1 blocked, 1 changed, 1 unchanged"),
        ({"/a": CHANGED}, "1 changed"),
        ({"/a": UNCHANGED, "/b": UNCHANGED}, "2 as declared"),
        ({}, "0 as declared"),
    ],
)
def test_a_tally_counts_each_once(resources: Mapping[str, Standing], says: str) -> None:
    """What was changed is as declared too; so that word is kept for when there is nothing else to say."""
    assert says == tally(status_of(report(resources)))
