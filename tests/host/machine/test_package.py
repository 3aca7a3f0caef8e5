"""Packages on a real machine: dpkg and apt, with all that goes wrong with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.catalog import ALLOWED, SECONDS
from tests.host.machine.deb import Package
from tests.host.machine.fixtures import Boot
from tests.host.machine.host import Host
from tests.host.machine.machine import Machine
from tests.host.machine.nspawn import Binding
from tests.host.machine.python import CHECKOUT, COMMAND, PLACE, TOP
from tests.host.machine.web import Fault

LOCK = "/var/lib/dpkg/lock-frontend"
HOLDER = (
    "import fcntl, time; lock = open({path!r}, 'w'); fcntl.lockf(lock, fcntl.LOCK_EX);"
    " print('held', flush=True); time.sleep({seconds})"
)


@pytest.fixture
def debian(managed: Host, packages: Repository) -> Host:
    """A managed machine whose apt knows the repository, and has read its index."""
    packages.add_to(managed.machine)
    return managed


def state(host: Host, name: str) -> str:
    """Return dpkg's three letters and the version, as in "ii 1.0"; nothing for what it does not know."""
    said = host.machine.run("dpkg-query", "-Wf", "${db:Status-Abbrev}${Version}", name, check=False)
    return said.stdout


def declare(host: Host, **entries: Any) -> None:
    host.declare({"packages": {name.replace("_", "-"): entry for name, entry in entries.items()}})


def told(report: Any, name: str) -> tuple[str, str]:
    """Return result and reason of a package."""
    found = report["resources"][f"package:{name}"]
    return found["result"], found.get("reason") or ""


def transactions(host: Host) -> list[str]:
    """Return the commands that apt has carried out, oldest first."""
    log = host.machine.path("/var/log/apt/history.log")
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.removeprefix("Commandline: ") for line in lines if line.startswith("Commandline: ")]


def grow_old(machine: Machine) -> None:
    """Let the index be of two days ago, and the last attempt to read it anew as well."""
    machine.run(
        "find", "/var/lib/apt/lists", "/var/lib/apt/periodic", "-exec", "touch", "-d", "-2 days", "{}", "+"
    )


def assert_settled(host: Host) -> None:
    assert "nothing to do" in host.trued("plan", code=0)


def test_three_at_once_are_one_transaction(debian: Host) -> None:
    declare(debian, hello_tool="present", hello_data="present", hello_service="present")
    report = debian.apply()

    assert ["ii 2.0", "ii 1.0", "ii 2.0"] == [
        state(debian, f"hello-{name}") for name in ("tool", "data", "service")
    ]
    assert ("changed", "missing: install 2.0") == told(report, "hello-tool")
    assert 1 == len(transactions(debian))
    assert_settled(debian)


def test_what_comes_along_is_in_the_plan(debian: Host) -> None:
    declare(debian, hello_suite="present")
    reason = "missing: install 1.0, also installs hello-data 1.0, hello-extras 1.0"

    assert reason in debian.trued("plan", code=2)
    assert ("changed", reason) == told(debian.apply(), "hello-suite")


def test_recommends_are_left_out_where_that_is_declared(debian: Host) -> None:
    declare(debian, hello_suite={"recommends": False})
    debian.apply()

    assert ["ii 1.0", "un "] == [state(debian, f"hello-{name}") for name in ("data", "extras")]


def test_the_index_is_read_when_it_never_was(managed: Host, packages: Repository) -> None:
    packages.add_to(managed.machine, update=False)
    declare(managed, hello_tool="present")
    managed.apply()

    assert "ii 2.0" == state(managed, "hello-tool")


def test_an_exact_version_and_a_way_back(debian: Host) -> None:
    declare(debian, hello_tool="1.1")
    debian.apply()
    assert "ii 1.1" == state(debian, "hello-tool")
    declare(debian, hello_tool="1.0")

    assert ("changed", "1.1 is installed, wanted 1.0: downgrade to 1.0") == told(
        debian.apply(), "hello-tool"
    )
    assert "ii 1.0" == state(debian, "hello-tool")


def test_a_glob_takes_the_newest_that_fits(debian: Host) -> None:
    declare(debian, hello_tool="1.*")
    debian.apply()

    assert "ii 1.1" == state(debian, "hello-tool")
    assert_settled(debian)


