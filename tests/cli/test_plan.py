"""What `trued plan` shows of a host in a box: real Git, real files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.fleet import Box


def test_a_plan_says_what_and_why_and_changes_nothing(box: Box) -> None:
    """`+` with the whole file, and a summary; the host and what trued remembers stay as they are."""
    commit = box.push(motd="hello\n")

    said = box.trued("plan")

    assert (2, "") == (said.code, said.err)
    assert [
        f"edge-01: to {commit[:7]}, its first commit",
        "",
        "  + file:/etc       commit: folder is missing",
        "  + file:/etc/motd  commit: file is missing",
        "      @@ -0,0 +1 @@",
        "      +hello",
        "",
        "2 to create",
    ] == said.out.splitlines()
    assert [] == list(box.root.iterdir())
    assert not (box.state / "ledger.db").exists()


def test_a_changed_file_shows_its_difference(box: Box) -> None:
    """Between what is on the host and what Git says; drift is told from a new commit."""
    box.push(motd="one\ntwo\n", issue="x")
    box.trued("apply")
    box.push(motd="one\n2\n", issue="x")
    (box.root / "etc/issue").write_text("x\ny\n")

    assert [
        "  ~ file:/etc/issue  drift: content differs",
        "      @@ -1,2 +1 @@",
        "      -x",
        "      -y",
        "      +x",
        "      \\ No newline at end of file",
        "  ~ file:/etc/motd   commit: content differs",
        "      @@ -1,2 +1,2 @@",
        "       one",
        "      -two",
        "      +2",
        "",
        "2 to change",
    ] == box.trued("plan").out.splitlines()[2:]


def test_a_removal_is_shown_and_done(box: Box) -> None:
    box.push(motd="x", issue="y")
    box.trued("apply")
    box.push(motd="x")

    said = box.trued("plan")

    assert "  - file:/etc/issue  commit: no longer declared" in said.out.splitlines()
    assert "1 to remove, 1 as declared" == said.out.splitlines()[-1]
    assert 0 == box.trued("apply").code
    assert not (box.root / "etc/issue").exists()


def test_content_that_not_everybody_may_read_is_not_shown(box: Box) -> None:
    """A plan ends up in terminals and logs. Neither the new content nor that on the host."""
    box.push_document(
        'files:\n  /etc/key: {content: "s3cret\\n", mode: "0600"}\n  /etc/a: {content: "public\\n"}\n'
    )
    (box.root / "etc").mkdir()
    (box.root / "etc/a").write_text("hunter2\n")
    (box.root / "etc/a").chmod(0o640)

    said, asked = box.trued("plan"), box.trued("plan", "--private")

    assert [] == [word for word in ("s3cret", "hunter2", "public") if word in said.out]
    assert 2 == said.out.count("--private shows it)")
    assert [] == [word for word in ("s3cret", "hunter2", "public") if word not in asked.out]


def test_a_long_difference_is_cut_unless_asked(box: Box) -> None:
    box.push(motd="".join(f"{number}\n" for number in range(500)))

    assert "      … 442 more lines (--full shows them)" in box.trued("plan").out.splitlines()
    assert "      +499" in box.trued("plan", "--full").out.splitlines()


def test_odd_names_stay_on_their_line(box: Box) -> None:
    """Wide characters are aligned; marks that turn text around are shown as escapes."""
    box.push_document(
        'files:\n  "/etc/日本": {content: ""}\n  "/etc/\\u202eabc": {content: "\\u001b[2J\\n"}\n'
    )

    said = box.trued("plan")

    assert [
        "  + file:/etc            commit: folder is missing",
        "  + file:/etc/\\u202eabc  commit: file is missing",
        "      @@ -0,0 +1 @@",
        "      +\\x1b[2J",
        "  + file:/etc/日本       commit: file is missing",
    ] == said.out.splitlines()[2:7]


def test_a_plan_for_a_program(box: Box) -> None:
    """All of it: entries with their steps and differences, totals, exit code."""
    commit = box.push(motd="hello\n")

    said = box.trued("--json", "plan")

    assert said.code == said.data["exit_code"] == 2
    assert ("edge-01", commit, None, None) == tuple(
        said.data[key] for key in ("host", "commit", "held", "error")
    )
    assert {
        "id": "file:/etc/motd",
        "what": "create",
        "cause": "commit",
        "why": "file is missing",
        "origin": "base/base.yaml:2",
        "steps": [{"step": "WriteFile", "path": "/etc/motd", "why": "file is missing"}],
        "diff": ["@@ -0,0 +1 @@", "+hello"],
    } == said.data["entries"][1]
    assert 2 == said.data["totals"]["create"]


def test_on_a_terminal_there_are_colours(box: Box) -> None:
    """And none where nobody asked for them."""
    box.push(motd="one\n")
    command = f"TRUED_CONFIG={box.config} PYTHONPATH={Path(__file__).parents[2]} TERM=xterm {sys.executable} -m agent plan"

    def seen(environment: str) -> str:
        argv = ["script", "-qec", f"env {environment} {command}", "/dev/null"]
        return subprocess.run(
            argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        ).stdout

    assert "\x1b[32m+\x1b[0m file:/etc/motd" in seen("A=b")
    assert "\x1b[32m" not in seen("NO_COLOR=1")
