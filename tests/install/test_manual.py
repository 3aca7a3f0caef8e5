"""scripts/lib/manual.py: the manual page and what shells complete say what the command takes, all of it and no more."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.arguments import build

TOP = Path(__file__).parents[2]


def taken(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Yield each verb, as its words, with the options that it takes."""
    yield words, {name for action in parser._actions for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from taken(child, (*words, name))


TAKEN = dict(taken(build()))
VERBS = sorted({words[0] for words in TAKEN if words})
EVERY_VERB = pytest.mark.parametrize("words", TAKEN, ids=lambda words: " ".join(words) or "trued")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    script = TOP / "scripts/lib/manual.py"
    subprocess.run(
        (sys.executable, "-B", script, folder), check=True, env={**os.environ, "PYTHONPATH": str(TOP)}
    )
    return folder


@EVERY_VERB
def test_the_manual_names_every_verb_and_option(made: Path, words: tuple[str, ...]) -> None:
    text = (made / "trued.1").read_text().replace("\\-", "-")
    common = TAKEN[()]

    assert not words or " ".join(("trued", *words)) in text
    assert [] == [option for option in sorted(TAKEN[words] - common) if option not in text]


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_the_manual_can_be_shown(made: Path) -> None:
    """Without a warning; what the exit codes mean is in it."""
    man = ("man", "--warnings=all", "--local-file", made / "trued.1")
    shown = subprocess.run(
        man, capture_output=True, text=True, check=True, env={**os.environ, "MANWIDTH": "100"}
    )

    assert "" == shown.stderr
    assert "trued - keeps this host true to Git" in shown.stdout
    assert "78 agent.yaml is wrong" in shown.stdout


def bash(made: Path, *words: str) -> set[str]:
    """Return what bash offers after these words, the last of which is being typed."""
    script = (
        '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trued; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    argv = ("bash", "--norc", "-c", script, "bash", made / "trued.bash", "trued", *words)
    return set(subprocess.run(argv, capture_output=True, text=True, check=True, cwd=made).stdout.split())


def test_bash_offers_every_verb(made: Path) -> None:
    assert set(VERBS) == bash(made, "")
    assert {"plan"} == bash(made, "pl")
    assert {"status"} == bash(made, "fleet", "")


@EVERY_VERB
def test_bash_offers_every_option_of_a_verb(made: Path, words: tuple[str, ...]) -> None:
    assert TAKEN[words] == bash(made, *words, "-")


def test_bash_is_not_misled_by_what_an_option_takes(made: Path) -> None:
    """The value of --config is no verb, and where one is asked for, files are offered."""
    assert {"--full"} == bash(made, "--config", "status", "plan", "--fu")
    assert {"trued.bash"} == bash(made, "plan", "--config", "trued.b")
    assert set() == bash(made, "validate", "--host", "")


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
@EVERY_VERB
def test_fish_offers_every_option_of_a_verb(made: Path, words: tuple[str, ...]) -> None:
    line = " ".join(("trued", *words, "--"))
    argv = ("fish", "--no-config", "-c", f"source {made}/trued.fish; complete -C '{line}'")
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    long = {option for option in TAKEN[words] if option.startswith("--")}

    assert set() == long - {line.split("\t")[0] for line in said.splitlines()}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_finds_no_error_and_a_function_for_each_verb(made: Path) -> None:
    names = {"_".join(("_trued", *words)) for words in TAKEN}
    asked = "compdef() { :; }; _arguments() { :; }; source $1; print -l ${(k)functions}"
    argv = ("zsh", "-f", "-c", asked, "zsh", made / "trued.zsh")
    said = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert "" == said.stderr
    assert set() == names - set(said.stdout.split())
