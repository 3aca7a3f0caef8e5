"""Commands: how they are run, bounded, ended, and what is said of one that fails."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host import commands
from agent.host.local import Local
from agent.model import Run

SH = ("sh", "-c")


@pytest.fixture
def local(tmp_path: Path) -> Local:
    """The machine itself: commands are about nothing else."""
    return Local(Path("/"), tmp_path / "state")


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let commands hear SIGINT: where these tests run in the background of a script, they would inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run(local: Local, *argv: str, stdin: bytes = b"", timeout: float = 20.0) -> None:
    local.perform(Run(argv=argv, stdin=stdin, timeout=timeout, why=""))


def test_operands_follow_the_command_and_no_shell_reads_them(local: Local, tmp_path: Path) -> None:
    operands = (str(tmp_path / "a b"), str(tmp_path / "$(touch c)"))
    local.perform(Run(argv=("touch", "--"), operands=operands, why=""))
    assert ["$(touch c)", "a b"] == sorted(path.name for path in tmp_path.iterdir() if path.name != "root")


def test_a_command_hears_its_stdin_and_nothing_of_our_environment(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUED_TOKEN", "secret")
    assert "large\n" * 100_000 == local.probe().ask("cat", stdin=b"large\n" * 100_000).out
    said = local.probe().ask("env").out
    names = {line.partition("=")[0] for line in said.splitlines()} - {"_", "PWD"}
    packages = {"APT_LISTCHANGES_FRONTEND", "DEBIAN_FRONTEND", "NEEDRESTART_SUSPEND", "UCF_FORCE_CONFFOLD"}
    assert {"HOME", "LANG", "LC_ALL", "PATH"} | packages == names


def test_a_command_that_does_not_listen_is_no_trouble(local: Local) -> None:
    run(local, "true", stdin=b"x" * 10_000_000)


def test_a_failure_is_told_with_the_command_to_paste_and_the_end_of_stderr(local: Local) -> None:
    with pytest.raises(HostError) as caught:
        run(local, *SH, "echo first >&2; echo 'no such thing' >&2; exit 3")
    expected = "`sh -c 'echo first >&2; echo '\"'\"'no such thing'\"'\"' >&2; exit 3'` exited with 3: first; no such thing"
    assert expected == str(caught.value)


def test_what_a_failed_command_said_is_cut_at_500_characters(local: Local) -> None:
    with pytest.raises(HostError) as caught:
        run(local, *SH, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")
    assert str(caught.value).endswith(": …" + "x" * 499)


def test_a_command_killed_by_a_signal_says_which(local: Local) -> None:
    with pytest.raises(HostError, match=r"was killed by SIGTERM$"):
        run(local, *SH, "kill -TERM $$")


def test_a_missing_command_is_said_with_where_it_is_looked_for(local: Local) -> None:
    with pytest.raises(HostError, match="there is no command 'no-such-command' on this host") as caught:
        run(local, "no-such-command")
    assert "/usr/sbin" in caught.value.hint


def test_after_its_time_the_whole_group_is_killed(local: Local, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(HostError, match=r"did not end within 0.3 s and was killed"):
        run(local, *SH, f"sleep 60 & echo $! > {tmp_path}/pid; wait", timeout=0.3)
    assert time.monotonic() - start < 5
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(pid)


def test_it_is_asked_to_end_before_it_is_killed(local: Local, tmp_path: Path) -> None:
    """And may say so at length, as a package manager that puts its database in order."""
    says = "head -c 300000 /dev/zero"
    with pytest.raises(HostError, match="did not end within 0.3 s"):
        run(
            local,
            *SH,
            f"trap '{says}; echo so >{tmp_path}/said; exit 1' INT; while :; do sleep 0.1; done",
            timeout=0.3,
        )
    assert "so\n" == (tmp_path / "said").read_text()


def test_what_does_not_listen_is_killed(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "GRACE", 0.2)
    start = time.monotonic()
    with pytest.raises(HostError, match="did not end within 0.1 s"):
        run(local, *SH, "trap '' INT; while :; do sleep 0.1; done", timeout=0.1)
    assert time.monotonic() - start < 5


def test_what_goes_on_by_itself_is_not_waited_for_longer_than_its_time(local: Local) -> None:
    """As a unit that takes long to start: it is judged by a look."""
    local.perform(Run(argv=(*SH, "sleep 60"), timeout=0.3, patient=True, why=""))
    with pytest.raises(HostError, match="exited with 3"):
        local.perform(Run(argv=(*SH, "exit 3"), timeout=60, patient=True, why=""))


def test_what_stays_in_the_background_is_not_waited_for(local: Local, tmp_path: Path) -> None:
    start = time.monotonic()
    run(local, *SH, f"sleep 5 & echo $! > {tmp_path}/pid; exit 0")
    assert time.monotonic() - start < 3
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_question_may_have_several_good_answers(local: Local) -> None:
    answer = local.probe().ask(*SH, "echo out; echo err >&2; exit 4", ok=(0, 4))
    assert (4, "out\n", "err\n") == (answer.code, answer.out, answer.err)
    with pytest.raises(HostError, match="exited with 4: err"):
        local.probe().ask(*SH, "echo out; echo err >&2; exit 4")


def test_an_answer_that_is_too_long_is_not_used(local: Local) -> None:
    with pytest.raises(HostError, match="said more than 32 MiB"):
        local.probe().ask("head", "-c", "40000000", "/dev/zero")


def test_odd_bytes_in_an_answer_do_no_harm(local: Local) -> None:
    assert "\ufffdx" == local.probe().ask("printf", "\\377x").out


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_where_files_go_below_another_folder_no_command_is_run(tmp_path: Path) -> None:
    tried = Local(tmp_path, tmp_path / "state")

    with pytest.raises(HostError, match="`touch` is not run"):
        run(tried, "touch", str(tmp_path / "x"))
    with pytest.raises(HostError, match="`true` is not run"):
        tried.probe().ask("true")
    assert not (tmp_path / "x").exists()


def test_while_a_command_is_waited_for_the_caller_shows_life(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PULSE", 0.05)
    beats: list[float] = []

    local.perform(Run(argv=("sleep", "0.5"), why=""), lambda: beats.append(time.monotonic()))

    assert 5 <= len(beats)


def test_a_look_of_many_questions_shows_life_after_each(local: Local) -> None:
    beats: list[float] = []
    probe = local.probe(lambda: beats.append(time.monotonic()))
    for _ in range(3):
        probe.ask("true")

    assert 3 == len(beats)


def test_what_explains_a_failure_is_added_to_it(local: Local) -> None:
    step = Run(argv=("false",), explain=("printf", "the last\nlines"), why="")

    with pytest.raises(HostError, match=r"`false` exited with 1: the last; lines"):
        local.perform(step)


def test_an_explanation_that_cannot_be_had_hides_nothing(local: Local) -> None:
    with pytest.raises(HostError, match=r"`false` exited with 1$"):
        local.perform(Run(argv=("false",), explain=("no-such-command",), why=""))
