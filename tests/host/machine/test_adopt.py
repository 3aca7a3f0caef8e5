"""Taking over a machine that somebody has lived on: what is written, and that nothing changes by it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping
from typing import Any

import pytest

from agent.documents.nodes import to_plain
from agent.documents.parse import parse
from tests.host.machine.apt import Repository
from tests.host.machine.debian import PACKAGES
from tests.host.machine.fixtures import Boot, Manage
from tests.host.machine.host import Host
from tests.host.machine.lived import KEYS, LATIN, SECRET, UNITS, live
from tests.host.machine.machine import Machine
from tests.host.machine.python import COMMAND

LAYER = "/srv/layer"
VALID = 'hosts: ["edge-*"]\nlayers: ["hosts/{host}"]\n'
# What a step of trued would leave a trace in.
TRACES = (
    "/var/log/dpkg.log",
    "/var/lib/apt/extended_states",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/localtime",
)
FOLDERS = ("/etc/lived", "/etc/systemd/system", "/etc/apt", "/etc/sysctl.d", "/home", "/etc/default")

WHOLE = {
    "README.md",
    "files.yaml",
    "packages.yaml",
    "units.yaml",
    "users.yaml",
    *(f"units/{name}" for name in UNITS),
}


@pytest.fixture
def lived(managed: Host, packages: Repository) -> Host:
    live(managed.machine, packages)
    return managed


def written(machine: Machine) -> Mapping[str, bytes]:
    """Return all files of the layer, by their path in it."""
    top = machine.path(LAYER)
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def section(machine: Machine, name: str) -> Any:
    """Return what one document of the layer declares, as trued reads it."""
    path = machine.path(f"{LAYER}/{name}.yaml")
    node = parse(path.read_bytes(), path.name)
    assert node is not None
    return to_plain(node)[name]


def push(host: Host) -> None:
    """Put the layer into the fleet repository as a person would."""
    files = {f"hosts/{host.machine.name}/{path}": data for path, data in written(host.machine).items()}
    host.push({"fleet.yaml": VALID, **files})


def traces(machine: Machine) -> Mapping[str, tuple[int, int]]:
    """Return inode and time of change of all that taking over could touch."""
    paths = [machine.path(path) for path in TRACES]
    for folder in map(machine.path, FOLDERS):
        paths += [folder, *folder.rglob("*")]
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths}


def boots(machine: Machine) -> Mapping[str, Any]:
    """Return since when units run: a restart would show."""
    names = ("ssh.service", "kiosk.service", "feed@news.service", "backup.timer")
    return {name: machine.show(name, "ActiveEnterTimestampMonotonic", "NRestarts") for name in names}


@pytest.mark.slow
def test_the_plan_for_a_machine_that_was_lived_on_is_empty(lived: Host) -> None:
    """And its first apply carries nothing out; all is then trued's to keep, and nothing its to remove."""
    machine = lived.machine
    lived.trued("adopt", LAYER, code=0)
    before, running = traces(machine), boots(machine)
    push(lived)

    assert "nothing to do" in lived.trued("plan", code=0)
    resources = lived.apply()["resources"]
    assert {"unchanged"} == {one["result"] for one in resources.values()}
    assert {"adopted"} == {one["owned"] for one in resources.values()}
    assert (before, running) == (traces(machine), boots(machine))
    gone = {f"hosts/{machine.name}/{path}": None for path in written(machine)}
    lived.push({**gone, f"hosts/{machine.name}/other.yaml": "files: {/etc/other: {content: x}}\n"})
    lived.apply()
    assert {"file:/etc/other"} == lived.apply()["resources"].keys()
    assert (before, running) == (traces(machine), boots(machine))
    assert "nothing to do" in lived.trued("plan", code=0)


def test_what_people_did_is_in_the_layer(lived: Host) -> None:
    machine = lived.machine
    answer = lived.json("adopt", LAYER, code=0)
    files, units, users = (section(machine, name) for name in ("files", "units", "users"))

    assert not answer["errors"]
    assert not answer["differs"]
    assert {"source": "files/etc/default/hello-service", "mode": "0664", "group": "adm"} == files[
        "/etc/default/hello-service"
    ]
    assert "absent" == files["/etc/lived/dropped"]
    assert {"link": "/srv/over $$there"} == files["/etc/lived/linked"]
    assert {"/etc/lived/with space", "/etc/lived/with$$dollar", "/etc/lived/$${host}"} < files.keys()
    assert "/etc/lived/same" not in files
    assert LATIN == written(machine)["files/etc/lived/latin"]
    for name, text in UNITS.items():
        assert text.encode() == written(machine)[f"units/{name}"]
    on = {"enabled": True, "active": True}
    assert {"source": "units/backup.timer", **on} == units["backup.timer"]
    assert {"source": "units/spare.service", "enabled": False} == units["spare.service"]
    assert on == units["feed@news.service"] == units["feed@a-b.service"]
    assert units["hello-service.service"]["masked"]
    assert "getty@tty1.service" not in units
    assert list(KEYS) == [key.replace("$$", "$") for key in users["anna"]["authorized_keys"]]
    assert ["adm", "kiosks", "lamps"] == users["anna"]["groups"]
    assert "Anna M\u00fcller, 100%,,$$x" == users["anna"]["comment"]
    assert ("lamps", "/opt/gone/zsh") == (users["bert"]["group"], users["bert"]["shell"])
    assert {"lamps": {"gid": 2000}} == section(machine, "groups")
    assert {"net.ipv4.ip_forward": "1"} == section(machine, "sysctls")
    assert "Europe/Berlin" == section(machine, "timezone")
    assert [packages_url(machine)] == section(machine, "repositories")["packages"]["uris"]
    chosen = section(machine, "packages")
    assert {"version": "1.0", "hold": True} == chosen["hello-tool"]
    assert "hello-suite" in chosen
    assert "hello-data" not in chosen


