"""Packages on a real machine: installed, upgraded, held and removed by apt as declared."""

from __future__ import annotations

import json
from statistics import median

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.deb import Package
from tests.host.machine.dpkg import assert_settled, declare, grow_old, state, told, transactions
from tests.host.machine.fixtures import Boot
from tests.host.machine.host import Host
from tests.host.machine.nspawn import Binding
from tests.host.machine.python import CHECKOUT, PLACE, TOP


def test_three_at_once_are_one_transaction(supplied: Host) -> None:
    declare(supplied, hello_tool="present", hello_data="present", hello_service="present")
    report = supplied.apply()

    assert ["ii 2.0", "ii 1.0", "ii 2.0"] == [
        state(supplied, f"hello-{name}") for name in ("tool", "data", "service")
    ]
    assert ("changed", "missing: install 2.0") == told(report, "hello-tool")
    assert 1 == len(transactions(supplied))
    assert_settled(supplied)


def test_what_comes_along_is_in_the_plan(supplied: Host) -> None:
    declare(supplied, hello_suite="present")
    reason = "missing: install 1.0, also installs hello-data 1.0, hello-extras 1.0"

    assert reason in supplied.trued("plan", code=2)
    assert ("changed", reason) == told(supplied.apply(), "hello-suite")


def test_recommends_are_left_out_where_that_is_declared(supplied: Host) -> None:
    declare(supplied, hello_suite={"recommends": False})
    supplied.apply()

    assert ["ii 1.0", "un "] == [state(supplied, f"hello-{name}") for name in ("data", "extras")]


def test_the_index_is_read_when_it_never_was(managed: Host, packages: Repository) -> None:
    packages.add_to(managed.machine, update=False)
    declare(managed, hello_tool="present")
    managed.apply()

    assert "ii 2.0" == state(managed, "hello-tool")


def test_an_exact_version_and_a_way_back(supplied: Host) -> None:
    declare(supplied, hello_tool="1.1")
    supplied.apply()
    assert "ii 1.1" == state(supplied, "hello-tool")
    declare(supplied, hello_tool="1.0")

    assert ("changed", "1.1 is installed, wanted 1.0: downgrade to 1.0") == told(
        supplied.apply(), "hello-tool"
    )
    assert "ii 1.0" == state(supplied, "hello-tool")


def test_a_glob_takes_the_newest_that_fits(supplied: Host) -> None:
    declare(supplied, hello_tool="1.*")
    supplied.apply()

    assert "ii 1.1" == state(supplied, "hello-tool")
    assert_settled(supplied)


def test_latest_follows_the_repository_once_the_index_is_old(supplied: Host, packages: Repository) -> None:
    declare(supplied, hello_tool="latest")
    supplied.apply()
    packages.publish(Package(name="hello-tool", version="4.0"))
    supplied.apply()
    assert "ii 2.0" == state(supplied, "hello-tool")
    grow_old(supplied.machine)
    supplied.apply()

    assert "ii 4.0" == state(supplied, "hello-tool")
    packages.web.requests.clear()
    assert_settled(supplied)
    supplied.apply()
    assert [] == packages.web.requests


def test_latest_reads_an_old_index_once(supplied: Host, packages: Repository) -> None:
    """A refresh that finds nothing new counts."""
    declare(supplied, hello_tool="latest")
    supplied.apply()
    grow_old(supplied.machine)
    packages.web.requests.clear()
    supplied.apply()
    count = len(packages.web.requests)
    supplied.apply()

    assert 0 < count == len(packages.web.requests)
    assert_settled(supplied)


def test_a_pin_decides_what_latest_is(supplied: Host) -> None:
    supplied.machine.put(
        "/etc/apt/preferences.d/tool", "Package: hello-tool\nPin: version 1.1\nPin-Priority: 900\n"
    )
    declare(supplied, hello_tool="latest")
    supplied.apply()

    assert "ii 1.1" == state(supplied, "hello-tool")
    assert_settled(supplied)


def test_a_hold_is_set_overridden_and_taken_away(supplied: Host) -> None:
    declare(supplied, hello_tool={"version": "1.*", "hold": True})
    supplied.apply()
    assert "hi 1.1" == state(supplied, "hello-tool")
    declare(supplied, hello_tool={"version": "2.*", "hold": True})
    supplied.apply()
    assert "hi 2.0" == state(supplied, "hello-tool")
    declare(supplied, hello_tool={"version": "2.*", "hold": False})
    supplied.apply()

    assert "ii 2.0" == state(supplied, "hello-tool")


def test_absent_leaves_configuration_and_purge_does_not(supplied: Host) -> None:
    declare(supplied, hello_tool="present")
    supplied.apply()
    declare(supplied, hello_tool="absent")
    supplied.apply()
    assert "rc 2.0" == state(supplied, "hello-tool")
    assert_settled(supplied)
    declare(supplied, hello_tool={"version": "absent", "purge": True})
    supplied.apply()

    assert not supplied.machine.exists("/etc/hello-tool.conf")
    assert_settled(supplied)


def test_undeclared_goes_if_trued_installed_it_and_stays_otherwise(supplied: Host) -> None:
    supplied.machine.run("apt-get", "-qy", "install", "hello-data")
    declare(supplied, hello_tool="present", hello_data="present")
    supplied.apply()
    declare(supplied, hello_extras="present")
    supplied.apply()

    assert ["rc 2.0", "ii 1.0"] == [state(supplied, "hello-tool"), state(supplied, "hello-data")]