def test_a_version_that_is_gone_is_named_with_those_that_are_there(debian: Host) -> None:
    declare(debian, hello_tool="0.9", hello_data="present")
    result, reason = told(debian.apply(3), "hello-tool")

    assert "blocked" == result
    assert reason.startswith("no source has hello-tool 0.9; there is 2.0, 1.1, 1.0 (read on ")
    assert "ii 1.0" == state(debian, "hello-data")


def test_latest_follows_the_repository_once_the_index_is_old(debian: Host, packages: Repository) -> None:
    declare(debian, hello_tool="latest")
    debian.apply()
    packages.publish(Package(name="hello-tool", version="4.0"))
    debian.apply()
    assert "ii 2.0" == state(debian, "hello-tool")
    grow_old(debian.machine)
    debian.apply()

    assert "ii 4.0" == state(debian, "hello-tool")
    packages.web.requests.clear()
    assert_settled(debian)
    debian.apply()
    assert [] == packages.web.requests


def test_latest_reads_an_old_index_once(debian: Host, packages: Repository) -> None:
    """A refresh that finds nothing new counts."""
    declare(debian, hello_tool="latest")
    debian.apply()
    grow_old(debian.machine)
    packages.web.requests.clear()
    debian.apply()
    count = len(packages.web.requests)
    debian.apply()

    assert 0 < count == len(packages.web.requests)
    assert_settled(debian)


def test_a_pin_decides_what_latest_is(debian: Host) -> None:
    debian.machine.put(
        "/etc/apt/preferences.d/tool", "Package: hello-tool\nPin: version 1.1\nPin-Priority: 900\n"
    )
    declare(debian, hello_tool="latest")
    debian.apply()

    assert "ii 1.1" == state(debian, "hello-tool")
    assert_settled(debian)


def test_a_hold_is_set_overridden_and_taken_away(debian: Host) -> None:
    declare(debian, hello_tool={"version": "1.*", "hold": True})
    debian.apply()
    assert "hi 1.1" == state(debian, "hello-tool")
    declare(debian, hello_tool={"version": "2.*", "hold": True})
    debian.apply()
    assert "hi 2.0" == state(debian, "hello-tool")
    declare(debian, hello_tool={"version": "2.*", "hold": False})
    debian.apply()

    assert "ii 2.0" == state(debian, "hello-tool")


def test_a_hold_of_the_admin_is_respected(debian: Host) -> None:
    declare(debian, hello_tool="1.0")
    debian.apply()
    debian.machine.run("apt-mark", "hold", "hello-tool")
    declare(debian, hello_tool="2.0", hello_plugin="present", hello_data="present")
    report = debian.apply(3)

    assert "hello-tool is held on this host" in told(report, "hello-tool")[1]
    assert "blocked" == told(report, "hello-plugin")[0]
    assert ["hi 1.0", "ii 1.0"] == [state(debian, "hello-tool"), state(debian, "hello-data")]


def test_absent_leaves_configuration_and_purge_does_not(debian: Host) -> None:
    declare(debian, hello_tool="present")
    debian.apply()
    declare(debian, hello_tool="absent")
    debian.apply()
    assert "rc 2.0" == state(debian, "hello-tool")
    assert_settled(debian)
    declare(debian, hello_tool={"version": "absent", "purge": True})
    debian.apply()

    assert not debian.machine.exists("/etc/hello-tool.conf")
    assert_settled(debian)


def test_undeclared_goes_if_trued_installed_it_and_stays_otherwise(debian: Host) -> None:
    debian.machine.run("apt-get", "-qy", "install", "hello-data")
    declare(debian, hello_tool="present", hello_data="present")
    debian.apply()
    declare(debian, hello_extras="present")
    debian.apply()

    assert ["rc 2.0", "ii 1.0"] == [state(debian, "hello-tool"), state(debian, "hello-data")]


def test_drift_is_repaired(debian: Host) -> None:
    declare(debian, hello_tool="present")
    debian.apply()
    debian.machine.run("apt-get", "-qy", "remove", "hello-tool")
    report = debian.apply()

    assert "drift" == report["resources"]["package:hello-tool"]["cause"]
    assert "ii 2.0" == state(debian, "hello-tool")


