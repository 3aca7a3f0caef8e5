"""Repositories on a real machine: apt takes them, and refuses them, and trued says which."""

from __future__ import annotations

import base64
from typing import Any

from tests.host.machine.apt import COMPONENT, SUITE, Repository
from tests.host.machine.host import Host
from tests.host.machine.machine import Machine
from tests.host.machine.web import Fault

EXAMPLE = "repository:example"


def entry(repository: Repository, **keys: Any) -> dict[str, Any]:
    return {
        "uris": [repository.url],
        "suites": [SUITE],
        "components": [COMPONENT],
        "signed_by": repository.key,
        **keys,
    }


def told(report: Any, rid: str = EXAMPLE) -> tuple[str, str | None, str]:
    found = report["resources"][rid]
    return found["result"], found.get("cause"), found.get("reason", "")


def lists(machine: Machine) -> list[str]:
    """Return the lists that apt has, of whichever repository."""
    return machine.run("find", "/var/lib/apt/lists", "-name", "*InRelease").stdout.splitlines()


def version(machine: Machine, name: str) -> str:
    return machine.run("dpkg-query", "-Wf", "${db:Status-Abbrev}${Version}", name, check=False).stdout


def test_a_repository_and_a_package_from_it_in_one_commit(managed: Host, packages: Repository) -> None:
    """One cycle, and a second one that has nothing to do."""
    managed.declare({"repositories": {"example": entry(packages)}, "packages": {"hello-tool": "present"}})
    managed.apply()

    assert "ii 2.0" == version(managed.machine, "hello-tool")
    before = list(packages.web.requests)
    assert "nothing to do" in managed.trued("plan", code=0)
    managed.apply()
    assert before == packages.web.requests


def test_a_key_from_a_file_of_the_repository(managed: Host, packages: Repository) -> None:
    managed.push({"base/keys/example.asc": packages.key})
    managed.declare({"repositories": {"example": entry(packages, signed_by={"source": "keys/example.asc"})}})
    managed.apply()

    assert packages.key == managed.machine.read("/etc/apt/keyrings/example.asc")
    assert "hello-tool" in managed.machine.run("apt-cache", "pkgnames", "hello").stdout


def test_a_binary_key(managed: Host, packages: Repository) -> None:
    """As keyrings of distributions are."""
    binary = _dearmored(packages.key)
    managed.push({"base/key.gpg": binary})
    managed.declare({"repositories": {"example": entry(packages, signed_by={"source": "key.gpg"})}})
    managed.apply()

    assert binary == managed.machine.path("/etc/apt/keyrings/example.gpg").read_bytes()
    assert 1 == len(lists(managed.machine))


def _dearmored(text: str) -> bytes:
    body = text.partition("\n\n")[2].partition("\n=")[0].partition("\n-----")[0]
    return base64.b64decode(body)


def test_a_wrong_key_is_said_and_the_right_one_heals(
    managed: Host, packages: Repository, other_packages: Repository
) -> None:
    managed.declare(
        {
            "repositories": {"example": entry(packages, signed_by=other_packages.key)},
            "files": {"/etc/motd": {"content": "x"}},
        }
    )
    for cause in ("commit", "unfinished"):
        report = managed.apply(code=None)
        result, because, reason = told(report)

        assert ("failed", cause) == (result, because)
        assert "NO_PUBKEY" in reason
    assert "x" == managed.machine.read("/etc/motd")
    managed.declare({"repositories": {"example": entry(packages)}})
    managed.apply()
    assert 1 == len(lists(managed.machine))


def test_an_index_of_another_signer_later_is_an_error_and_not_a_warning(
    managed: Host, packages: Repository, other_packages: Repository
) -> None:
    """apt would go on with the old lists, and exit with 0."""
    managed.declare({"repositories": {"example": entry(packages)}})
    managed.apply()
    managed.declare({"repositories": {"example": entry(packages, signed_by=other_packages.key)}})

    result, _, reason = told(managed.apply(code=None))
    assert "failed" == result
    assert "NO_PUBKEY" in reason


def test_a_mirror_that_is_away_is_tried_until_it_is_back(managed: Host, packages: Repository) -> None:
    """What waits for it says so."""
    packages.web.fail(Fault.REFUSED)
    managed.declare({"repositories": {"example": entry(packages)}, "packages": {"hello-data": "present"}})
    report = managed.apply(code=None)
    result, _, reason = told(report)

    assert "failed" == result
    assert packages.url in reason
    assert "blocked" == told(report, "package:hello-data")[0]
    packages.web.fail(Fault.NONE)
    assert ("changed", "unfinished") == told(managed.apply())[:2]
    assert "ii 1.0" == version(managed.machine, "hello-data")


