"""Units on a real systemd: what is done, and how often."""

from __future__ import annotations

import time

from tests.host.machine.host import Host
from tests.host.machine.python import COMMAND, PLACE, TOP
from tests.host.machine.units import COUNTS, RUNS, SLEEPS, STARTS, applied, reloads, starts, state, units

PYTHON = f"{PLACE}/bin/python"
LOOKS = """
import resource, time
from pathlib import Path
from agent.host.local import Local
from agent.kinds.unit import KIND
from agent.kinds.unit.spec import UnitSpec
def spent():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    init = sum(map(int, Path("/proc/1/stat").read_text().rpartition(")")[2].split()[11:13]))
    return sum(one.ru_utime + one.ru_stime for one in used) * 1000, init * 10
local, wants = Local(Path("/"), Path("/var/lib/trued")), {f"u{n}.service": UnitSpec(active=True) for n in range(100)}
def cost(times):
    before = spent()
    for _ in range(times):
        assert all(have.runs for have in KIND.observe(local.probe(), wants).values())
    return [(now - then) / times for now, then in zip(spent(), before)]
(first, init), (second, later) = cost(1), cost(10)
print(first, second, init, later)
"""


def test_20_unit_files_with_drop_ins_are_read_with_one_reload(managed: Host) -> None:
    """And started, and enabled, and then as declared."""
    entry = {**RUNS, "drop_ins": {"nice.conf": "[Service]\nNice=3\n"}}
    units(managed, {f"u{number}.service": entry for number in range(20)})

    assert 1 == reloads(managed.machine)
    assert {("active", "enabled")} == {state(managed.machine, f"u{number}.service") for number in range(20)}
    assert {"Nice": "3"} == managed.machine.show("u7.service", "Nice")
    assert [] == managed.plan(code=0)["entries"]


def test_a_unit_is_restarted_once_for_all_that_changes(managed: Host) -> None:
    """Its unit file, a drop-in and a file that it listens to, in one commit."""

    def declared(word: str) -> None:
        text = COUNTS.replace(
            "[Service]", f"[Service]\nEnvironmentFile=/etc/default/kiosk\nEnvironment=W={word}"
        )
        entry = {
            "content": text,
            "active": True,
            "restart_on": ["file:/etc/default/kiosk"],
            "drop_ins": {"x.conf": f"[Service]\nEnvironment=D={word}\n"},
        }
        units(managed, {"kiosk.service": entry}, files={"/etc/default/kiosk": {"content": f"A={word}\n"}})

    declared("one")
    declared("two")

    assert ["kiosk.service"] * 2 == starts(managed.machine)
    assert "W=two D=two" == managed.machine.show("kiosk.service", "Environment")["Environment"]


def test_what_can_reload_is_reloaded_and_what_cannot_is_restarted(managed: Host) -> None:
    can = COUNTS.replace("[Install]", f"ExecReload=/bin/sh -c 'echo reload >>{STARTS}'\n[Install]")

    def declared(word: str) -> dict[str, str]:
        listens = {"active": True, "reload_on": ["file:/etc/x.conf"]}
        entries = {
            "can.service": {"content": can, **listens},
            "cannot.service": {"content": COUNTS, **listens},
        }
        return units(managed, entries, files={"/etc/x.conf": {"content": word}})

    declared("one")
    managed.machine.run("rm", STARTS)
    said = declared("two")

    assert ["cannot.service", "reload"] == sorted(starts(managed.machine))
    assert "changed: reloaded, file:/etc/x.conf changed" == said["can.service"]
    assert "changed: restarted (it cannot reload), file:/etc/x.conf changed" == said["cannot.service"]


