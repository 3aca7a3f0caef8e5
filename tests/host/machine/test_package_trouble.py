"""Packages on a real machine: what goes wrong with them, who else it touches, and how it heals."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.catalog import ALLOWED, SECONDS
from tests.host.machine.dpkg import (
    assert_settled,
    declare,
    grow_old,
    held,
    state,
    told,
    transactions,
    wait_for,
)
from tests.host.machine.fixtures import Manage
from tests.host.machine.host import CONFIG, Host
from tests.host.machine.python import COMMAND, PLACE
from tests.host.machine.web import Fault


def test_a_version_that_is_gone_is_named_with_those_that_are_there(supplied: Host) -> None:
    declare(supplied, hello_tool="0.9", hello_data="present")
    result, reason = told(supplied.apply(3), "hello-tool")

    assert "blocked" == result
    assert reason.startswith("no source has hello-tool 0.9; there is 2.0, 1.1, 1.0 (read on ")
    assert "ii 1.0" == state(supplied, "hello-data")


def test_a_hold_of_the_admin_is_respected(supplied: Host) -> None:
    declare(supplied, hello_tool="1.0")
    supplied.apply()
    supplied.machine.run("apt-mark", "hold", "hello-tool")
    declare(supplied, hello_tool="2.0", hello_plugin="present", hello_data="present")
    report = supplied.apply(3)

    assert "hello-tool is held on this host" in told(report, "hello-tool")[1]
    assert "blocked" == told(report, "hello-plugin")[0]
    assert ["hi 1.0", "ii 1.0"] == [state(supplied, "hello-tool"), state(supplied, "hello-data")]


def test_an_unknown_name_fails_alone(supplied: Host, packages: Repository) -> None:
    """And the index is not read anew for it in each cycle."""
    declare(supplied, hello_toll="present", hello_data="present")
    result, reason = told(supplied.apply(3), "hello-toll")

    assert "blocked" == result
    assert reason.startswith("there is no package hello-toll in the index (read on ")
    assert reason.endswith("did you mean hello-tool?")
    assert "ii 1.0" == state(supplied, "hello-data")
    packages.web.requests.clear()
    supplied.apply(3)
    assert [] == packages.web.requests


def test_unmet_dependencies_are_told_in_apts_own_words(supplied: Host) -> None:
    declare(supplied, hello_unmet="present", hello_data="present")
    result, reason = told(supplied.apply(3), "hello-unmet")

    assert "blocked" == result
    assert "hello-unmet : Depends: hello-nowhere (>= 3) but it is not installable" in reason
    assert "ii 1.0" == state(supplied, "hello-data")


def test_a_conflict_is_held_until_somebody_says_yes(supplied: Host) -> None:
    supplied.machine.run("apt-get", "-qy", "install", "hello-tool")
    declare(supplied, hello_rival="present", hello_data="present")
    result, reason = told(supplied.apply(3), "hello-rival")

    assert "held" == result
    assert "this would remove hello-tool, which nobody asked for" in reason
    assert ["", "ii 1.0", "ii 2.0"] == [
        state(supplied, f"hello-{name}") for name in ("rival", "data", "tool")
    ]
    supplied.json("apply", "--allow-removals", code=0)
    assert ["ii 1.0", "rc 2.0"] == [state(supplied, f"hello-{name}") for name in ("rival", "tool")]


def test_two_that_exclude_each_other_are_told_so(supplied: Host) -> None:
    """And no cycle undoes what the one before did."""
    declare(supplied, hello_tool="present", hello_rival="present", hello_data="present")
    first = supplied.apply(3)
    second = supplied.apply(3)

    results = {told(first, f"hello-{name}")[0] for name in ("tool", "rival")}
    assert {"changed", "blocked"} == results
    assert "unchanged" in {told(second, f"hello-{name}")[0] for name in ("tool", "rival")}
    assert 1 == len(transactions(supplied))


@pytest.mark.parametrize("name", ["login", "python3-minimal"])
def test_what_the_host_or_trued_lives_from_is_not_removed(supplied: Host, name: str) -> None:
    """Whoever says yes."""
    supplied.declare({"packages": {name: "absent", "hello-hostile": "present", "hello-data": "present"}})
    report = supplied.json("apply", "--allow-removals", code=3)

    assert "is essential to this host or to trued" in told(report, name)[1]
    assert "blocked" == told(report, "hello-hostile")[0]
    assert "ii" == state(supplied, name)[:2]
    assert "ii 1.0" == state(supplied, "hello-data")


def test_a_broken_postinst_fails_alone_and_is_mended_once_it_works(supplied: Host) -> None:
    declare(supplied, hello_broken="present", hello_data="present")
    report = supplied.apply(3)
    assert "hello-broken fails on purpose" in told(report, "hello-broken")[1]
    assert ["iF 2.0", "ii 1.0"] == [state(supplied, f"hello-{name}") for name in ("broken", "data")]
    assert "changed" == told(report, "hello-data")[0]
    declare(supplied, hello_broken="present", hello_data="present", hello_extras="present")
    assert "changed" == told(supplied.apply(3), "hello-extras")[0]
    supplied.machine.put(ALLOWED, "")
    supplied.apply()

    assert "ii 2.0" == state(supplied, "hello-broken")
    assert_settled(supplied)


def test_what_others_left_half_done_is_mended_first(supplied: Host) -> None:
    supplied.machine.run("apt-get", "-qy", "install", "hello-broken", check=False)
    supplied.machine.put(ALLOWED, "")
    declare(supplied, hello_tool="present")
    reason = told(supplied.apply(), "hello-tool")[1]

    assert (
        "missing: install 2.0; done first: hello-broken is not whole, mended by `dpkg --configure -a`"
        == reason
    )
    assert "ii 2.0" == state(supplied, "hello-broken")


@pytest.mark.parametrize("delay", [0.0, 0.3, 0.7, 1.1])
def test_a_crash_in_the_middle_heals(supplied: Host, delay: float) -> None:
    machine = supplied.machine
    machine.put(SECONDS, "2")
    declare(supplied, hello_slow="present", hello_suite="present", hello_tool="present")
    with machine.popen(COMMAND, "apply") as process:
        wait_for(lambda: machine.exists("/var/lib/dpkg/info/hello-data.list"))
        time.sleep(delay)
        machine.crash()
        process.wait(30)
    machine.put(SECONDS, "0")
    machine.start()
    supplied.apply(None)
    supplied.apply()

    names = ("data", "suite", "slow", "tool")
    assert ["ii 1.0", "ii 1.0", "ii 2.0", "ii 2.0"] == [state(supplied, f"hello-{name}") for name in names]
    assert "" == machine.run("dpkg", "--audit").stdout


def test_what_was_torn_while_it_was_unpacked_is_installed_once_more(supplied: Host) -> None:
    """As dpkg leaves it when the power goes; declared or not. apt itself takes both for installed."""
    declare(supplied, hello_suite="present")
    supplied.apply()
    status = supplied.machine.path("/var/lib/dpkg/status")
    text = status.read_text()
    for name in ("hello-suite", "hello-extras"):
        whole = f"Package: {name}\nStatus: install ok installed"
        assert whole in text
        text = text.replace(whole, f"Package: {name}\nStatus: install reinstreq half-installed")
    status.write_text(text)
    supplied.apply()

    assert ["ii 1.0", "ii 1.0"] == [state(supplied, f"hello-{name}") for name in ("suite", "extras")]
    assert "" == supplied.machine.run("dpkg", "--audit").stdout


def test_a_mirror_that_is_down_stops_only_what_needs_it(supplied: Host, packages: Repository) -> None:
    declare(supplied, hello_tool="present")
    supplied.apply()
    grow_old(supplied.machine)
    packages.web.fail(Fault.REFUSED)
    declare(supplied, hello_tool="latest", hello_new="present")
    report = supplied.apply(3)
    result, reason = told(report, "hello-new")

    assert "unchanged" == told(report, "hello-tool")[0]
    assert "blocked" == result
    assert "there is no package hello-new in the index" in reason
    assert "Failed to fetch" in reason
    assert "blocked" == told(supplied.apply(3), "hello-new")[0]


def test_a_download_that_fails_is_told_and_tried_again(supplied: Host, packages: Repository) -> None:
    packages.web.fail(Fault.BROKEN)
    declare(supplied, hello_tool="present")
    result, reason = told(supplied.apply(3), "hello-tool")
    assert ("failed", True) == (result, "503" in reason)
    packages.web.fail(Fault.NONE)
    supplied.apply()

    assert "ii 2.0" == state(supplied, "hello-tool")


def test_another_package_manager_is_waited_for(supplied: Host) -> None:
    declare(supplied, hello_tool="present")
    with held(supplied.machine, 3):
        supplied.apply()

    assert "ii 2.0" == state(supplied, "hello-tool")


@pytest.mark.slow
def test_a_lock_that_is_held_for_long_is_waited_for_once(supplied: Host) -> None:
    declare(supplied, hello_tool="present", hello_data="present", hello_extras="present")
    before = time.monotonic()
    with held(supplied.machine, 600):
        report = supplied.json("apply", code=3, timeout=280)

    assert 115 < time.monotonic() - before < 180
    result, reason = told(report, "hello-data")
    assert "failed" == result
    assert "It is held by process" in reason


def test_a_full_disk_is_told_and_heals(manage: Manage, packages: Repository) -> None:
    host = manage(disk="160M", file_system="ext4")
    packages.add_to(host.machine)
    declare(host, hello_big="present")
    host.machine.run("dd", "if=/dev/zero", "of=/srv/ballast", "bs=1M", "count=90")
    result, reason = told(host.apply(3), "hello-big")
    assert "failed" == result
    assert "space" in reason
    host.machine.run("rm", "/srv/ballast")
    host.apply()

    assert "ii 1.0" == state(host, "hello-big")


@pytest.mark.parametrize("left", ["", "0", "half"])
@pytest.mark.parametrize("what", ["_InRelease", "_Packages", ""])
def test_lists_that_a_power_cut_has_torn_are_fetched_anew(supplied: Host, what: str, left: str) -> None:
    """apt cannot mend them: it asks the mirror for what is newer, and nothing is."""
    for path in sorted(supplied.machine.path("/var/lib/apt/lists").iterdir()):
        if path.name.endswith(what) and path.is_file():
            size = path.stat().st_size
            path.write_bytes({"": b"", "0": bytes(size), "half": path.read_bytes()[: size // 2]}[left])
    supplied.declare({"packages": {"hello-tool": "present"}})
    supplied.apply()

    assert "hello-tool 2.0" == supplied.machine.run("hello-tool").stdout.strip()


def test_marks_that_a_power_cut_has_torn_are_made_anew(supplied: Host) -> None:
    supplied.declare({"packages": {"hello-suite": "present"}})
    supplied.apply()
    marks = supplied.machine.path("/var/lib/apt/extended_states")
    marks.write_bytes(bytes(marks.stat().st_size))
    supplied.declare({"packages": {"hello-suite": "present", "hello-tool": "present"}})
    supplied.apply()

    assert "hello-tool 2.0" == supplied.machine.run("hello-tool").stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_script_that_hangs_holds_up_no_other_package(supplied: Host) -> None:
    """Its time ends in good order: a database that is torn would have to be mended by that same script first."""
    machine = supplied.machine
    machine.put(SECONDS, "1000")
    machine.put("/srv/hurried.py", (Path(__file__).parent / "hurried.py").read_bytes())
    hurried = (f"{PLACE}/bin/python", "/srv/hurried.py", CONFIG, "15", "apt-get", "dpkg")
    declare(supplied, hello_slow="present")
    assert 3 == machine.run(*hurried, check=False, timeout=280).code
    assert "iF" == state(supplied, "hello-slow")[:2]
    declare(supplied, hello_slow="present", hello_data="present")
    assert 3 == machine.run(*hurried, check=False, timeout=280).code

    assert "ii 1.0" == state(supplied, "hello-data")
    machine.put(SECONDS, "0")
    supplied.apply()
    assert "ii" == state(supplied, "hello-slow")[:2]
