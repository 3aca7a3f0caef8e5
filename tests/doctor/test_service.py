"""How systemd's answers about trued.service are read; they were recorded from systemd 252."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.doctor import Grade, service
from agent.host import commands
from agent.host.lock import daemon_lock

RUNS = {
    "MainPID": "412", "NRestarts": "0", "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
    "UnitFileState": "enabled", "WatchdogUSec": "10min",
}  # fmt: skip
GONE = {
    "MainPID": "0",
    "NRestarts": "0",
    "LoadState": "not-found",
    "ActiveState": "inactive",
    "SubState": "dead",
}


@pytest.fixture(name="systemd")
def _systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host that was booted with systemd, and its systemctl: what is written to `answer`, it says."""
    (tmp_path / "bin").mkdir()
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    systemctl.chmod(0o755)
    monkeypatch.setattr(service, "BOOTED", tmp_path)
    monkeypatch.setitem(commands.ENVIRONMENT, "PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path


def answer(systemd: Path, unit: Mapping[str, str]) -> None:
    (systemd / "answer").write_text("".join(f"{name}={value}\n" for name, value in unit.items()))


@pytest.mark.parametrize(
    ("unit", "grade", "text", "mend"),
    [
        (RUNS, Grade.OK, "active (running), enabled, watchdog 10min", ""),
        (RUNS | {"ActiveState": "reloading"}, Grade.OK, "reloading (running), enabled, watchdog 10min", ""),
        (GONE, Grade.WARNING, "there is no trued.service", "docs/install.md"),
        (RUNS | {"ActiveState": "failed", "SubState": "failed"}, Grade.FAILED, "trued.service is failed (failed)", "journalctl -u trued.service"),
        (RUNS | {"ActiveState": "activating", "SubState": "auto-restart"}, Grade.FAILED, "trued.service is activating (auto-restart)", "journalctl"),
        (RUNS | {"ActiveState": "inactive", "UnitFileState": "masked"}, Grade.FAILED, "trued.service is masked", "systemctl unmask trued.service"),
        (RUNS | {"UnitFileState": "disabled"}, Grade.WARNING, "trued.service is active (running), and not started at boot", "systemctl enable trued.service"),
        (RUNS | {"WatchdogUSec": "0"}, Grade.WARNING, "trued.service is active (running), without a watchdog", "WatchdogSec=10min"),
        (RUNS | {"NRestarts": "7"}, Grade.WARNING, "active (running), enabled, watchdog 10min, started anew 7 times", "journalctl"),
    ],
)  # fmt: skip
def test_how_the_service_is(
    systemd: Path, unit: Mapping[str, str], grade: Grade, text: str, mend: str
) -> None:
    answer(systemd, unit)

    found = service.service()

    assert (grade, text) == (found.grade, found.text)
    assert mend in found.mend


def test_a_daemon_that_systemd_did_not_start_is_a_second_one(systemd: Path, tmp_path: Path) -> None:
    answer(systemd, RUNS)
    with daemon_lock(tmp_path / "state").held():
        found = service.alone(tmp_path / "state")

    assert Grade.WARNING is found.grade
    assert "a daemon runs that is not trued.service" in found.text
