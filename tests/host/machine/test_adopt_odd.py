"""Taking over a machine on which something is odd: it is named with the reason, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

from tests.host.machine.apt import Repository
from tests.host.machine.deb import Package
from tests.host.machine.host import Host

NAMES = ("gr\u00fcn", "#x: y", "- z", "t'\"")
LATIN = b"gr\xfcn"  # no UTF-8


def test_odd_names_of_files_are_names(managed: Host, packages: Repository) -> None:
    machine = managed.machine
    packages.publish(Package(name="odd-app", files={f"/etc/odd/{name}": "x\n" for name in NAMES}))
    packages.add_to(machine)
    machine.run("apt-get", "-qy", "install", "odd-app")
    for name in NAMES:
        machine.put(f"/etc/odd/{name}", b"\0\xff by hand")
    answer = managed.json("adopt", "/srv/layer", code=0)

    assert {f"/etc/odd/{name}" for name in NAMES} == set(answer["taken"]["file"])
    for name in NAMES:
        assert b"\0\xff by hand" == machine.path(f"/srv/layer/files/etc/odd/{name}").read_bytes()


def test_what_apt_has_no_source_for_is_kept_as_it_is(
    managed: Host, packages: Repository, tmp_path: Path
) -> None:
    """A package from a file, held; and one that was removed counts no more, nor do its files."""
    machine = managed.machine
    packages.add_to(machine)
    machine.put("/srv/local.deb", Package(name="local-app").build(tmp_path).read_bytes())
    machine.run("dpkg", "--install", "/srv/local.deb")
    machine.run("apt-mark", "hold", "local-app")
    machine.run("apt-get", "-qy", "install", "hello-tool")
    machine.run("apt-get", "-qy", "remove", "hello-tool")
    machine.path("/etc/hello-tool.conf").unlink()
    answer = managed.json("adopt", "/srv/layer", code=0)

    assert "local-app" in answer["taken"]["package"]
    assert "hello-tool" not in answer["taken"]["package"]
    assert [] == answer["taken"]["file"]


def test_people_and_units_that_cannot_be_declared_are_named(managed: Host) -> None:
    machine = managed.machine
    accounts = {
        "passwd": LATIN + b":x:1050:1050:" + LATIN + b":/:/bin/sh\nodd name:x:1051:1051::/:/bin/sh\n",
        "group": b"ghosts:x:1053:nobody-knows\n",
        "shadow": b"",
    }
    machine.run("useradd", "--create-home", "anna")
    for name, lines in accounts.items():
        path = machine.path(f"/etc/{name}")
        path.write_bytes(path.read_bytes() + lines)
    for name, text in (
        ("latin", b"# " + LATIN + b"\n[Service]\nExecStart=/bin/true\n"),
        ("broken", b"[Service]\nnonsense\n"),
        ("crlf", b"[Service]\r\nExecStart=/bin/true\r\n"),
    ):
        machine.put(f"/etc/systemd/system/{name}.service", text)
    machine.put("/srv/far.service", "[Service]\nExecStart=/bin/true\n")
    machine.run("systemctl", "link", "/srv/far.service")
    machine.run("systemctl", "daemon-reload")
    answer = managed.json("adopt", "/srv/layer", code=0)

    assert ["anna"] == answer["taken"]["user"]
    assert ["ghosts"] == answer["taken"]["group"]
    assert "crlf.service" in answer["taken"]["unit"]
    for id_, words in (
        ("user:odd name", "expected a name of at most 32"),
        ("unit:latin.service", "a unit file is UTF-8"),
        ("unit:broken.service", "line 2: expected a [Section]"),
        ("unit:far.service", "is linked to /srv/far.service"),
    ):
        assert words in answer["skipped"][id_]


def test_sources_that_are_no_entry_are_named(managed: Host, packages: Repository) -> None:
    machine, folder = managed.machine, "/etc/apt/sources.list.d"
    packages.add_to(machine, update=False)
    machine.put(f"{folder}/old.list", "deb [trusted=yes] http://server.test/nowhere stable main\n")
    machine.put(f"{folder}/two.sources", f"{packages.source}\n{packages.source}")
    machine.put(f"{folder}/off.sources", f"{packages.source}Enabled: no\n")
    answer = managed.json("adopt", "/srv/layer", code=0)

    assert ["off", "packages"] == answer["taken"]["repository"]
    assert "one-line style" in answer["skipped"]["repository:old"]
    assert "has 2 stanzas" in answer["skipped"]["repository:two"]
