"""Two entries that would write one file: each would undo in every cycle what the other did."""

from __future__ import annotations

import pytest

from agent.desired.load import load
from agent.errors import DocumentError
from agent.kinds import discover
from agent.model import DesiredState
from tests.desired.fleet import EDGE, tree

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5LdBBBNny0hWZGPfmBGlE7QX+TW8Bgybv+vysPPhJr"
TEXT = 'content: "[Service]\\nExecStart=/bin/true\\n"'


def loaded(section: str, entry: str, path: str) -> DesiredState:
    text = f"files:\n  {path}: {{content: x}}\n{section}: {entry}\n"
    return load(tree(base__a=text), "c0ffee", EDGE, discover())


@pytest.mark.parametrize(
    ("section", "entry", "rid", "path"),
    [
        ("hostname", "edge-01", "hostname:system", "/etc/hostname"),
        ("timezone", "UTC", "timezone:system", "/etc/timezone"),
        ("sysctls", '{vm.swappiness: "1"}', "sysctl:vm.swappiness", "/etc/sysctl.d/99-trued-vm.swappiness.conf"),
        (
            "repositories",
            '{us: {uris: ["http://deb.example.com/"], suites: [./], trusted: true}}',
            "repository:us",
            "/etc/apt/sources.list.d/us.sources",
        ),
        ("units", f"{{a.service: {{{TEXT}}}}}", "unit:a.service", "/etc/systemd/system/a.service"),
        ("units", "{a.service: {masked: true}}", "unit:a.service", "/etc/systemd/system/a.service"),
        (
            "units",
            '{a.service: {drop_ins: {x.conf: "[Service]"}}}',
            "unit:a.service.d/x.conf",
            "/etc/systemd/system/a.service.d/x.conf",
        ),
        ("users", "{ada: present}", "user:ada", "/etc/passwd"),
        (
            "users",
            f'{{ada: {{home: /srv/ada, authorized_keys: ["{KEY}"]}}}}',
            "user:ada",
            "/srv/ada/.ssh/authorized_keys",
        ),
        ("groups", "{team: present}", "group:team", "/etc/group"),
    ],
)  # fmt: skip
def test_a_file_that_another_entry_writes_is_refused(section: str, entry: str, rid: str, path: str) -> None:
    with pytest.raises(DocumentError) as caught:
        loaded(section, entry, path)

    assert f"{rid} writes what file:{path} (at base/a.yaml:2" in str(caught.value)
    assert str(caught.value).startswith("base/a.yaml:3:")


@pytest.mark.parametrize(
    ("section", "entry", "path"),
    [
        ("units", "{a.service: {active: true}}", "/etc/systemd/system/a.service"),
        ("units", "{a.service: absent}", "/etc/systemd/system/a.service"),
        ("users", "{ada: absent}", "/etc/passwd"),
        ("users", "{ada: {home: /srv/ada}}", "/srv/ada/.ssh/authorized_keys"),
        ("repositories", "{us: absent}", "/etc/apt/sources.list.d/us.sources"),
    ],
)
def test_what_does_not_write_the_file_goes_with_it(section: str, entry: str, path: str) -> None:
    assert 2 <= len(loaded(section, entry, path).resources)
