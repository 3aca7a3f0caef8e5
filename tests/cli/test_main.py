"""The command line itself: what can be said, exit codes, what becomes of a bug."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import agent
from agent.cli import arguments, main
from agent.cli.screen import Screen
from tests.cli.fleet import TOP, Box


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to stdout, and is a success."""
    assert 0 == main(["--version"])
    assert f"trued {agent.__version__}\n" == capsys.readouterr().out


def test_help_names_every_verb_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["--help"])
    text = capsys.readouterr().out

    verbs = "init validate render schema enroll doctor plan apply run status explain log fleet"
    assert [] == [verb for verb in verbs.split() if f"    {verb} " not in text]
    assert [] == [code for code in ("0", "2", "3", "4", "5", "6", "64", "78", "1") if f"{code} " not in text]


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["aply"], "unknown verb 'aply', did you mean 'apply'?", "trued --help"),
        (["fleet", "statsu"], "unknown fleet verb 'statsu', did you mean 'status'?", "trued fleet --help"),
        (["fleet"], "the following arguments are required: VERB", "trued fleet --help"),
        (["plan", "--ful"], "unknown option '--ful', did you mean '--full'?", "trued plan --help"),
        (["fleet", "status", "--xyz=1"], "unknown option '--xyz'", "trued fleet status --help"),
        (["log", "--bogus"], "unknown option '--bogus'", "trued log --help"),
        (["--xyz", "plan"], "unknown option '--xyz'", "trued plan --help"),
        (["plan", "here"], "unexpected argument 'here'", "trued plan --help"),
        (["log", "-n", "0"], "argument -n/--number: expected a number from 1 to 10000, got '0'", "trued log --help"),
        (["log", "-n", "٣"], "argument -n/--number: expected a number from 1 to 10000, got '٣'", "trued log --help"),
        (["init"], "the following arguments are required: DIR", "trued init --help"),
        (
            ["validate", ".", "--host", "a", "--all"],
            "argument --all: not allowed with argument --host",
            "trued validate --help",
        ),
        (["fleet", "status", "--heartbeat", "often"], "--heartbeat: expected a duration, as in 60s, 5m or 1h, got 'often'", ""),
        (["fleet", "status", "--url", "ftp://x/y"], "--url: unknown scheme 'ftp'; expected https, http, ssh or file", ""),
        (["render", "nowhere", "--host", "a", "--label", "ring"], "--label: expected key=value, as in ring=canary, got 'ring'", ""),
    ],
)  # fmt: skip
def test_a_wrong_command_line_ends_with_64(
    words: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """argparse's own 2 would read as "plan found changes"."""
    code = main(words)

    lines = [f"trued: {error}", *([f"  hint: {hint}"] if hint else [])]
    assert (64, lines) == (code, capsys.readouterr().err.splitlines())


def test_nothing_said_is_a_wrong_command_line_that_shows_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 64 == main([])
    assert "VERB" in capsys.readouterr().err


def test_a_verb_far_from_any_other_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    main(["xyzzy"])

    assert "expected one of init, validate," in capsys.readouterr().err


def test_errors_are_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A program needs no stderr."""
    code = main(["--json", "aply"])

    assert {
        "error": "unknown verb 'aply', did you mean 'apply'?",
        "hint": "trued --help",
        "exit_code": code,
    } == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", [["--config", "X", "status"], ["status", "--config", "X"]])
def test_common_options_stand_before_the_verb_or_after_it(words: list[str]) -> None:
    """What is not said after it does not undo what was said before."""
    assert Path("X") == arguments.parse(words).config


@pytest.mark.parametrize("verb", ["plan", "apply", "run", "status", "log", "explain x", "fleet status"])
def test_a_missing_agent_yaml_ends_with_78(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The way out is said."""
    missing = tmp_path / "agent.yaml"

    code = main(["--config", str(missing), *verb.split()])

    said = capsys.readouterr()
    assert (78, "") == (code, said.out)
    assert f"trued: {missing}: there is no such file" == said.err.splitlines()[0]
    assert said.err.splitlines()[1].startswith("  hint: ")


def test_agent_yaml_is_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--config wins."""
    monkeypatch.setenv("TRUED_CONFIG", str(tmp_path / "one"))

    main(["status"])
    assert f"{tmp_path}/one" in capsys.readouterr().err
    main(["status", "--config", str(tmp_path / "two")])
    assert f"{tmp_path}/two" in capsys.readouterr().err


def test_a_bug_is_one_line_that_shows_no_content(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an exception says may be a secret."""
    monkeypatch.delenv("TRUED_DEBUG", raising=False)
    monkeypatch.setattr("agent.cli.schema.run", broken)

    code = main(["schema"])

    said = capsys.readouterr().err
    assert (1, 2) == (code, len(said.splitlines()))
    assert said.startswith("trued: this is a bug in trued: RuntimeError in test_main.py:")
    assert "hunter2" not in said


def test_a_bug_shows_its_traceback_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agent.cli.schema.run", broken)

    main(["-v", "schema"])

    assert "Traceback" in capsys.readouterr().err


def broken(_args: object, _screen: object) -> int:
    raise RuntimeError("hunter2")


def interrupted(_args: object, _screen: object) -> int:
    raise KeyboardInterrupt


def test_an_interrupt_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a traceback."""
    monkeypatch.setattr("agent.cli.schema.run", interrupted)

    assert (130, "") == (main(["schema"]), capsys.readouterr().err)


def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    """`trued schema | head -1`: nothing on stderr."""
    script = f'"{sys.executable}" -m agent schema | head -c 1 >/dev/null; echo "${{PIPESTATUS[0]}}"'
    long = f"for i in $(seq 3); do {script}; done"
    answer = subprocess.run(
        ["bash", "-c", long],
        env=os.environ | {"PYTHONPATH": str(TOP)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "" == answer.stderr
    assert set(answer.stdout.split()) <= {"0", "141"}


@pytest.mark.parametrize(
    ("environment", "tty", "colour"),
    [({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True),
     ({"TERM": "dumb"}, True, False)],
)  # fmt: skip
def test_colours_are_for_terminals_that_want_them(
    environment: dict[str, str], tty: bool, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://no-color.org: set and not empty."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty)

    screen = Screen.of(json=False, verbose=False, environment=environment)

    assert ("\x1b[31mx\x1b[0m" if colour else "x") == screen.paint("red", "x")


def test_help_is_there_at_once(tmp_path: Path) -> None:
    """No verb's libraries are loaded for it: dulwich alone would take longer than all of this."""
    argv = [sys.executable, "-X", "importtime", "-m", "agent", "--help"]
    start = time.monotonic()
    answer = subprocess.run(
        argv,
        env=os.environ | {"PYTHONPATH": str(TOP)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}

    assert set() == loaded & {"dulwich", "yaml", "jinja2", "rich", "sqlite3", "urllib3"}
    assert time.monotonic() - start < 5


def test_a_process_says_the_same(box: Box) -> None:
    """`python -m agent`, as a real process."""
    said = box.process("aply")

    assert (64, "trued: unknown verb 'aply', did you mean 'apply'?\n  hint: trued --help\n") == (
        said.code,
        said.err,
    )
