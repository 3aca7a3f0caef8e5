"""What a careless or hostile commit, or a user of the host, may not bring about."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox

MOTD = 'files:\n  /etc/motd: {content: "Welcome to ${site}\\n", mode: "0644"}\n'


@pytest.fixture(name="at_home")
def _at_home(host: Sandbox) -> Sandbox:
    """A host whose state folder is below the folders that Git may declare, as everywhere but in tests."""
    host.more = {"state_dir": str(host.root / "var/lib/trued"), "limits": {"removals": {"count": 1000}}}
    host.configure()
    host.trued("apply", code=0)
    return host


def test_a_purge_spares_what_trued_remembers(at_home: Sandbox) -> None:
    (at_home.root / "var/lib/stray").write_text("x")
    at_home.push({"base/base.yaml": MOTD + "  /var/lib: {directory: true, purge: true}\n"})
    at_home.trued("apply", code=0)

    assert (at_home.root / "var/lib/trued/ledger.db").exists()
    assert not (at_home.root / "var/lib/stray").exists()
    at_home.trued("apply", code=0)


@pytest.mark.parametrize(
    "entry", ["/var/lib/trued/ledger.db: absent", "/var/lib/trued: {content: x}", "/var: {link: usr}"]
)
def test_what_trued_remembers_is_nothing_to_declare(at_home: Sandbox, entry: str) -> None:
    at_home.push({"base/base.yaml": MOTD + f"  {entry}\n"})
    said = at_home.trued("apply", code=3)

    assert "trued's" in said
    assert (at_home.root / "var/lib/trued/ledger.db").exists()


def test_a_purge_spares_agent_yaml_and_what_it_names(host: Sandbox) -> None:
    etc = host.root / "etc/trued"
    etc.mkdir(parents=True)
    (etc / "token").write_text("t")
    host.more = {"source": {"url": host.url, "token_file": str(etc / "token")}}
    host.configure()
    host.config.rename(etc / "agent.yaml")
    host.config.symlink_to(etc / "agent.yaml")
    (etc / "stray").write_text("x")
    host.push({"base/base.yaml": MOTD + "  /etc/trued: {directory: true, purge: true}\n"})
    host.trued("apply", code=0)

    assert {"agent.yaml", "token"} == {path.name for path in etc.iterdir()}


def test_agent_yaml_is_nothing_to_declare(host: Sandbox) -> None:
    """It says what Git may ask of this host: Git cannot change it."""
    config = host.root / "etc/trued/agent.yaml"
    config.parent.mkdir(parents=True)
    host.config.rename(config)
    host.config.symlink_to(config)
    before = config.read_bytes()
    host.push({"base/base.yaml": MOTD + "  /etc/trued/agent.yaml: {content: x}\n"})
    said = host.trued("apply", code=3)

    assert "file:/etc/trued/agent.yaml" in said
    assert before == config.read_bytes()


def test_a_file_that_says_it_is_a_terabyte_is_replaced_in_no_time(host: Sandbox) -> None:
    (host.root / "etc").mkdir()
    (host.root / "srv").mkdir()
    for path in (host.root / "etc/motd", host.root / "srv/stray"):
        with Path(path).open("wb") as file:
            file.truncate(1 << 40)
    host.push({"base/base.yaml": MOTD + "  /srv: {directory: true, purge: true}\n"})
    host.trued("apply", code=0)

    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()
    assert not (host.root / "srv/stray").exists()


def test_what_a_check_says_of_a_file_that_is_not_for_everybody_stays_here(
    host: Sandbox, remote: Path
) -> None:
    entry = '{content: hunter2, mode: "0600", validate: [sh, -c, "cat $1; cat $1 >&2; exit 1", sh, "{}"]}'
    host.push({"base/base.yaml": MOTD + f"  /etc/a: {entry}\n"})
    said = host.trued("apply", code=3)

    assert "exited with 1; what it said is not shown" in said
    assert "hunter2" not in said
    assert "hunter2" not in str(host.status(remote))


def test_another_root_does_not_inherit_what_trued_made_in_the_first(host: Sandbox) -> None:
    """Else a file at the same path, which somebody else made, would go as if it were trued's."""
    host.trued("apply", code=0)
    other = host.path / "other"
    (other / "etc").mkdir(parents=True)
    (other / "etc/motd").write_text("precious")
    host.more = {"root": str(other)}
    host.configure()
    host.push({"base/base.yaml": "files: {/etc/new: {content: x}}\n"})
    said = host.trued("apply", code=1)

    assert f"the ledger is of the files below {host.root}, and not of those below {other}" in said
    assert "state_dir of its own" in said
    assert "precious" == (other / "etc/motd").read_text()


@pytest.mark.root
def test_a_state_folder_that_cannot_be_written_is_said_as_it_is(host: Sandbox) -> None:
    (host.path / "state").write_text("x")

    assert "run it as root" not in host.trued("apply", code=1)


@pytest.mark.parametrize("damage", ["file", "link"])
def test_what_stands_in_place_of_the_kept_commits_is_moved_away(host: Sandbox, damage: str) -> None:
    host.trued("apply", code=0)
    kept = host.path / "state/git"
    shutil.rmtree(kept)
    if damage == "file":
        kept.write_text("x")
    else:
        kept.symlink_to("/nowhere/at/all")
    host.push({"base/base.yaml": MOTD + "  /etc/new: {content: x}\n"})
    host.trued("apply", code=0)

    assert (host.root / "etc/new").exists()
    assert kept.is_dir()


def test_a_fifo_in_place_of_the_last_report_holds_nothing_up(host: Sandbox) -> None:
    host.trued("apply", code=0)
    last = host.path / "state/status/last.json"
    last.unlink()
    os.mkfifo(last)
    host.trued("apply", code=0)

    assert last.is_file()


def test_a_template_that_never_ends_is_an_error_of_the_template(host: Sandbox) -> None:
    host.trued("apply", code=0)
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    host.push({"base/base.yaml": MOTD + "  /a: {source: a.j2, template: true}\n", "base/a.j2": endless})
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=4)

    assert "base/a.j2:1: template: expected it to be done in 10 s" in said
    assert (host.root / "etc/motd").exists()