def test_an_unknown_name_fails_alone(debian: Host, packages: Repository) -> None:
    """And the index is not read anew for it in each cycle."""
    declare(debian, hello_toll="present", hello_data="present")
    result, reason = told(debian.apply(3), "hello-toll")

    assert "blocked" == result
    assert reason.startswith("there is no package hello-toll in the index (read on ")
    assert reason.endswith("did you mean hello-tool?")
    assert "ii 1.0" == state(debian, "hello-data")
    packages.web.requests.clear()
    debian.apply(3)
    assert [] == packages.web.requests


def test_what_was_published_since_is_found_when_it_is_asked_for(debian: Host, packages: Repository) -> None:
    packages.publish(Package(name="hello-new"))
    grow_old(debian.machine)
    declare(debian, hello_new="present")
    debian.apply()

    assert "ii 1.0" == state(debian, "hello-new")


def test_unmet_dependencies_are_told_in_apts_own_words(debian: Host) -> None:
    declare(debian, hello_unmet="present", hello_data="present")
    result, reason = told(debian.apply(3), "hello-unmet")

    assert "blocked" == result
    assert "hello-unmet : Depends: hello-nowhere (>= 3) but it is not installable" in reason
    assert "ii 1.0" == state(debian, "hello-data")


def test_a_conflict_is_held_until_somebody_says_yes(debian: Host) -> None:
    debian.machine.run("apt-get", "-qy", "install", "hello-tool")
    declare(debian, hello_rival="present", hello_data="present")
    result, reason = told(debian.apply(3), "hello-rival")

    assert "held" == result
    assert "this would remove hello-tool, which nobody asked for" in reason
    assert ["", "ii 1.0", "ii 2.0"] == [state(debian, f"hello-{name}") for name in ("rival", "data", "tool")]
    debian.json("apply", "--allow-removals", code=0)
    assert ["ii 1.0", "rc 2.0"] == [state(debian, f"hello-{name}") for name in ("rival", "tool")]


def test_two_that_exclude_each_other_are_told_so(debian: Host) -> None:
    """And no cycle undoes what the one before did."""
    declare(debian, hello_tool="present", hello_rival="present", hello_data="present")
    first = debian.apply(3)
    second = debian.apply(3)

    results = {told(first, f"hello-{name}")[0] for name in ("tool", "rival")}
    assert {"changed", "blocked"} == results
    assert "unchanged" in {told(second, f"hello-{name}")[0] for name in ("tool", "rival")}
    assert 1 == len(transactions(debian))


@pytest.mark.parametrize("name", ["login", "python3-minimal"])
def test_what_the_host_or_trued_lives_from_is_not_removed(debian: Host, name: str) -> None:
    """Whoever says yes."""
    debian.declare({"packages": {name: "absent", "hello-hostile": "present", "hello-data": "present"}})
    report = debian.json("apply", "--allow-removals", code=3)

    assert "is essential to this host or to trued" in told(report, name)[1]
    assert "blocked" == told(report, "hello-hostile")[0]
    assert "ii" == state(debian, name)[:2]
    assert "ii 1.0" == state(debian, "hello-data")


def test_a_broken_postinst_fails_alone_and_is_mended_once_it_works(debian: Host) -> None:
    declare(debian, hello_broken="present", hello_data="present")
    report = debian.apply(3)
    assert "hello-broken fails on purpose" in told(report, "hello-broken")[1]
    assert ["iF 2.0", "ii 1.0"] == [state(debian, f"hello-{name}") for name in ("broken", "data")]
    assert "changed" == told(report, "hello-data")[0]
    declare(debian, hello_broken="present", hello_data="present", hello_extras="present")
    assert "changed" == told(debian.apply(3), "hello-extras")[0]
    debian.machine.put(ALLOWED, "")
    debian.apply()

    assert "ii 2.0" == state(debian, "hello-broken")
    assert_settled(debian)


