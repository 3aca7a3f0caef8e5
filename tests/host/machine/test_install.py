"""scripts/install and scripts/uninstall on real machines without a network: first time, again, upwards, broken off, and away."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.host.machine import python
from tests.host.machine.fixtures import Manage
from tests.host.machine.host import CONFIG, REPOSITORY, Host
from tests.host.machine.machine import Done, Machine
from tests.host.machine.nspawn import Binding
from tests.install import release
from tests.waiting import until

GREETING = "/etc/greeting"
STATE = {"files": {GREETING: {"content": "Welcome\n"}}}
RELEASES = "/srv/releases"
WHEELS = "/srv/wheels"
NEWER = "9.9.9"
Release = Callable[..., str]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What machines see as RELEASES: one folder for each version that was asked for."""
    return tmp_path_factory.mktemp("releases")


@pytest.fixture(scope="module")
def unpacked(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Make a release, once; return the folder in which machines see it unpacked."""

    def make(version: str = release.VERSION, **changes: str) -> str:
        if not (releases / version).exists():
            scratch = tmp_path_factory.mktemp("build")
            files = {name.replace("__", "/") + ".py": text for name, text in changes.items()}
            checkout = release.copy(scratch / "checkout", version=version, changes=files)
            release.unpack(release.build(checkout, scratch), releases / version)
        (folder,) = (releases / version).iterdir()
        return f"{RELEASES}/{version}/{folder.name}"

    return make


@pytest.fixture
def host(manage: Manage, releases: Path, unpacked: Release) -> Host:
    """A machine that sees the releases, and a fleet repository with something in it; nothing is installed or enrolled."""
    unpacked()
    bindings = [Binding(source=releases, place=RELEASES, read_only=True)]
    made = manage(bindings=[*bindings, Binding(source=python.wheels(), place=WHEELS, read_only=True)])
    made.machine.path(CONFIG).unlink()
    made.machine.path("/etc/trued").rmdir()
    made.declare(STATE)
    return made


def install(machine: Machine, folder: str, *words: str, code: int = 0) -> Done:
    done = machine.run(f"{folder}/scripts/install", *words, check=False, timeout=300)
    assert code == done.code, done.said
    return done


def enroll_words(host: Host) -> Sequence[str]:
    return ("--repo", f"file://{REPOSITORY}", "--host", host.machine.name)


def current(machine: Machine) -> str:
    return str(machine.path("/opt/trued/current").readlink())


def versions(machine: Machine) -> set[str]:
    folders = machine.path("/opt/trued").iterdir()
    return {path.name for path in folders if path.is_dir() and not path.is_symlink()}


def is_up(machine: Machine) -> bool:
    unit = machine.show("trued.service", "ActiveState", "UnitFileState")
    return unit == {"ActiveState": "active", "UnitFileState": "enabled"}


def has_converged(host: Host) -> bool:
    return host.machine.exists(GREETING) and host.machine.read(GREETING) == "Welcome\n"


def test_one_command_brings_up_a_host_without_a_network(host: Host, unpacked: Release) -> None:
    """Installed, enrolled, started and true; and again after a reboot."""
    said = install(host.machine, unpacked(), *enroll_words(host)).stdout
    until(lambda: has_converged(host) and host.reports())

    assert "Active: active (running)" in said
    assert is_up(host.machine)
    assert f"trued {release.VERSION}\n" == host.machine.run("trued", "--version").stdout
    assert "nothing to do" in host.machine.run("trued", "plan").stdout
    assert 0o600 == host.machine.path(CONFIG).stat().st_mode & 0o777
    assert "" == host.machine.run("systemd-analyze", "verify", "--man=no", "trued.service").said

    host.machine.path(GREETING).unlink()
    host.machine.reboot()
    until(lambda: has_converged(host))
    assert is_up(host.machine)


def test_it_starts_quietly_where_nothing_is_enrolled(host: Host, unpacked: Release) -> None:
    """A service without settings would only fail, again and again."""
    said = install(host.machine, unpacked()).stdout

    assert "sudo trued enroll URL" in said
    assert "inactive" == host.machine.show("trued.service", "ActiveState")["ActiveState"]


def test_what_an_administrator_has_masked_stays_off(host: Host, unpacked: Release) -> None:
    install(host.machine, unpacked(), *enroll_words(host), "--no-start")
    host.machine.run("systemctl", "mask", "trued.service")
    said = install(host.machine, unpacked()).stdout

    assert "masked" in said
    assert "inactive" == host.machine.show("trued.service", "ActiveState")["ActiveState"]


def test_a_second_run_repairs_and_keeps_settings_and_state(host: Host, unpacked: Release) -> None:
    """Whatever is broken in the version in use."""
    install(host.machine, unpacked(), *enroll_words(host))
    until(host.reports)
    settings = host.machine.read(CONFIG)
    (broken,) = host.machine.path("/opt/trued/current/lib").glob("python3*/site-packages/agent/cycle.py")
    broken.unlink()
    host.machine.path("/usr/local/bin/trued").unlink()
    said = install(host.machine, unpacked(), "--repo", "https://elsewhere.example.com/x.git").stdout

    assert f"keeping {CONFIG}" in said
    assert settings == host.machine.read(CONFIG)
    assert is_up(host.machine)
    assert "nothing to do" in host.machine.run("trued", "plan").stdout
    assert "created" == host.status()["resources"][f"file:{GREETING}"]["owned"]


def test_a_newer_version_takes_over_and_the_one_before_is_kept(host: Host, unpacked: Release) -> None:
    """And no other."""
    install(host.machine, unpacked(), *enroll_words(host))
    install(host.machine, unpacked(NEWER))
    newer = (current(host.machine), versions(host.machine), is_up(host.machine))
    install(host.machine, unpacked(NEWER))

    assert (NEWER, {release.VERSION, NEWER}, True) == newer
    assert {NEWER, f"{NEWER}-again"} == versions(host.machine)
    assert f"trued {NEWER}\n" == host.machine.run("trued", "--version").stdout


def test_a_version_that_does_not_start_is_taken_back(host: Host, unpacked: Release) -> None:
    """It is told why; the one before runs, with its own unit."""
    install(host.machine, unpacked(), *enroll_words(host))
    broken = unpacked(
        "9.9.8", agent__cli__run="def run(args, screen):\n    raise SystemExit('no such luck')\n"
    )
    done = install(host.machine, broken, code=1)

    assert f"{release.VERSION} is in use again" in done.stderr
    assert release.VERSION == current(host.machine)
    assert {release.VERSION} == versions(host.machine)
    assert is_up(host.machine)


def test_a_version_that_does_not_run_touches_nothing(host: Host, unpacked: Release) -> None:
    """The service in use is not even restarted."""
    install(host.machine, unpacked(), *enroll_words(host))
    before = host.machine.show("trued.service", "MainPID")
    done = install(host.machine, unpacked("9.9.7", agent__cycle="import nowhere\n"), code=1)

    assert "does not run here" in done.stderr
    assert before == host.machine.show("trued.service", "MainPID")
    assert {release.VERSION} == versions(host.machine)


def test_a_damaged_archive_installs_nothing(host: Host, unpacked: Release) -> None:
    copy = "/srv/archive"
    host.machine.run("cp", "-r", unpacked(), copy)
    host.machine.run("sh", "-c", f"echo >>{copy}/units/trued.service")
    done = install(host.machine, copy, code=1)

    assert "units/trued.service" in done.said
    assert not host.machine.exists("/usr/local/bin/trued")


def test_what_is_missing_is_said_before_anything_is_done(host: Host, unpacked: Release) -> None:
    """All of it, with the command that mends it; and nothing of somebody else's is replaced."""
    host.machine.run("rm", "/usr/bin/ssh")
    host.machine.put("/usr/local/bin/trued", "somebody else's")
    said = install(host.machine, unpacked(), "--repo", "git@git.example.com:ops/fleet.git", code=1).stderr

    assert "/usr/local/bin/trued" in said
    assert "apt-get install -y openssh-client" in said
    assert not host.machine.exists("/opt/trued")


def test_a_checkout_is_installed_by_what_pip_is_told(host: Host, releases: Path, unpacked: Release) -> None:
    """From the index, or as here the folder, that the machine's own settings name; the checkout stays as it was."""
    unpacked()
    checkout = (
        release.copy(releases / "checkout" / "trued") if not (releases / "checkout").exists() else releases
    )
    places = f"{WHEELS} {unpacked()}/wheels"
    host.machine.put("/etc/pip.conf", f"[global]\nno-index = true\nfind-links = {places}\n")
    before = sorted(checkout.rglob("*"))
    install(host.machine, f"{RELEASES}/checkout/trued", *enroll_words(host))
    until(lambda: has_converged(host))

    assert is_up(host.machine)
    assert before == sorted(checkout.rglob("*"))


def test_without_systemd_running_it_is_enabled_only(host: Host, unpacked: Release) -> None:
    """As in a chroot in which an image is made; the next boot starts it."""
    hidden = 'mount -t tmpfs none /run && exec "$@"'
    words = (f"{unpacked()}/scripts/install", *enroll_words(host))
    said = host.machine.run("unshare", "--mount", "sh", "-c", hidden, "sh", *words, timeout=300).stdout
    inactive = host.machine.show("trued.service", "ActiveState")["ActiveState"]
    host.machine.reboot()
    until(lambda: has_converged(host))

    assert "starts with the next boot" in said
    assert "inactive" == inactive
    assert is_up(host.machine)


# A command of the script, and with which words: just before it the script is killed, and the machine with it.
MOMENTS = {
    "while-building": ("cp", "*places.sh*"),
    "before-it-is-on-the-disk": ("sync", "*"),
    "before-the-switch": ("mv", "*current.new*"),
    "after-the-switch": ("mv", "*/bin/trued.new*"),
    "before-the-restart": ("systemctl", "restart*"),
}


@pytest.mark.parametrize(("command", "words"), MOMENTS.values(), ids=MOMENTS)
def test_an_upgrade_that_was_killed_is_run_again(
    host: Host, unpacked: Release, command: str, words: str
) -> None:
    """Whatever the moment: the next boot brings up one version or the other, and a second run is as good as a first."""
    install(host.machine, unpacked(), *enroll_words(host))
    die(host.machine, unpacked(NEWER), command, words)
    between = is_up(host.machine)
    install(host.machine, unpacked(NEWER))

    assert between
    assert is_up(host.machine)
    assert f"trued {NEWER}\n" == host.machine.run("trued", "--version").stdout
    assert versions(host.machine) <= {release.VERSION, NEWER, f"{NEWER}-again"}
    assert [] == [str(path) for path in host.machine.path("/usr/local").rglob("*.new")]


@pytest.mark.parametrize(
    ("command", "words"), [("mv", "*current.new*"), ("systemctl", "*enable*")], ids=["switch", "enable"]
)
def test_a_first_run_that_was_killed_is_run_again(
    host: Host, unpacked: Release, command: str, words: str
) -> None:
    die(host.machine, unpacked(), command, words, *enroll_words(host))
    install(host.machine, unpacked(), *enroll_words(host))
    until(lambda: has_converged(host))

    assert is_up(host.machine)


def die(machine: Machine, folder: str, command: str, words: str, *options: str) -> None:
    """Begin to install; kill script and machine just before that command; boot again."""
    shim = f'#!/bin/sh\ncase "$*" in {words}) kill -9 0 ;; esac\nexec /usr/bin/{command} "$@"\n'
    machine.put(f"/usr/local/sbin/{command}", shim, mode=0o755)
    done = machine.run(f"{folder}/scripts/install", *options, check=False, timeout=300)
    machine.crash()
    machine.path(f"/usr/local/sbin/{command}").unlink()
    machine.start()
    assert done.code == -signal.SIGKILL, done.said


def everything(machine: Machine) -> set[str]:
    """Return what is there, with owners and modes, but for what every machine writes while it runs."""
    moving = (
        "/var/log",
        "/var/lib/systemd",
        "/run",
        "/tmp",
        "/var/tmp",
        "/proc",
        "/sys",
        "/dev",
        "/srv",
        "/root",
    )
    pruned = [word for place in moving for word in ("-path", place, "-o")][:-1]
    said = machine.run(
        "find", "/", "-xdev", "(", *pruned, ")", "-prune", "-o", "-printf", "%M %U %G %p %l\\n"
    ).stdout  # fmt: skip
    return set(said.splitlines())


def test_uninstalling_leaves_the_host_as_it_is(host: Host, unpacked: Release) -> None:
    """What was declared stays; so do settings and memory, until they are to be purged. All else is as before."""
    before = everything(host.machine)
    install(host.machine, unpacked(), *enroll_words(host))
    until(lambda: has_converged(host) and host.reports())
    said = host.machine.run("/opt/trued/current/uninstall", timeout=300).stdout
    left = {line.split()[3] for line in everything(host.machine) - before}

    assert "left: /etc/trued" in said
    assert {GREETING, "/etc/trued", CONFIG} <= left
    assert {GREETING} == {
        place for place in left if not place.startswith(("/etc/trued", "/var/lib/trued", "/var/cache"))
    }
    assert "not-found" == host.machine.show("trued.service", "LoadState")["LoadState"]

    host.machine.run(f"{unpacked()}/scripts/uninstall", "--purge")
    assert set() == before - everything(host.machine)
    assert not host.machine.exists("/etc/trued")
    assert not host.machine.exists("/var/lib/trued")