def test_a_restart_that_was_cut_short_is_made_good(managed: Host) -> None:
    """trued is killed by the first restart of a plan; the next cycle does it, once."""
    kills = (
        "[Service]\nExecStartPre=/bin/sh -c 'test -e /run/spared || pkill -9 -x trued; touch /run/spared'\n"
    )
    text = kills + COUNTS.replace("[Service]\n", "")

    def declared(word: str) -> None:
        entry = {"content": text, "active": True, "restart_on": ["file:/etc/x.conf"]}
        managed.declare({"units": {"kiosk.service": entry}, "files": {"/etc/x.conf": {"content": word}}})

    declared("one")
    managed.machine.run("touch", "/run/spared")
    applied(managed)
    managed.machine.run("rm", "/run/spared")
    declared("two")
    died = managed.run("apply")
    managed.machine.run("systemctl", "stop", "kiosk.service")
    managed.machine.run("systemctl", "start", "kiosk.service")
    before = len(starts(managed.machine))
    said = applied(managed)

    assert died.code not in {0, 3}
    assert "changed: restarted" == said["kiosk.service"]
    assert before + 1 == len(starts(managed.machine))
    assert "unchanged: " == applied(managed)["kiosk.service"]


def test_what_is_enabled_runs_after_a_reboot(managed: Host) -> None:
    """And what is not does not; what is masked cannot."""
    units(
        managed,
        {
            "on.service": RUNS,
            "off.service": {"content": SLEEPS, "active": True, "enabled": False},
            "never.service": {"masked": True},
        },
    )
    managed.machine.reboot()

    assert ("active", "enabled") == state(managed.machine, "on.service")
    assert ("inactive", "disabled") == state(managed.machine, "off.service")
    assert ("inactive", "masked") == state(managed.machine, "never.service")


def test_drift_of_every_sort_is_repaired(managed: Host) -> None:
    """A stop, a link that is gone, a file that was edited or removed, a drop-in that is gone."""
    entry = {**RUNS, "drop_ins": {"x.conf": "[Service]\nNice=3\n"}}
    units(managed, {f"{name}.service": entry for name in ("stop", "link", "edit", "gone", "over")})
    folder, run = "/etc/systemd/system", managed.machine.run
    run("systemctl", "stop", "stop.service")
    run("rm", f"{folder}/multi-user.target.wants/link.service")
    run("sh", "-c", f"echo '[Unit]' >>{folder}/edit.service")
    run("rm", f"{folder}/gone.service")
    run("rm", "-r", f"{folder}/over.service.d")
    said = applied(managed)

    assert "changed: is inactive" == said["stop.service"]
    assert "changed: is not enabled" == said["link.service"]
    assert "changed: unit file differs" == said["edit.service"]
    assert "changed: unit file is missing, is not enabled" == said["gone.service"]
    assert "changed: drop-in is missing, over.service is restarted" == said["over.service.d/x.conf"]
    assert {("active", "enabled")} == {
        state(managed.machine, f"{name}.service") for name in ("stop", "link", "edit", "gone", "over")
    }
    assert {"Nice": "3"} == managed.machine.show("over.service", "Nice")
    assert [] == managed.plan(code=0)["entries"]


def test_what_is_no_longer_declared_goes_without_a_trace(managed: Host) -> None:
    """Also one that fails when it is stopped; and a unit of a package is left as it is."""
    dies = SLEEPS.replace("[Install]", "ExecStop=/bin/false\n[Install]")
    drop_ins = {"x.conf": "[Service]\nNice=3\n"}
    units(
        managed,
        {
            "kiosk.service": {**RUNS, "drop_ins": drop_ins},
            "dies.service": {**RUNS, "content": dies},
            "newer.service": {"masked": True},
            "ssh.service": {"active": True, "drop_ins": drop_ins},
        },
    )
    assert {"Nice": "3"} == managed.machine.show("ssh.service", "Nice")
    units(managed, {"cron.service": {"masked": True}})

    listed = managed.machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend").stdout
    left = managed.machine.run("ls", "-A", "/etc/systemd/system").stdout.split()
    assert [] == [name for name in ("kiosk.service", "dies.service", "newer.service") if name in listed]
    assert [] == [name for name in left if name.startswith(("kiosk", "dies", "newer", "ssh.service"))]
    assert ("active", "enabled") == state(managed.machine, "ssh.service")
    assert {"Nice": "0"} == managed.machine.show("ssh.service", "Nice")
    assert "running" == managed.machine.run("systemctl", "is-system-running").stdout.strip()
    assert [] == managed.plan(code=0)["entries"]