def packages_url(machine: Machine) -> str:
    found = re.search(
        r"^URIs: (.+)$", machine.read("/etc/apt/sources.list.d/packages.sources"), re.MULTILINE
    )
    assert found
    return found[1]


def test_what_may_be_secret_stays_where_it_is(lived: Host) -> None:
    """And is named, with the reason, in the answer and in the layer."""
    machine = lived.machine
    said = lived.trued("adopt", LAYER, code=0)
    files = written(machine)

    assert not [path for path, data in files.items() if SECRET.encode() in data]
    assert not [path for path, data in files.items() if b"$y$" in data or b"$6$" in data]
    assert SECRET not in said
    for id_, path in (("file:/etc/lived/secret", "files"), ("unit:secret.service", "units")):
        assert f"{id_}: not taken over: " in said
        assert f"# not taken over: {id_.partition(':')[2]}: ".encode() in files[f"{path}.yaml"]
        assert b"may hold a secret" in files[f"{path}.yaml"]


def test_the_layer_is_valid_in_the_repository(lived: Host) -> None:
    lived.trued("adopt", "/srv/fleet/hosts/edge-01", code=0)
    lived.machine.put("/srv/fleet/fleet.yaml", VALID)

    assert "edge-01" in lived.trued("validate", "/srv/fleet", "--all", code=0)


def test_what_is_listed_of_a_plain_machine_is_what_a_person_would_name(managed: Host) -> None:
    managed.trued("adopt", LAYER, code=0)

    listed = section(managed.machine, "packages").keys()
    assert listed <= {*PACKAGES, "util-linux-extra"}
    assert {"ca-certificates", "openssh-server", "python3-venv"} <= listed
    assert {"files.yaml", "users.yaml", "groups.yaml", "sysctls.yaml"}.isdisjoint(written(managed.machine))


def test_three_hundred_packages_more_are_no_trouble(manage: Manage) -> None:
    host = manage(crowded=True)
    host.trued("adopt", LAYER, code=0)
    push(host)

    assert {f"bulk-{number:03}" for number in range(300)} <= section(host.machine, "packages").keys()
    assert "nothing to do" in host.trued("plan", code=0)


def test_a_folder_that_is_there_is_left_alone(managed: Host) -> None:
    managed.machine.put(f"{LAYER}/mine", "mine")
    managed.machine.path("/srv/link").symlink_to("/nowhere")

    assert "is there already" in managed.trued("adopt", LAYER, code=64)
    assert "is there already" in managed.trued("adopt", "/srv/link", code=64)
    assert {"mine": b"mine"} == written(managed.machine)


def test_nobody_but_root_can_take_over(managed: Host) -> None:
    managed.machine.run("useradd", "anna")
    done = managed.machine.run("runuser", "-u", "anna", "--", COMMAND, "adopt", "/tmp/layer", check=False)

    assert 64 == done.code
    assert "run it as root" in done.said


def test_a_full_disk_leaves_nothing_behind(boot: Boot) -> None:
    machine = boot()
    machine.run("mkdir", "/srv/small")
    machine.run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", "/srv/small")
    machine.put("/etc/systemd/system/large.service", UNITS["kiosk.service"] + "# filler\n" * 5000)
    machine.run("systemctl", "daemon-reload")
    done = machine.run(COMMAND, "adopt", "/srv/small/layer", check=False)

    assert 64 == done.code
    assert "cannot be written: No space left on device" in done.said
    assert "" == machine.run("ls", "-A", "/srv/small").stdout


@pytest.mark.slow
def test_what_was_killed_leaves_no_half_folder(lived: Host) -> None:
    """But one with a dot, which hinders nobody."""
    machine, begun = lived.machine, lambda: list(lived.machine.path("/srv").glob(".layer.*"))
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.15):
        before, end = len(begun()), time.monotonic() + 60
        with machine.popen(COMMAND, "adopt", LAYER) as process:
            while len(begun()) == before:
                assert time.monotonic() < end, "nothing is written"
                assert process.poll() is None
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGKILL)
        if machine.exists(LAYER):
            assert WHOLE < written(machine).keys()
            machine.run("rm", "-r", LAYER)
    assert begun()
    lived.trued("adopt", LAYER, code=0)
    assert WHOLE < written(machine).keys()
