"""The scripts of the installation, as far as they can be tried without installing: form, arguments, what they ask for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SCRIPTS = ("install", "uninstall", "build-release")
SOURCED = ("places", "needs", "wheels", "version")


def run(name: str, *words: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (TOP / "scripts" / name, *words), user=user, capture_output=True, text=True, check=False, cwd="/"
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_run(name: str) -> None:
    """It is executable, and sh finds no error in it."""
    script = TOP / "scripts" / name

    assert os.access(script, os.X_OK)
    assert 0 == subprocess.run(("sh", "-n", script), check=False).returncode


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(name: str) -> None:
    """With all that is sourced."""
    done = subprocess.run(
        ("shellcheck", "--external-sources", f"scripts/{name}"),
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == done.stdout


@pytest.mark.parametrize("name", SOURCED)
def test_what_is_sourced_uses_nothing_that_only_one_shell_knows(name: str) -> None:
    """/bin/sh is dash on Debian, and bash elsewhere."""
    file = TOP / f"scripts/lib/{name}.sh"
    banned = re.findall(r"\[\[|\bfunction \w|\blocal \b|<\(|\$'|\barray\b|\bsource \b", file.read_text())

    assert [] == banned


@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_a_word_that_is_not_known_changes_nothing(name: str) -> None:
    done = run(name, "--frobnicate")

    assert 64 == done.returncode
    assert "--frobnicate" in done.stderr


@pytest.mark.parametrize("option", ["--repo", "--host", "--branch", "--token-file", "--python"])
def test_an_option_without_its_value_is_refused(option: str) -> None:
    done = run("install", option)

    assert 64 == done.returncode
    assert f"{option} wants a value" in done.stderr


@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_help_names_every_option(name: str) -> None:
    """Those that a branch of its `case` takes."""
    branches = re.findall(r"^ +(--?[a-z |-]+)\)", (TOP / "scripts" / name).read_text(), re.MULTILINE)
    options = {option for branch in branches for option in branch.split(" | ") if len(option) > 2}
    done = run(name, "--help")

    assert 0 == done.returncode
    assert options > {"--help"}
    assert [] == [option for option in sorted(options - {"--help"}) if option not in done.stdout]


@pytest.mark.root
def test_all_that_is_missing_is_said_at_once() -> None:
    """With the package that brings it; nothing is changed, whoever asks."""
    done = run("install", "--python", "/nowhere/python3", user=65534)

    assert 1 == done.returncode
    assert "nothing was changed" in done.stderr
    assert "root's rights" in done.stderr
    assert "there is no /nowhere/python3" in done.stderr
    assert "apt-get install -y python3" in done.stderr


@pytest.mark.root
def test_nobody_but_root_takes_it_away() -> None:
    done = run("uninstall", user=65534)

    assert 1 == done.returncode
    assert "sudo" in done.stderr


def test_what_installs_the_rest_is_locked() -> None:
    """One pip, with its hashes."""
    assert re.fullmatch(
        r"pip==[0-9.]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n", (TOP / "scripts/lib/pip.lock").read_text()
    )
