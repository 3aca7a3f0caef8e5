"""What the documentation shows of containers runs on a real engine, and leaves nothing to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.docker import Docker
from tests.engine.test_containers import assert_quiet
from tests.fleet import Fleet

TOP = Path(__file__).parents[2]
PAGES = (TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")))
SECTIONS = frozenset({"containers", "networks", "volumes", "images"})
WELL = {"test": ["CMD", "true"], "interval": "1s"}


def examples() -> list[Any]:
    """Return what each example says of an engine, if it has containers."""
    found = []
    for page in PAGES:
        for number, block in enumerate(
            re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        ):
            said = yaml.safe_load(block)
            if isinstance(said, dict) and "containers" in said:
                declared = {name: said[name] for name in SECTIONS & said.keys()}
                found.append(pytest.param(declared, id=f"{page.relative_to(TOP)}-{number}"))
    return found


@pytest.mark.parametrize("declared", examples())
def test_an_example_runs_and_a_second_cycle_is_quiet(
    declared: dict[str, Any], fleet: Fleet, docker: Docker, box: str, tmp_path: Path
) -> None:
    """But for what nobody has here: its images, the programs in them, and the files of that host."""
    env = tmp_path / "example.env"
    env.write_text("A=b\n")
    for one in declared["containers"].values():
        if isinstance(one, dict):
            here = {
                "image": box,
                "healthcheck": WELL,
                "env_file": str(env),
                "command": None,
                "pull_policy": "missing",
            }
            one |= {key: value for key, value in here.items() if key in one}
            one["stop_signal"] = "SIGKILL"
    fleet.declare(declared)
    fleet.apply()

    assert docker.api.containers()
    assert_quiet(fleet)
