"""The unit and the example of agent.yaml: what ships is what works."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.config import Settings, SourceSettings, StatusSettings, load_settings
from agent.daemon.heart import EXTENSION
from agent.git.limits import DEFAULT_LIMITS
from agent.host.commands import LOOK, PULSE
from agent.host.journal import FIELDS

TOP = Path(__file__).parents[2]
UNIT = TOP / "units" / "trued.service"
EXAMPLE = TOP / "config" / "agent.yaml"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """An unknown key would be ignored by systemd with no more than a warning."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/trued/current/bin/trued run", "/bin/true"))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert [] == [line for line in said.stderr.splitlines() if str(unit) in line]
    assert 0 == said.returncode


def test_the_watchdog_waits_longer_than_the_loop_is_ever_silent() -> None:
    """
    It shows life while it waits for a command; what it reads meanwhile, a minute at most each, is not waited for.

    Nothing beats while a server is waited for, and two exchanges may follow each other.
    """
    minutes = re.search(r"^WatchdogSec=(\d+)min$", UNIT.read_text(), re.MULTILINE)

    assert minutes
    assert int(minutes[1]) * 60 >= max(3 * PULSE, 3 * LOOK, 2 * DEFAULT_LIMITS.total)


def test_a_stop_lasts_longer_than_what_is_asked_for_at_once() -> None:
    """Else systemd would end a step before the loop could ask for more time."""
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)

    assert seconds
    assert int(seconds[1]) >= 2 * EXTENSION


def test_the_example_is_a_valid_agent_yaml(tmp_path: Path) -> None:
    """As it stands: an address to change, and all the rest by default."""
    settings = load_settings(EXAMPLE)

    assert "https://git.example.com/ops/fleet.git" == settings.source.url
    assert 60 == settings.interval


def test_the_example_is_valid_with_every_line_in_use(tmp_path: Path) -> None:
    """What a person gets who takes away each # before a key."""
    used = re.sub(r"^( *)# (?=( *)[a-z_]+: |[a-z]+:$)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    (tmp_path / "agent.yaml").write_text(used)
    settings = load_settings(tmp_path / "agent.yaml")

    assert "edge-01" == settings.host
    assert {"files": ("/etc/nginx/*", "/srv/*")} == settings.allow
    assert "https://git.example.com/ops/fleet-status.git" == settings.status.url


@pytest.mark.parametrize("settings", [Settings, SourceSettings, StatusSettings])
def test_the_example_shows_every_key(settings: type[Settings | SourceSettings | StatusSettings]) -> None:
    """A new setting gets its line."""
    example = EXAMPLE.read_text()

    assert [] == [
        field.name for field in dataclasses.fields(settings) if not re.search(rf"\b{field.name}\b", example)
    ]


def test_the_page_names_every_field() -> None:
    """What can be asked of journalctl."""
    page = (TOP / "docs" / "daemon.md").read_text()

    assert set() == {field for field in FIELDS.values() if f"`{field}`" not in page}