def test_a_cut_cable_holds_up_nothing_else(managed: Host, packages: Repository) -> None:
    managed.declare({"repositories": {"example": entry(packages)}})
    managed.machine.plug.cut()
    managed.declare({"repositories": {"example": entry(packages)}, "files": {"/etc/motd": {"content": "x"}}})
    report = managed.json("apply", timeout=300)

    assert "failed" == told(report)[0]
    assert "x" == managed.machine.read("/etc/motd")
    managed.machine.plug.restore()
    assert "changed" == told(managed.apply())[0]


def test_what_is_no_longer_declared_goes_with_its_key_and_lists(
    managed: Host, packages: Repository, other_packages: Repository
) -> None:
    """And the other one stays as it is."""
    both = {"example": entry(packages), "other": entry(other_packages)}
    managed.declare({"repositories": both})
    managed.apply()
    assert 2 == len(lists(managed.machine))
    managed.declare({"repositories": {"other": both["other"]}})
    managed.apply()

    (left,) = lists(managed.machine)
    assert other_packages.url.removeprefix("http://") in left
    assert not managed.machine.exists("/etc/apt/sources.list.d/example.sources")
    assert not managed.machine.exists("/etc/apt/keyrings/example.asc")
    assert "hello-other" in managed.machine.run("apt-cache", "pkgnames", "hello").stdout
    assert "hello-suite" not in managed.machine.run("apt-cache", "pkgnames", "hello").stdout


DRIFTS = [
    (("sed", "-i", "s/^Suites: .*/Suites: testing/", "/etc/apt/sources.list.d/example.sources"), "suites differs"),
    (("rm", "/etc/apt/sources.list.d/example.sources"), "the repository is missing"),
    (("rm", "/etc/apt/keyrings/example.asc"), "its key is missing"),
    (("cp", "/etc/hostname", "/etc/apt/keyrings/example.asc"), "its key differs"),
    (("chmod", "600", "/etc/apt/keyrings/example.asc"), "mode of its key is 0600, wanted 0644"),
]  # fmt: skip


def test_each_drift_is_set_right(managed: Host, packages: Repository) -> None:
    managed.declare({"repositories": {"example": entry(packages)}})
    managed.apply()
    for argv, reason in DRIFTS:
        managed.machine.run(*argv)
        result, cause, said = told(managed.apply())

        assert ("changed", "drift", reason) == (result, cause, said)
        assert "nothing to do" in managed.trued("plan", code=0)
        managed.machine.run("apt-get", "--quiet", "update")


def test_a_source_that_is_there_is_taken_over_as_it_stands(managed: Host, packages: Repository) -> None:
    packages.add_to(managed.machine)
    managed.declare(
        {
            "repositories": {
                packages.name: entry(packages, signed_by=f"/etc/apt/keyrings/{packages.name}.asc")
            }
        }
    )

    assert "nothing to do" in managed.trued("plan", code=0)
    managed.apply()
    managed.declare({"repositories": {}})
    managed.apply()
    assert packages.source == managed.machine.read(f"/etc/apt/sources.list.d/{packages.name}.sources")


def test_two_files_that_quarrel_would_leave_apt_with_nothing(managed: Host, packages: Repository) -> None:
    """As a vendor's package that brings its own file does. apt itself says the same."""
    machine = managed.machine
    line = f"deb {packages.url} {SUITE} {COMPONENT}\n"
    machine.put("/etc/apt/sources.list.d/vendor.list", line)
    managed.declare({"repositories": {"example": entry(packages)}})
    result, _, reason = told(managed.apply(code=None))

    assert "blocked" == result
    assert "/etc/apt/sources.list.d/vendor.list names" in reason
    assert 0 == machine.run("apt-cache", "policy").code
    machine.put("/etc/apt/sources.list.d/example.sources", packages.source)
    said = machine.run("apt-cache", "policy", check=False)
    assert (100, True) == (said.code, "Conflicting values set for option Signed-By" in said.stderr)
    machine.path("/etc/apt/sources.list.d/vendor.list").unlink()
    managed.apply()
    assert 1 == len(lists(machine))
