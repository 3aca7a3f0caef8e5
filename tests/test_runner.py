"""scripts/lib/layers.py: every test is run once, and nothing that went wrong is counted as well."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.lib import layers
from scripts.lib.layers import LAYERS, Layer, Tally, run_layer
from tests.waiting import lives, until

TOP = Path(__file__).parents[1]
MARKERS = tuple(layer.marker for layer in LAYERS if layer.marker)
UNIT = LAYERS[-1]
PYPROJECT = f"""\
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider"
markers = {[f"{marker}: as in trued" for marker in MARKERS]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, whose one test file is still to be written."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setattr(layers, "TOP", tmp_path)
    return tmp_path / "test_it.py"


def counts(tally: Tally) -> tuple[int, int, int]:
    return tally.passed, tally.failed, tally.skipped


def test_a_test_is_in_exactly_one_layer() -> None:
    """Whatever markers it carries: the expressions leave nothing out and take nothing twice."""
    for flags in itertools.product((False, True), repeat=len(MARKERS)):
        carried = dict(zip(MARKERS, flags, strict=True))
        chosen = [layer.name for layer in LAYERS if eval(layers.expression(layer), {}, carried)]

        assert 1 == len(chosen), (carried, chosen)


def test_passed_failed_and_skipped_are_told_apart(project: Path) -> None:
    """The counts are those of pytest."""
    project.write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_error(missing): pass\n"
        "def test_skipped(): pytest.skip('here')\n"
    )

    assert (1, 2, 1) == counts(run_layer(UNIT, strict=False))


def test_a_skipped_test_has_failed_where_nothing_may_be_left_out(project: Path) -> None:
    """With CI=true a missing tool cannot hide."""
    project.write_text("import pytest\ndef test_good(): pass\ndef test_skipped(): pytest.skip('here')\n")

    assert (1, 1, 0) == counts(run_layer(UNIT, strict=True))


def test_a_file_that_cannot_be_imported_has_failed(project: Path) -> None:
    """It counts, though none of its tests was ever seen."""
    project.write_text("import nothing_of_this_name\n")
    tally = run_layer(UNIT, strict=False)

    assert (0, True) == (tally.passed, tally.failed > 0)


def test_a_layer_without_tests_is_no_failure(project: Path) -> None:
    """A fresh checkout has none of some."""
    project.write_text("def test_good(): pass\n")

    assert (0, 0, 0) == counts(run_layer(LAYERS[0], strict=False))


@pytest.mark.parametrize(("strict", "failed"), [(False, 0), (True, 1)])
def test_a_layer_whose_tools_are_missing_is_left_out_by_name(
    project: Path, *, strict: bool, failed: int
) -> None:
    """At home one line says why; with CI=true that is a failure."""
    tally = run_layer(Layer(name="odd", marker="", at_once=1, tools=("no-such-tool",)), strict=strict)

    assert ("odd      left out: needs no-such-tool", failed) == (tally.line("odd"), tally.failed)


def test_an_unknown_layer_is_a_usage_error() -> None:
    """A misspelt name does not pass as a run without tests."""
    argv = (sys.executable, layers.__file__, "unti")
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, env=dict(os.environ))

    assert 64 == answer.returncode
    assert "no layer unti; there are check, unit," in answer.stderr


@pytest.mark.parametrize(
    ("marker", "path"),
    [
        ("machine", "tests/host/machine/test_machine.py"),
        ("engine", "tests/engine/test_lab.py"),
        ("kube", "tests/kube/test_kubelet.py"),
    ],
)
def test_who_asks_for_a_machine_an_engine_or_a_kubernetes_is_in_its_layer(marker: str, path: str) -> None:
    """Nobody has to remember the marker."""
    argv = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--collect-only",
        "-p",
        "no:cacheprovider",
        "-m",
        f"not {marker}",
        path,
    )
    answer = subprocess.run(argv, cwd=TOP, check=False, capture_output=True)

    assert layers.NOTHING_COLLECTED == answer.returncode


def test_what_takes_long_is_made_before_the_tests(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test has a limit of its own."""
    (project.parent / "made.py").write_text("import pathlib; pathlib.Path('made').touch()\n")
    project.write_text("import pathlib\ndef test_good(): assert pathlib.Path('made').exists()\n")
    monkeypatch.setattr(
        layers, "LAYERS", (layer := Layer(name="odd", marker="", at_once=1, prepare="made"),)
    )

    assert (1, 0, 0) == counts(run_layer(layer, strict=False))


MADE = """\
import os, pathlib, subprocess
sleep = subprocess.Popen(("sleep", "60"))
print("made behind", os.nice(0), flush=True)
pathlib.Path("new").write_text(str(sleep.pid))
pathlib.Path("new").rename("made")
"""


@pytest.fixture
def two_layers(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's tests are in the layer `unit`, which waits for what is made for the layer `late`."""
    (project.parent / "made.py").write_text(f"{MADE}sleep.kill()\n")
    project.write_text(
        "import pathlib, time\n"
        "def test_good():\n"
        "    end = time.monotonic() + 20\n"
        "    while not pathlib.Path('made').exists(): assert time.monotonic() < end\n"
    )
    late = Layer(name="late", marker="slow", at_once=1, prepare="made", ahead=True)
    monkeypatch.setattr(layers, "LAYERS", (late, UNIT))
    monkeypatch.delenv("CI", raising=False)
    return project.parent


def test_what_takes_minutes_is_made_behind_the_other_layers(
    two_layers: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It yields to them, and what it says is shown when its own turn has come."""
    assert 0 == layers.main(["unit", "late"])

    unit, late = capfd.readouterr().out.split("== late ==\n")
    assert "1 passed" in unit
    assert "made behind" not in unit
    assert "made behind 19\n" == late.splitlines(keepends=True)[0]


def test_what_no_layer_of_this_run_needs_is_not_made(two_layers: Path) -> None:
    (two_layers / "test_it.py").write_text("def test_good(): pass\n")

    assert 0 == layers.main(["unit"])

    assert not (two_layers / "made").exists()


def test_what_is_made_ahead_ends_with_a_run_that_is_broken_off(
    two_layers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that it has started."""
    (two_layers / "made.py").write_text(f"{MADE}sleep.wait()\n")

    def broken_off(*_: object, **__: object) -> Tally:
        until((two_layers / "made").exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(layers, "run_layer", broken_off)
    with pytest.raises(KeyboardInterrupt):
        layers.main(["unit", "late"])

    sleep = (two_layers / "made").read_text()
    until(lambda: not lives(sleep))


def collected(*words: str) -> list[str]:
    """Return the tests below tests/git and tests/e2e that pytest would run, in order."""
    argv = (sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *words)
    answer = subprocess.run(
        (*argv, "tests/git", "tests/e2e"), cwd=TOP, check=False, capture_output=True, text=True
    )
    return [line for line in answer.stdout.splitlines() if "::" in line]


def test_what_takes_long_starts_first() -> None:
    """Where workers share the tests, the last one would else run alone."""
    slow = collected("-m", "slow")

    assert slow
    assert slow == collected()[: len(slow)]
