"""benchmarks/suite.py: pages and charts come from its results, and what cannot be measured is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

TOP = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def suite(*words: str | Path) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "benchmarks/suite.py", *words)
    return subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)


def row(key: str, trued: list[float], against: list[float], rival: str = "cf-agent") -> dict[str, object]:
    work = f"1,000 files, nothing to do: {key}"
    return {"key": key, "work": work, "unit": "ms", "trued": trued, "rival": rival, "against": against}


@pytest.fixture(name="written")
def _written(tmp_path: Path) -> Path:
    """The page, written from three rows: a goal that is met, one that is not, and one without its rival."""
    shutil.copy(TOP / "docs/performance.md", tmp_path)
    rows = [
        row("files/1000/nothing/cycle/cf-agent", [3.0, 3.0], [100.0, 200.0]),
        row("files/1000/nothing/plan/cf-agent", [300.0], [100.0]),
        row("files/1000/nothing/plan/puppet", [300.0], [], "puppet"),
    ]
    (tmp_path / "results.json").write_text(json.dumps({"machine": {"cpu": "2 of <&>"}, "rows": rows}))
    answer = suite("--write-docs", tmp_path / "results.json", "--docs", tmp_path)
    assert 0 == answer.returncode, answer.stderr
    return tmp_path


def test_the_page_says_which_goals_are_met(written: Path) -> None:
    """Ratios are medians round by round; without a rival there is no answer."""
    text = (written / "performance.md").read_text()
    goals = text.partition("<!-- suite: goals -->")[2].partition("<!-- end -->")[0]
    ends = [line.rsplit("|", 4)[1:4] for line in goals.splitlines() if line.startswith("| 1,000")]

    assert ends == [
        [" 0.022 (0.015-0.030) ", " 0.04 ", " yes "],
        [" 3.00 (3.00-3.00) ", " 1 ", " **no** "],
        ["  ", " 1 ", " not compared "],
    ]
    assert "cpu: 2 of <&>" in text


def test_what_was_not_measured_keeps_its_table(written: Path) -> None:
    def containers(page: Path) -> str:
        return page.read_text().partition("<!-- suite: containers -->")[2].partition("<!-- end -->")[0]

    assert containers(TOP / "docs/performance.md") == containers(written / "performance.md")


def test_charts_can_be_read_without_being_seen(written: Path) -> None:
    """Title and description are there, and name every bar."""
    drawing = ET.parse(written / "charts/files-nothing.svg").getroot()
    title, said = drawing.findtext(f"{SVG}title"), drawing.findtext(f"{SVG}desc")

    assert "Nothing to do, 1,000 files: CPU" == title
    assert said
    assert "cf-agent 150 ms" in said
    assert 4 == len(drawing.findall(f"{SVG}rect"))


def test_a_part_that_there_is_not_is_refused() -> None:
    answer = suite("--only", "files,speed")

    assert 2 == answer.returncode
    assert "got speed" in answer.stderr
