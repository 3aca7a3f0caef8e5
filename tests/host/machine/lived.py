"""What an administrator leaves behind on a machine over the years, for tests of what is taken over from it."""

from __future__ import annotations

from typing import Final

from tests.host.machine.apt import Repository
from tests.host.machine.deb import Package
from tests.host.machine.machine import Machine

SECRET: Final = "hunter2-of-the-test"
LATIN: Final = "gr\xfc\xdfe\n".encode("latin-1")  # no UTF-8
KEYS: Final = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRlYWRiZWVmZGVhZGJlZWZkZWFkYmVlZmRlYWRiZWVm anna@desk",
    'command="/bin/date",no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNhZmVjYWZlY2FmZWNhZmVjYWZlY2FmZWNhZmVjYWZl $HOME of anna',
)

UNITS: Final = {
    "kiosk.service": (
        "[Unit]\nDescription=100% of ${NAME} \u00e4\n[Service]\nEnvironment=NAME=x\n"
        "ExecStart=/bin/sh -c 'echo ${NAME} $$ %i; exec sleep infinity'\n[Install]\nWantedBy=multi-user.target\n"
    ),
    "backup.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "backup.timer": "[Timer]\nOnCalendar=daily\nPersistent=true\n[Install]\nWantedBy=timers.target\n",
    "feed@.service": (
        "[Service]\nExecStart=/bin/sleep infinity\nEnvironment=FEED=%i ${HOME}\n[Install]\nWantedBy=multi-user.target\n"
    ),
    "spare.service": "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    "kiosk.service.d/limits.conf": "[Service]\nNice=3\n",
    "ssh.service.d/10-local.conf": "[Service]\nEnvironment=A=${B}\n",
}
HELD_BACK: Final = f"[Service]\nEnvironment=TOKEN={SECRET}\nExecStart=/bin/true\n"


def app() -> Package:
    """Return a package with files for an administrator to change."""
    names = (
        "plain",
        "secret",
        "dropped",
        "linked",
        "latin",
        "same",
        "with space",
        "with$dollar",
        "${host}",
        "folder",
    )
    return Package(name="lived-app", files={f"/etc/lived/{name}": f"{name} as shipped\n" for name in names})


def live(machine: Machine, packages: Repository) -> None:
    """Do by hand what people do."""
    packages.publish(app())
    packages.add_to(machine)
    _packages(machine)
    _files(machine)
    _units(machine)
    _accounts(machine)
    machine.put("/etc/sysctl.d/local.conf", "# routes\nnet.ipv4.ip_forward = 1\n")
    machine.run("sysctl", "-q", "-p", "/etc/sysctl.d/local.conf")
    machine.run("timedatectl", "set-timezone", "Europe/Berlin")
    machine.put(
        "/etc/timezone", "Europe/Berlin\n"
    )  # as dpkg-reconfigure(8) does, and timedatectl(1) does not


def _packages(machine: Machine) -> None:
    machine.run("apt-get", "-qy", "install", "hello-suite", "hello-tool=1.0", "hello-service", "lived-app")
    machine.run("apt-mark", "hold", "hello-tool")


def _files(machine: Machine) -> None:
    for name in ("plain", "with space", "with$dollar", "${host}"):
        machine.put(f"/etc/lived/{name}", f"{name} by hand: ${{host}} $$ {{{{ x }}}}\n")
    machine.put("/etc/lived/latin", LATIN)
    machine.put("/etc/lived/secret", f"password = {SECRET}\n", mode=0o640)
    machine.path("/etc/lived/dropped").unlink()
    machine.path("/etc/lived/linked").unlink()
    machine.path("/etc/lived/linked").symlink_to("/srv/over $there")
    machine.path("/etc/lived/folder").unlink()
    machine.path("/etc/lived/folder").mkdir()
    machine.put("/etc/default/hello-service", "GREETING=by hand\n", mode=0o664)
    machine.run("chown", "root:adm", "/etc/default/hello-service")


def _units(machine: Machine) -> None:
    for name, text in UNITS.items():
        machine.put(f"/etc/systemd/system/{name}", text)
    machine.put("/etc/systemd/system/secret.service", HELD_BACK, mode=0o600)
    machine.run("systemctl", "daemon-reload")
    enabled = ("kiosk.service", "backup.timer", "feed@news.service", "feed@a-b.service")
    machine.run("systemctl", "enable", "--now", *enabled)
    machine.run("systemctl", "restart", "ssh.service")
    machine.put("/etc/systemd/system/hello-service.service.d/old.conf", "[Service]\nNice=4\n")
    machine.run("systemctl", "mask", "--now", "hello-service.service")


def _accounts(machine: Machine) -> None:
    run = machine.run
    run("groupadd", "--gid", "2000", "lamps")
    run("groupadd", "--system", "kiosks")
    run(
        "useradd", "--create-home", "--shell", "/bin/bash", "--comment", "Anna M\u00fcller, 100%,,$x", "anna"
    )
    run("usermod", "--append", "--groups", "lamps,adm,kiosks", "anna")
    run("chpasswd", stdin=f"anna:{SECRET}\n")
    run("useradd", "--create-home", "--gid", "lamps", "--shell", "/opt/gone/zsh", "bert")
    run("useradd", "--no-create-home", "--home-dir", "/srv/none", "--comment", "", "carl")
    run("useradd", "--create-home", "--badname", "Dora.X")
    run("install", "-d", "-m", "700", "-o", "anna", "-g", "anna", "/home/anna/.ssh")
    machine.put(
        "/home/anna/.ssh/authorized_keys", "# mine\n" + "".join(f"{key}\n" for key in KEYS), mode=0o600
    )
    run("chown", "anna:anna", "/home/anna/.ssh/authorized_keys")