def test_work_that_is_done_is_done_again_only_for_a_reason(managed: Host) -> None:
    """A oneshot that does not remain is never active; a failure is tried again."""
    work = f"[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo work >>{STARTS}; ! test -e /run/broken'\n"

    def declared(word: str, code: int = 0) -> dict[str, str]:
        entry = {"content": work, "active": True, "restart_on": ["file:/etc/x.conf"]}
        return units(managed, {"setup.service": entry}, code, files={"/etc/x.conf": {"content": word}})

    declared("one")
    assert "unchanged: " == applied(managed)["setup.service"]
    assert 1 == len(starts(managed.machine))
    managed.machine.run("touch", "/run/broken")
    assert declared("two", 3)["setup.service"].startswith("failed: ")
    managed.machine.run("rm", "/run/broken")
    assert applied(managed)["setup.service"].startswith("changed: ")
    assert 3 == len(starts(managed.machine))
    assert [] == managed.plan(code=0)["entries"]


def test_units_that_start_others(managed: Host) -> None:
    """A timer, a socket whose service rests, and a service that its socket can start again."""
    listens = "[Socket]\nListenStream=/run/{}.sock\n[Install]\nWantedBy=sockets.target\n"
    entries = {
        "tidy.service": {"content": "[Service]\nType=oneshot\nExecStart=/bin/true\n"},
        "tidy.timer": {
            "content": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
            "enabled": True,
            "active": True,
        },
        "echo.socket": {"content": listens.format("echo"), "enabled": True, "active": True},
        "echo.service": {"content": "[Service]\nExecStart=/bin/sleep infinity\n"},
        "off.socket": {"content": listens.format("off"), "active": True},
        "off.service": {"content": "[Service]\nExecStart=/bin/sleep infinity\n", "active": False},
    }
    units(managed, entries)
    managed.machine.run("systemctl", "start", "off.service")
    said = applied(managed)

    assert ("active", "enabled") == state(managed.machine, "tidy.timer")
    assert ("active", "enabled") == state(managed.machine, "echo.socket")
    assert "changed: is active, and off.socket can start it again" == said["off.service"]
    assert [] == managed.plan(code=0)["entries"]


def test_a_socket_is_opened_anew_though_its_service_runs(managed: Host) -> None:
    """systemd refuses that while the service runs, and leaves the socket closed: so the service is restarted, too."""

    def declared(path: str, nice: int) -> None:
        opens = f"[Socket]\nListenStream=/run/{path}\n"
        drop_ins = {"x.conf": f"[Socket]\nBacklog={nice}\n"}
        serves = "[Service]\nExecStart=/bin/sh -c 'exec /bin/sleep infinity'\n"
        entries = {
            "echo.socket": {"content": opens, "active": True, "drop_ins": drop_ins},
            "echo.service": {"content": serves, "active": True},
        }
        units(managed, entries)

    declared("one", 10)
    for path, nice in (("two", 10), ("two", 20), ("three", 30)):
        declared(path, nice)
        assert f"/run/{path} (Stream)" == managed.machine.show("echo.socket", "Listen")["Listen"]
        assert {"Backlog": str(nice)} == managed.machine.show("echo.socket", "Backlog")
        assert ("active", "static") == state(managed.machine, "echo.socket")
        assert ("active", "static") == state(managed.machine, "echo.service")


def test_a_unit_file_that_is_declared_as_a_file_is_read_anew(managed: Host) -> None:
    def declared(nice: int) -> None:
        text = COUNTS.replace("[Service]", f"[Service]\nNice={nice}")
        path = "/etc/systemd/system/plain.service"
        units(managed, {"plain.service": {"active": True}}, files={path: {"content": text}})

    declared(3)
    declared(4)

    assert {"Nice": "4"} == managed.machine.show("plain.service", "Nice")
    assert ["plain.service"] * 2 == starts(managed.machine)