def test_what_others_left_half_done_is_mended_first(debian: Host) -> None:
    debian.machine.run("apt-get", "-qy", "install", "hello-broken", check=False)
    debian.machine.put(ALLOWED, "")
    declare(debian, hello_tool="present")
    reason = told(debian.apply(), "hello-tool")[1]

    assert (
        "missing: install 2.0; done first: hello-broken is not whole, mended by dpkg --configure -a"
        == reason
    )
    assert "ii 2.0" == state(debian, "hello-broken")


def test_a_conffile_that_was_changed_by_hand_stays(debian: Host) -> None:
    declare(debian, hello_tool="1.0")
    debian.apply()
    debian.machine.put("/etc/hello-tool.conf", "mine\n")
    declare(debian, hello_tool="2.0")
    debian.apply()

    assert "mine\n" == debian.machine.read("/etc/hello-tool.conf")
    assert "ii 2.0" == state(debian, "hello-tool")


def test_a_declared_conffile_wins_over_the_package(debian: Host) -> None:
    """In one cycle: first the package, then its file."""
    debian.declare(
        {"packages": {"hello-tool": "1.0"}, "files": {"/etc/hello-tool.conf": {"content": "ours\n"}}}
    )
    debian.apply()
    debian.declare(
        {"packages": {"hello-tool": "2.0"}, "files": {"/etc/hello-tool.conf": {"content": "ours\n"}}}
    )
    debian.apply()

    assert "ours\n" == debian.machine.read("/etc/hello-tool.conf")
    assert_settled(debian)


@pytest.mark.parametrize("delay", [0.0, 0.3, 0.7, 1.1])
def test_a_crash_in_the_middle_heals(debian: Host, delay: float) -> None:
    machine = debian.machine
    machine.put(SECONDS, "2")
    declare(debian, hello_slow="present", hello_suite="present", hello_tool="present")
    with machine.popen(COMMAND, "apply") as process:
        wait_for(lambda: machine.exists("/var/lib/dpkg/info/hello-data.list"))
        time.sleep(delay)
        machine.crash()
        process.wait(30)
    machine.put(SECONDS, "0")
    machine.start()
    debian.apply(None)
    debian.apply()

    names = ("data", "suite", "slow", "tool")
    assert ["ii 1.0", "ii 1.0", "ii 2.0", "ii 2.0"] == [state(debian, f"hello-{name}") for name in names]
    assert "" == machine.run("dpkg", "--audit").stdout


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_mirror_that_is_down_stops_only_what_needs_it(debian: Host, packages: Repository) -> None:
    declare(debian, hello_tool="present")
    debian.apply()
    grow_old(debian.machine)
    packages.web.fail(Fault.REFUSED)
    declare(debian, hello_tool="latest", hello_new="present")
    report = debian.apply(3)
    result, reason = told(report, "hello-new")

    assert "unchanged" == told(report, "hello-tool")[0]
    assert "blocked" == result
    assert "there is no package hello-new in the index" in reason
    assert "Failed to fetch" in reason
    assert "blocked" == told(debian.apply(3), "hello-new")[0]


def test_a_download_that_fails_is_told_and_tried_again(debian: Host, packages: Repository) -> None:
    packages.web.fail(Fault.BROKEN)
    declare(debian, hello_tool="present")
    result, reason = told(debian.apply(3), "hello-tool")
    assert ("failed", True) == (result, "503" in reason)
    packages.web.fail(Fault.NONE)
    debian.apply()

    assert "ii 2.0" == state(debian, "hello-tool")


@contextmanager
def held(machine: Machine, seconds: float) -> Iterator[None]:
    """Hold dpkg's lock, as another package manager would."""
    program = HOLDER.format(path=LOCK, seconds=seconds)
    with machine.popen("python3", "-c", program) as process:
        assert process.stdout
        assert b"held\n" == process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def test_another_package_manager_is_waited_for(debian: Host) -> None:
    declare(debian, hello_tool="present")
    with held(debian.machine, 3):
        debian.apply()

    assert "ii 2.0" == state(debian, "hello-tool")


@pytest.mark.slow
def test_a_lock_that_is_held_for_long_is_waited_for_once(debian: Host) -> None:
    declare(debian, hello_tool="present", hello_data="present", hello_extras="present")
    before = time.monotonic()
    with held(debian.machine, 600):
        report = debian.json("apply", code=3, timeout=280)

    assert 115 < time.monotonic() - before < 180
    result, reason = told(report, "hello-data")
    assert "failed" == result
    assert "It is held by process" in reason