def test_drift_is_repaired(supplied: Host) -> None:
    declare(supplied, hello_tool="present")
    supplied.apply()
    supplied.machine.run("apt-get", "-qy", "remove", "hello-tool")
    report = supplied.apply()

    assert "drift" == report["resources"]["package:hello-tool"]["cause"]
    assert "ii 2.0" == state(supplied, "hello-tool")


def test_what_was_published_since_is_found_when_it_is_asked_for(
    supplied: Host, packages: Repository
) -> None:
    packages.publish(Package(name="hello-new"))
    grow_old(supplied.machine)
    declare(supplied, hello_new="present")
    supplied.apply()

    assert "ii 1.0" == state(supplied, "hello-new")


def test_a_conffile_that_was_changed_by_hand_stays(supplied: Host) -> None:
    declare(supplied, hello_tool="1.0")
    supplied.apply()
    supplied.machine.put("/etc/hello-tool.conf", "mine\n")
    declare(supplied, hello_tool="2.0")
    supplied.apply()

    assert "mine\n" == supplied.machine.read("/etc/hello-tool.conf")
    assert "ii 2.0" == state(supplied, "hello-tool")


def test_a_declared_conffile_wins_over_the_package(supplied: Host) -> None:
    """In one cycle: first the package, then its file."""
    supplied.declare(
        {"packages": {"hello-tool": "1.0"}, "files": {"/etc/hello-tool.conf": {"content": "ours\n"}}}
    )
    supplied.apply()
    supplied.declare(
        {"packages": {"hello-tool": "2.0"}, "files": {"/etc/hello-tool.conf": {"content": "ours\n"}}}
    )
    supplied.apply()

    assert "ours\n" == supplied.machine.read("/etc/hello-tool.conf")
    assert_settled(supplied)


def test_a_virtual_package_is_there_when_one_provides_it(supplied: Host) -> None:
    declare(supplied, hello_mail="present")
    result, reason = told(supplied.apply(3), "hello-mail")
    assert (
        "blocked",
        "hello-mail is a virtual package; declare one that provides it: hello-mail-a, hello-mail-b",
    ) == (
        result,
        reason,
    )
    declare(supplied, hello_mail="present", hello_mail_b="present")
    supplied.apply()

    assert_settled(supplied)


def test_what_is_needed_no_more_is_told_and_stays(supplied: Host) -> None:
    declare(supplied, hello_suite="present", hello_tool="present")
    supplied.apply()
    declare(supplied, hello_tool="present")
    supplied.apply()
    supplied.apply()

    assert "packages no longer needed: hello-data, hello-extras" in json.dumps(supplied.status())
    assert "ii 1.0" == state(supplied, "hello-data")


def test_a_package_of_others_becomes_wanted_for_its_own_sake(supplied: Host) -> None:
    supplied.machine.run("apt-get", "-qy", "install", "hello-suite")
    declare(supplied, hello_data="present")
    supplied.apply()

    assert "hello-data\n" in supplied.machine.run("apt-mark", "showmanual").stdout
    assert_settled(supplied)


def test_a_repository_and_its_package_in_one_commit_though_the_index_was_just_read(
    supplied: Host, other_packages: Repository
) -> None:
    declare(supplied, hello_missing="present")
    supplied.apply(3)
    source = {
        "uris": [other_packages.url],
        "suites": ["stable"],
        "components": ["main"],
        "signed_by": other_packages.key,
    }
    supplied.declare({"repositories": {"other": source}, "packages": {"hello-other": "present"}})
    supplied.apply()

    assert "ii 1.0" == state(supplied, "hello-other")


@pytest.mark.slow
def test_300_packages_with_nothing_to_do_cost_next_to_nothing(boot: Boot, packages: Repository) -> None:
    """Less than 50 ms of CPU a cycle; benchmarks/packages.py, on a machine of its own."""
    folder = Binding(source=TOP / "benchmarks", place=f"{CHECKOUT}/benchmarks", read_only=True)
    machine = boot(crowded=True, bindings=[folder])
    packages.add_to(machine)
    program = (f"{PLACE}/bin/python", f"{CHECKOUT}/benchmarks/packages.py", "--json", "/srv/samples.json")
    print(machine.run(*program).stdout)
    samples = json.loads(machine.read("/srv/samples.json"))

    for version in ("present", "latest"):
        assert median(samples[f"trued run (one cycle), {version}"]) < 0.050


def test_nothing_is_to_be_done_about_what_adopt_would_write(supplied: Host) -> None:
    supplied.machine.run("apt-get", "-qy", "install", "hello-suite", "hello-tool=1.0")
    supplied.machine.run("apt-mark", "hold", "hello-tool")
    survey = (
        "import json; from pathlib import Path; from agent.host.local import Local; from agent.kinds.package import KIND;"
        " probe = Local(Path('/'), Path('/var/lib/trued')).probe();"
        " print(json.dumps({found.name: found.entry for found in KIND.survey(probe)}))"
    )
    said = supplied.machine.run(f"{PLACE}/bin/python", "-c", survey, env={"PYTHONPATH": CHECKOUT})
    entries = json.loads(said.stdout)
    supplied.declare({"packages": entries})

    assert {"version": "1.0", "hold": True} == entries["hello-tool"]
    assert "present" == entries["hello-suite"]
    assert "hello-data" not in entries
    assert_settled(supplied)