def test_a_template_and_its_instances(managed: Host) -> None:
    """An instance that runs is restarted once when its template changes."""

    def declared(word: str) -> None:
        text = f"[Service]\nEnvironment=W={word}\n{COUNTS.removeprefix('[Service]')}DefaultInstance=one\n"
        entries = {
            "kiosk@.service": {"content": text, "enabled": True},
            "kiosk@one.service": {"active": True},
            "kiosk@two.service": {"active": True, "enabled": True},
        }
        units(managed, entries)

    declared("a")
    assert ("active", "enabled") == state(managed.machine, "kiosk@one.service")
    assert ("active", "enabled") == state(managed.machine, "kiosk@two.service")
    declared("b")

    started = starts(managed.machine)  # at first both by one command, so in any order
    assert ["kiosk@one.service", "kiosk@two.service"] * 2 == [*sorted(started[:2]), *sorted(started[2:])]
    assert {"Environment": "W=b"} == managed.machine.show("kiosk@two.service", "Environment")


def test_what_is_there_can_be_taken_over_as_it_is(managed: Host) -> None:
    """Units, drop-ins and masks that somebody made by hand; then nothing is left to do."""
    folder, run = "/etc/systemd/system", managed.machine.run
    managed.machine.put(f"{folder}/kiosk.service", SLEEPS)
    managed.machine.put(f"{folder}/secret.service", SLEEPS, mode=0o600)
    managed.machine.put(f"{folder}/ssh.service.d/x.conf", "[Service]\nNice=3\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", "kiosk.service")
    run("systemctl", "mask", "newer.service")
    answer = managed.json("adopt", "/srv/layer", code=0)

    assert {"kiosk.service", "newer.service", "ssh.service"} <= set(answer["taken"]["unit"])
    assert "it may hold a secret" in answer["skipped"]["unit:secret.service"]


def test_what_hid_the_unit_file_of_a_package_gives_way_to_it_again(managed: Host) -> None:
    """The unit is what the package made it, runs, and is enabled as before."""
    text = managed.machine.read("/usr/lib/systemd/system/ssh.service").replace(
        "[Service]", "[Service]\nNice=3"
    )
    said = units(managed, {"ssh.service": {"content": text, "active": True}})
    assert "changed: unit file is missing" == said["ssh.service"]
    assert {"Nice": "3"} == managed.machine.show("ssh.service", "Nice")
    units(managed, {"newer.service": {"masked": True}})

    assert not managed.machine.exists("/etc/systemd/system/ssh.service")
    assert {"Nice": "0"} == managed.machine.show("ssh.service", "Nice")
    assert ("active", "enabled") == state(managed.machine, "ssh.service")


def test_a_look_at_a_hundred_units_costs_next_to_nothing(managed: Host) -> None:
    """PID 1 is asked once, for what may change without a trace; the rest is remembered until a unit file changes."""
    units(managed, {f"u{number}.service": {"content": SLEEPS, "active": True} for number in range(100)})
    time.sleep(3)  # what was written a moment ago is not trusted yet
    first, second, first_of_init, second_of_init = map(
        float, managed.machine.run(PYTHON, "-c", LOOKS).stdout.split()
    )

    print(
        f"100 units: {first:.0f} ms of CPU at first, {second:.0f} ms then; of PID 1 {first_of_init:.0f} and {second_of_init:.0f} ms"
    )
    assert second < 40
    assert second_of_init < 30


def test_the_sandbox_of_the_service_leaves_room_for_units(managed: Host) -> None:
    """A unit file is checked, written, read, enabled and started from within it."""
    text = (TOP / "units/trued.service").read_text()
    for old, new in (
        ("Type=notify", "Type=oneshot"),
        ("/opt/trued/current/bin/trued run", f"{COMMAND} apply"),
        ("Restart=always\n", ""),
    ):
        assert old in text
        text = text.replace(old, new)
    managed.machine.put("/etc/systemd/system/sandboxed.service", text)
    managed.machine.run("systemctl", "daemon-reload")
    managed.declare({"units": {"kiosk.service": {**RUNS, "drop_ins": {"x.conf": "[Service]\nNice=3\n"}}}})
    managed.machine.run("systemctl", "start", "sandboxed.service")

    assert ("active", "enabled") == state(managed.machine, "kiosk.service")
    assert {"Nice": "3"} == managed.machine.show("kiosk.service", "Nice")
