"""The package repositories of the tests: apt takes them for real, and they fail as told."""

from __future__ import annotations

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.catalog import ALLOWED
from tests.host.machine.deb import Package
from tests.host.machine.fixtures import Boot
from tests.host.machine.machine import Done, Machine
from tests.host.machine.web import Fault


@pytest.fixture
def debian(machine: Machine, packages: Repository) -> Machine:
    packages.add_to(machine)
    return machine


def install(machine: Machine, *words: str) -> Done:
    return machine.run("apt-get", "-qy", "-oDpkg::Use-Pty=0", "install", *words, check=False, timeout=60)


def state(machine: Machine, name: str) -> str:
    return machine.run("dpkg-query", "-Wf", "${db:Status-Abbrev}${Version}", name, check=False).stdout


def test_apt_installs_versions_from_it(debian: Machine) -> None:
    for version in ("1.0", "1.1", "2.0"):
        install(debian, f"hello-tool={version}")
        assert f"hello-tool {version}\n" == debian.run("hello-tool").stdout


def test_dependencies_come_along_and_conflicts_are_told(debian: Machine) -> None:
    install(debian, "hello-suite", "hello-plugin")
    removed = install(debian, "--simulate", "hello-rival").stdout

    assert "ii 1.0" == state(debian, "hello-data")
    assert {"Remv hello-plugin", "Remv hello-tool"} == {
        line[: line.index(" [")] for line in removed.splitlines() if "Remv" in line
    }
    assert "Conflicts: login but" in install(debian, "--simulate", "hello-hostile").said
    assert "hello-nowhere" in install(debian, "hello-unmet").said


def test_a_postinst_fails_until_it_is_allowed(debian: Machine) -> None:
    failed = install(debian, "hello-broken=2.0")

    assert (100, "iF 2.0") == (failed.code, state(debian, "hello-broken"))
    debian.put(ALLOWED, "")
    debian.run("dpkg", "--configure", "-a")
    assert "ii 2.0" == state(debian, "hello-broken")


def test_a_package_brings_a_service(debian: Machine) -> None:
    """Enabled and running, with what its EnvironmentFile says."""
    install(debian, "hello-service=1.0")
    assert (
        "enabled\nactive\n"
        == debian.run(
            "sh", "-c", "systemctl is-enabled hello-service; systemctl is-active hello-service"
        ).stdout
    )
    install(debian, "hello-service=2.0")
    debian.run("systemctl", "reload", "hello-service")
    said = [entry["MESSAGE"] for entry in debian.journal("--unit=hello-service", "_COMM=hello-service")]
    assert ["hello-service 1.0 says hello", "hello-service 2.0 says hello"] == said[:2]
    debian.run("apt-get", "-qy", "purge", "hello-service")
    assert "could not be found" in debian.run("systemctl", "status", "hello-service", check=False).said


def test_a_crowded_machine_has_hundreds_of_packages(boot: Boot) -> None:
    """For what has to be quick with many."""
    machine = boot(crowded=True)

    assert (
        "ii 1.0" * 300 == machine.run("dpkg-query", "-Wf", "${db:Status-Abbrev}${Version}", "bulk-*").stdout
    )


def test_versions_come_and_go(debian: Machine, packages: Repository) -> None:
    packages.withdraw("hello-tool", "2.0")
    packages.publish(Package(name="hello-tool", version="4.0"))
    debian.run("apt-get", "update")
    table = debian.run("apt-cache", "madison", "hello-tool").stdout

    assert ["4.0", "1.1", "1.0"] == [line.split("|")[1].strip() for line in table.splitlines()]


def test_a_foreign_key_is_refused(
    machine: Machine, packages: Repository, other_packages: Repository
) -> None:
    packages.add_to(machine, update=False)
    machine.put("/etc/apt/keyrings/packages.asc", other_packages.key)

    assert "NO_PUBKEY" in machine.run("apt-get", "update", check=False).said


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Fault.REFUSED, "Connection refused"), (Fault.BROKEN, "503"), (Fault.SILENT, "Connection failed")],
)
def test_it_fails_as_told_and_is_well_again(
    machine: Machine, packages: Repository, fault: Fault, said: str
) -> None:
    packages.add_to(machine, update=False)
    update = ("apt-get", "-oAcquire::http::Timeout=1", "-oAcquire::Retries=0", "update")
    packages.web.fail(fault)
    assert said in machine.run(*update).said
    packages.web.fail(Fault.NONE)
    packages.web.requests.clear()
    machine.run(*update)
    assert "/dists/stable/InRelease" in packages.web.requests
