"""The whole life of trued on one host, as its users have it: installed from an archive, kept true, upgraded, taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.fixtures import Manage
from tests.host.machine.host import CONFIG, REPOSITORY, Host
from tests.host.machine.nspawn import Binding
from tests.host.machine.test_service import DRIFTS, settled, state
from tests.install import release
from tests.waiting import until

RELEASES = "/srv/releases"
TRUED = "/usr/local/bin/trued"


@pytest.fixture(name="bought")
def _bought(manage: Manage, tmp_path: Path) -> Host:
    """A machine on which somebody has unpacked a release archive, and done nothing else."""
    (tmp_path / "build").mkdir()
    checkout = release.copy(tmp_path / "checkout", version=release.VERSION, changes={})
    release.unpack(release.build(checkout, tmp_path / "build"), tmp_path / "unpacked")
    host = manage(bindings=[Binding(source=tmp_path / "unpacked", place=RELEASES, read_only=True)])
    host.machine.path(CONFIG).unlink()
    host.machine.path("/etc/trued").rmdir()
    return host


def told(host: Host, words: str) -> set[str]:
    """Return the ids of which any report of the host says these words."""
    lines = (line.split() for report in host.reports() for line in report.splitlines() if words in line)
    return {parts[1] for parts in lines}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_an_archive_to_a_host_that_is_left_as_it_is(bought: Host, packages: Repository) -> None:
    machine = bought.machine
    commit = bought.declare(state(packages))
    (folder,) = machine.run("ls", RELEASES).stdout.split()
    machine.run(
        f"{RELEASES}/{folder}/scripts/install",
        "--repo",
        f"file://{REPOSITORY}",
        "--host",
        machine.name,
        timeout=300,
    )

    settled(bought, commit)
    assert "active" == machine.run("systemctl", "is-active", "trued.service").stdout.strip()
    assert "converged" in bought.reports()[0].splitlines()[0]
    assert 0 == machine.run(TRUED, "plan", check=False).code
    assert 0 == machine.run(TRUED, "doctor", check=False).code

    for hand in DRIFTS.values():
        machine.run(*hand)
    machine.run("systemctl", "reload", "trued.service", timeout=180)
    # Several looks, as it hears of them. A unit that listens to one of the others restarts because of that, and says so.
    until(lambda: set(DRIFTS) <= told(bought, "drift: ") | told(bought, "trigger: "), 120)
    settled(bought, commit)

    bad = state(packages, greeting="again", generation=2)
    bad["packages"]["hello-nowhere"] = "present"
    bought.declare(bad)
    machine.run("systemctl", "reload", "trued.service", timeout=180)
    until(lambda: machine.read("/etc/default/hello-service") == "GREETING=again\n")
    until(lambda: "package:hello-nowhere" in told(bought, "no source has a version"))

    commit = bought.declare(state(packages, greeting="mended", generation=3))
    machine.reboot()
    settled(bought, commit)

    machine.run("/opt/trued/current/uninstall", timeout=180)
    assert "hello-tool 1.0" == machine.run("hello-tool").stdout.strip()
    assert "active" == machine.run("systemctl", "is-active", "kiosk.service").stdout.strip()
    assert "kiosk" in machine.run("id", "kiosk").stdout
    assert "GREETING=mended\n" == machine.read("/etc/default/hello-service")
    assert not machine.exists("/opt/trued")
    assert "inactive" == machine.run("systemctl", "is-active", "trued.service", check=False).stdout.strip()
