"""One cycle on a host in a box, and its exit codes: real Git, real files."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from agent.host.lock import cycle_lock
from tests.cli.fleet import Box


def test_after_apply_there_is_nothing_to_do(box: Box) -> None:
    """The first loop of all: plan 2, apply 0, plan 0; and the branch says so."""
    commit = box.push(motd="hello\n")

    codes = [box.trued(verb).code for verb in ("plan", "apply", "plan", "apply")]

    assert ([2, 0, 0, 0], "hello\n") == (codes, box.file("motd"))
    assert [f"edge-01: converged at {commit[:7]}, 2 changed"] == box.subjects()
    assert "nothing to do, 1 as declared" == box.trued("plan").out.splitlines()[-1]


def test_apply_says_what_became_of_each(box: Box) -> None:
    """Result, id, cause, reason; a last line sums up."""
    commit = box.push(motd="hello\n", issue="x\n")

    assert [
        "  changed  file:/etc        commit: folder is missing",
        "  changed  file:/etc/issue  commit: file is missing",
        "  changed  file:/etc/motd   commit: file is missing",
        "",
        f"edge-01 converged at {commit[:7]}: 3 changed",
    ] == box.trued("apply").out.splitlines()


def test_too_many_removals_are_held_until_let_through_once(box: Box) -> None:
    """Exit code 3, with the command that lets them through."""
    box.push(**{f"f{number}": "x" for number in range(12)})
    box.trued("apply")
    box.push(f0="x")

    plan, apply, status = box.trued("plan"), box.trued("apply"), box.trued("status")

    assert (3, 3, 3) == (plan.code, apply.code, status.code)
    assert "11 held, 1 as declared" == plan.out.splitlines()[-1]
    assert 11 == plan.out.count("  remove held [1]")
    assert 1 == plan.out.count("trued apply --allow-removals")
    assert (box.root / "etc/f11").exists()
    assert 0 == box.trued("apply", "--allow-removals").code
    assert not (box.root / "etc/f11").exists()
    assert [0, 0] == [box.trued(verb).code for verb in ("plan", "status")]


def test_an_invalid_commit_ends_with_4_and_the_host_is_kept_true(box: Box) -> None:
    """To the commit that it holds; every problem is a line with its place."""
    held = box.push(motd="hello\n")
    box.trued("apply")
    box.push_document("files:\n  /etc/motd: {contnet: x}\n")
    (box.root / "etc/motd").write_text("drift\n")

    plan, apply = box.trued("plan"), box.trued("apply")

    assert (4, 4, "hello\n") == (plan.code, apply.code, box.file("motd"))
    assert plan.out.startswith(f"edge-01: at {held[:7]}\n")
    for said in (plan, apply):
        assert said.err.startswith("trued: base/base.yaml:2:")
    assert f"edge-01 invalid, stays at {held[:7]}: 1 changed" == apply.out.splitlines()[-1]
    assert 4 == box.trued("status").code
    assert [f"edge-01: invalid, stays at {held[:7]}, 1 changed"] == box.subjects()[1:]


def test_rewritten_history_ends_with_5_until_it_is_allowed_once(box: Box) -> None:
    """After a push --force."""
    box.push(motd="one\n")
    box.trued("apply")
    box.git("commit", "-q", "--amend", "-m", "rewritten")
    box.git("push", "-q", "--force", "origin", "main")

    assert [5, 5, 5] == [box.trued(verb).code for verb in ("plan", "apply", "status")]
    assert [0, 0, 0] == [
        box.trued(*verb.split()).code for verb in ("apply --allow-rewrite", "apply", "status")
    ]


def test_a_host_that_is_not_listed_ends_with_5(box: Box) -> None:
    """Nothing on it changes."""
    box.write("fleet.yaml", "hosts: [db-1]\nlayers: [base]\n")
    box.push(motd="x")

    said = box.trued("plan")

    assert (5, "") == (said.code, said.out)
    assert 5 == box.trued("apply").code
    assert [] == list(box.root.iterdir())


def test_without_git_the_host_is_kept_true_and_6_says_so(box: Box) -> None:
    """Offline; the report waits, and goes when Git is back."""
    box.push(motd="hello\n")
    box.trued("apply")
    box.remote.rename(box.remote.with_suffix(".away"))
    (box.root / "etc/motd").write_text("drift\n")

    codes = [box.trued(verb).code for verb in ("plan", "apply", "status")]

    assert ([6, 6, 6], "hello\n") == (codes, box.file("motd"))
    box.remote.with_suffix(".away").rename(box.remote)
    assert 0 == box.trued("apply").code
    assert 3 == len(box.subjects())


def test_a_host_that_never_reached_git_ends_with_6(box: Box) -> None:
    """There is nothing to plan for; with --json that is an error as JSON."""
    assert [6, 6, 6] == [box.trued(verb).code for verb in ("plan", "apply", "status")]
    assert 6 == box.trued("--json", "plan").data["exit_code"]


def test_a_failure_ends_with_3_and_the_rest_goes_on(box: Box) -> None:
    """A directory stands where a file should be, with something in it."""
    (box.root / "etc/motd/full").mkdir(parents=True)
    box.push(motd="x\n", issue="y\n")

    apply, status = box.trued("apply"), box.trued("status")

    assert (3, 3, "y\n") == (apply.code, status.code, box.file("issue"))
    assert any(line.startswith(("  failed", "  blocked")) for line in apply.out.splitlines())
    assert "  not as declared" in status.out.splitlines()


def test_apply_waits_for_a_cycle_that_runs(box: Box) -> None:
    """That of the service, say."""
    box.push(motd="one\n")
    ended = []

    with cycle_lock(box.state).held():
        other = threading.Thread(target=lambda: ended.append(box.process("apply")))
        other.start()
        time.sleep(1.0)
        waiting = not ended
    other.join(30)

    assert (True, 0) == (waiting, ended[0].code)


def test_switched_off_reports_are_not_pushed(box: Box) -> None:
    """The last report is kept here all the same."""
    box.configure("status: {enabled: false}\n")
    box.push(motd="one\n")

    assert [0, 0] == [box.trued(verb).code for verb in ("apply", "status")]
    assert [] == box.git("branch", "--list", "status/*", cwd=box.remote).splitlines()


def test_what_a_host_allows_is_held_against_the_kinds(box: Box) -> None:
    """A misspelt section would allow nothing, silently."""
    box.configure("allow: {fiels: ['/etc/*']}\n")

    said = box.trued("plan")

    assert 78 == said.code
    assert "unknown section 'fiels'" in said.err


@pytest.mark.parametrize("verb", ["plan", "log", "fleet status", "explain x"])
@pytest.mark.parametrize("source", ["ftp://x/y", "https://user:pass@x/y", "http://x"])
def test_a_url_that_is_none_ends_with_78(box: Box, source: str, verb: str) -> None:
    """Before anything is tried; a password in it is not repeated."""
    box.config.write_text(
        f"host: edge-01\nsource: {{url: {source!r}, token_file: /x}}\nstate_dir: {box.state}\n"
    )

    said = box.trued(*verb.split())

    assert 78 == said.code
    assert "pass@" not in said.err


def test_processes_end_with_the_same_codes(box: Box) -> None:
    """A real `trued`, as cron or a script would see it."""
    box.push(motd="one\n")

    codes = [box.process(*words.split()).code for words in ("plan", "apply", "plan", "status", "explain x")]

    assert [2, 0, 0, 0, 64] == codes


def test_json_of_apply_is_the_status_document(box: Box) -> None:
    """The same that stands on the branch."""
    box.push(motd="one\n")

    said = box.trued("--json", "apply")

    assert json.loads(box.git("show", "status/edge-01:status.json", cwd=box.remote)) == said.data


# Root without the right to pass over permissions: bound to what an ordinary user is, but for who owns the rest.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")


@pytest.mark.root
@pytest.mark.parametrize(
    ("verb", "code"), [("plan", 1), ("apply", 1), ("explain x", 1), ("run", 1), ("status", 3)]
)
def test_another_user_is_told_to_be_root(box: Box, verb: str, code: int) -> None:
    """An ordinary mistake, and no bug: what trued remembers is for root alone."""
    box.state.mkdir(mode=0o700)
    os.chown(box.state, 65534, 65534)

    said = box.process(*verb.split(), before=POWERLESS)

    assert code == said.code
    assert "  hint: run it as root, as with sudo" in said.err.splitlines()


@pytest.mark.root
def test_a_config_that_is_for_root_alone_is_no_missing_one(box: Box) -> None:
    """Exit code 78, with the way out that helps; not the advice to write it."""
    box.config.chmod(0o600)
    os.chown(box.config, 65534, 65534)

    said = box.process("plan", before=POWERLESS)

    assert (78, [f"trued: {box.config}: is not for this user", "  hint: run it as root, as with sudo"]) == (
        said.code,
        said.err.splitlines(),
    )
