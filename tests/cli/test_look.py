"""status, explain, log and fleet status on a host in a box."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.fleet import TOP, Box


def test_status_says_what_the_host_holds(box: Box) -> None:
    """From what is kept here: Git may be away."""
    commit = box.push(motd="hello\n")
    box.trued("apply")
    box.trued("apply")

    said = box.trued("status")

    assert [
        "edge-01 converged",
        "",
        f"  commit      {commit}",
        f"  last good   {commit}",
        "  looked at   0s ago",
        "  agent       trued 0.1.0",
        "",
        "1 as declared",
    ] == said.out.splitlines()
    assert "converged" == box.trued("--json", "status").data["result"]


def test_status_before_the_first_cycle(box: Box) -> None:
    """Not as declared, for all that is known; the way out is said."""
    said = box.trued("status")

    assert 3 == said.code
    assert "there is no report yet" in said.err
    assert "  hint: run one cycle with trued apply" in said.err


def test_an_old_status_asks_whether_the_service_runs(box: Box) -> None:
    box.push(motd="hello\n")
    box.trued("apply")
    old = time.time() - 7200
    os.utime(box.state / "status/last.json", (old, old))

    said = box.trued("status")

    assert (0, "trued: this is 2h old; does the service run? (systemctl status trued)\n") == (
        said.code,
        said.err,
    )


def test_explain_says_all_that_is_known(box: Box) -> None:
    """Where it is declared, whose it is, what became of it."""
    commit = box.push(motd="hello\n")
    box.trued("apply")
    box.remote.rename(box.remote.with_suffix(".away"))

    said = box.trued("explain", "--offline", "file:/etc/motd")
    data = box.trued("--json", "explain", "file:/etc/motd").data

    assert (0, "") == (said.code, said.err)
    assert f"  declared      base/base.yaml:2, commit {commit[:7]}" in said.out.splitlines()
    assert "  needs         file:/etc" in said.out.splitlines()
    assert "  owned         created: nothing was there before trued" in said.out
    assert ("changed", "commit", "file is missing") == (data["last_result"], data["cause"], data["reason"])


def test_explain_says_when_it_was_changed_last(box: Box) -> None:
    """By which commit and why, from the status branch; while that is away, the rest is said all the same."""
    first = box.push(motd="one\n", issue="x\n")
    box.trued("apply")
    second = box.push(motd="two\n", issue="x\n")
    box.trued("apply")

    changes = [
        box.trued("--json", "explain", f"file:/etc/{name}").data["last_change"].partition("Z at ")[2]
        for name in ("motd", "issue")
    ]
    box.remote.rename(box.remote.with_suffix(".away"))
    said = box.trued("explain", "file:/etc/motd")

    assert [
        f"{second[:7]} (commit: content differs)",
        f"{first[:7]} (commit: file is missing)",
    ] == changes
    assert (0, "trued: when it was changed is not known: ") == (said.code, said.err[:41])
    assert "last change" not in said.out


def test_explain_tells_what_a_blocked_one_waits_for(box: Box) -> None:
    """It needs something that failed."""
    (box.root / "etc/motd/full").mkdir(parents=True)
    box.push_document(
        'files:\n  /etc/motd: {content: "x"}\n  /etc/b: {content: "x", needs: ["file:/etc/motd"]}\n'
    )
    box.trued("apply")

    data = box.trued("--json", "explain", "file:/etc/b").data
    needed = box.trued("--json", "explain", "file:/etc/motd").data

    assert "blocked" == data["last_result"]
    assert data["waiting_for"][0].startswith("file:/etc/motd (")
    assert ["file:/etc/b"] == needed["needed_by"]


def test_explain_knows_the_nearest_ids(box: Box) -> None:
    box.push(motd="hello\n", issue="x")
    box.trued("apply")

    said = box.trued("explain", "file:/etc/mtod")

    assert 64 == said.code
    assert "trued: file:/etc/mtod: neither declared nor owned on this host" == said.err.splitlines()[0]
    assert said.err.splitlines()[1].startswith("  hint: did you mean file:/etc/motd")


def test_explain_tells_of_what_is_held_though_no_longer_declared(box: Box) -> None:
    """It is still owned."""
    box.push(**{f"f{number}": "x" for number in range(12)})
    box.trued("apply")
    box.push(f0="x")
    box.trued("apply")

    data = box.trued("--json", "explain", "file:/etc/f5").data

    assert data["declared"].startswith("nowhere in commit ")
    assert "held" == data["last_result"]


def test_log_shows_the_history(box: Box) -> None:
    """As git log of the status branch does."""
    box.push(motd="one\n")
    box.trued("apply")
    second = box.push(motd="two\n")
    box.trued("apply")

    whole, one = box.trued("log"), box.trued("--json", "log", "-n", "1")

    assert 2 == whole.out.count("Trued-Result: converged")
    assert [f"edge-01: converged at {second[:7]}, 1 changed"] == [commit["subject"] for commit in one.data]


def test_log_without_git_shows_the_last_report(box: Box) -> None:
    """It is kept here too, and 6 says that the branch was not read."""
    box.push(motd="one\n")
    box.trued("apply")
    box.remote.rename(box.remote.with_suffix(".away"))

    said = box.trued("log")

    assert 6 == said.code
    assert "trued: offline; this is the last report, kept on this host" in said.err.splitlines()
    assert 1 == said.out.count("Trued-Result: converged")


def test_log_of_a_host_that_never_reported(box: Box) -> None:
    box.push(motd="one\n")

    assert (0, "", "trued: status/edge-01: no reports yet\n") == (
        (said := box.trued("log")).code,
        said.out,
        said.err,
    )


def test_the_fleet_table(box: Box) -> None:
    """Read from all status branches, odd ones first; 3 when one needs a look."""
    commit = box.push(motd="one\n")
    box.trued("apply")
    fine = box.trued("fleet", "status")
    box.git("push", "-q", "origin", "main:status/garbage")

    odd = box.trued("fleet", "status", "--url", str(box.remote))

    assert (0, ["edge-01", "converged", commit[:7]]) == (fine.code, fine.out.splitlines()[1].split()[:3])
    assert 3 == odd.code
    assert ["garbage", "unreadable"] == odd.out.splitlines()[1].split()[:2]
    assert "2 hosts, 1 to look at" == odd.out.splitlines()[-1]
    assert ["unreadable", "converged"] == [
        row["result"] for row in box.trued("--json", "fleet", "status").data
    ]


def test_a_fleet_that_never_reported(box: Box) -> None:
    """No table of nothing, and nothing wrong."""
    box.push(motd="one\n")
    said = box.trued("fleet", "status")

    assert (0, "no host has reported yet\n", []) == (
        said.code,
        said.out,
        box.trued("--json", "fleet", "status").data,
    )


def test_a_fleet_that_cannot_be_reached_ends_with_6(box: Box, tmp_path: Path) -> None:
    assert 6 == box.trued("fleet", "status", "--url", str(tmp_path / "nowhere.git")).code


def test_what_is_logged_does_not_stand_in_the_line_that_shows_life(box: Box, tmp_path: Path) -> None:
    """On a terminal; here the other writer of this host's branch is one with another memory."""
    box.push(motd="one\n")
    box.trued("apply")
    state, box.state = box.state, tmp_path / "other"
    box.configure()
    box.trued("apply")
    box.state = state
    box.configure()
    (box.root / "etc/motd").write_text("drift\n")

    command = f"{sys.executable} -m agent --config {box.config} apply"
    said = subprocess.run(
        ("script", "-qec", command, "/dev/null"),
        env=os.environ | {"PYTHONPATH": str(TOP), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "bringing this host to what Git declares" in said
    assert 1 == len(re.findall(r"\x1b\[Ktrued: [^\n]*somebody else wrote", said))