def test_a_full_disk_is_told_and_heals(manage: Any, packages: Repository) -> None:
    host = manage(disk="160M", file_system="ext4")
    packages.add_to(host.machine)
    declare(host, hello_big="present")
    host.machine.run("dd", "if=/dev/zero", "of=/root/ballast", "bs=1M", "count=90")
    result, reason = told(host.apply(3), "hello-big")
    assert "failed" == result
    assert "space" in reason
    host.machine.run("rm", "/root/ballast")
    host.apply()

    assert "ii 1.0" == state(host, "hello-big")


def test_a_virtual_package_is_there_when_one_provides_it(debian: Host) -> None:
    declare(debian, hello_mail="present")
    result, reason = told(debian.apply(3), "hello-mail")
    assert (
        "blocked",
        "hello-mail is a virtual package; declare one that provides it: hello-mail-a, hello-mail-b",
    ) == (
        result,
        reason,
    )
    declare(debian, hello_mail="present", hello_mail_b="present")
    debian.apply()

    assert_settled(debian)


def test_what_is_needed_no_more_is_told_and_stays(debian: Host) -> None:
    declare(debian, hello_suite="present", hello_tool="present")
    debian.apply()
    declare(debian, hello_tool="present")
    debian.apply()
    debian.apply()

    assert "packages no longer needed: hello-data, hello-extras" in json.dumps(debian.status())
    assert "ii 1.0" == state(debian, "hello-data")


def test_a_package_of_others_becomes_wanted_for_its_own_sake(debian: Host) -> None:
    debian.machine.run("apt-get", "-qy", "install", "hello-suite")
    declare(debian, hello_data="present")
    debian.apply()

    assert "hello-data\n" in debian.machine.run("apt-mark", "showmanual").stdout
    assert_settled(debian)


def test_a_repository_and_its_package_in_one_commit_though_the_index_was_just_read(
    debian: Host, other_packages: Repository
) -> None:
    declare(debian, hello_missing="present")
    debian.apply(3)
    source = {
        "uris": [other_packages.url],
        "suites": ["stable"],
        "components": ["main"],
        "signed_by": other_packages.key,
    }
    debian.declare({"repositories": {"other": source}, "packages": {"hello-other": "present"}})
    debian.apply()

    assert "ii 1.0" == state(debian, "hello-other")


@pytest.mark.slow
def test_300_packages_with_nothing_to_do_cost_next_to_nothing(boot: Boot, packages: Repository) -> None:
    """Less than 50 ms of CPU a cycle; benchmarks/packages.py, on a machine of its own."""
    folder = Binding(source=TOP / "benchmarks", place=f"{CHECKOUT}/benchmarks", read_only=True)
    machine = boot(crowded=True, bindings=[folder])
    packages.add_to(machine)
    program = (f"{PLACE}/bin/python", f"{CHECKOUT}/benchmarks/packages.py", "--json", "/root/samples.json")
    print(machine.run(*program).stdout)
    samples = json.loads(machine.read("/root/samples.json"))

    for version in ("present", "latest"):
        assert median(samples[f"trued run (one cycle), {version}"]) < 0.050


def test_nothing_is_to_be_done_about_what_adopt_would_write(debian: Host) -> None:
    debian.machine.run("apt-get", "-qy", "install", "hello-suite", "hello-tool=1.0")
    debian.machine.run("apt-mark", "hold", "hello-tool")
    survey = (
        "import json; from pathlib import Path; from agent.host.local import Local; from agent.kinds.package import KIND;"
        " probe = Local(Path('/'), Path('/var/lib/trued')).probe();"
        " print(json.dumps({found.name: found.entry for found in KIND.survey(probe)}))"
    )
    said = debian.machine.run(f"{PLACE}/bin/python", "-c", survey, env={"PYTHONPATH": CHECKOUT})
    entries = json.loads(said.stdout)
    debian.declare({"packages": entries})

    assert {"version": "1.0", "hold": True} == entries["hello-tool"]
    assert "present" == entries["hello-suite"]
    assert "hello-data" not in entries
    assert_settled(debian)
