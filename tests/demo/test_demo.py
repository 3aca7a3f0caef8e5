"""scripts/demo does what the README promises to a newcomer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def checkout_state() -> str:
    """Return what git sees in the checkout, ignored files included."""
    argv = ("git", "status", "--porcelain", "--ignored")
    return subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def output(box: Path) -> str:
    before = checkout_state()
    answer = subprocess.run(
        (TOP / "scripts/demo", box), capture_output=True, text=True, timeout=240, check=False
    )

    assert 0 == answer.returncode, answer.stdout + answer.stderr
    assert before == checkout_state()
    return answer.stdout


def test_without_an_index_it_says_what_to_do(tmp_path: Path) -> None:
    """pip's own words, and the way out."""
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "nothing")}
    answer = subprocess.run(
        (TOP / "scripts/demo", tmp_path / "box"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert 1 == answer.returncode
    assert "pip could not install what requirements.lock names" in answer.stderr
    assert "No matching distribution found" in answer.stderr


def test_it_ends_with_the_history_of_the_host(output: str) -> None:
    """Four commits: the first apply, the change, the repair by hand, the repair by the daemon."""
    history = output.partition("$ git -C remote.git log")[2]

    assert 4 == history.count("Trued-Result: converged")


def test_it_shows_each_command_that_it_runs(output: str) -> None:
    """A reader can do the same by hand."""
    commands = [line.removeprefix("$ ") for line in output.splitlines() if line.startswith("$ ")]

    assert {"trued init fleet --host demo-01", "trued plan", "trued apply"} <= set(commands)


def test_the_sandbox_is_left_to_go_on_with(output: str, box: Path) -> None:
    """What it names at its end works: another plan, and nothing is left to do."""
    answer = subprocess.run(
        ". ./env && trued plan", shell=True, cwd=box, capture_output=True, text=True, check=False
    )

    assert "# Go on by hand" in output
    assert (0, "hello from demo-01\n") == (answer.returncode, (box / "host/etc/greeting").read_text())
