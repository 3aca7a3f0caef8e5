"""
Bad input gets a clear error, nothing is lost, and the rest goes on.

Each case breaks a host that was converged: the message, the exit code, and that the drift of another file is
repaired all the same.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.sandbox import FLEET, Sandbox
from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet, Link, git

MOTD = 'files:\n  /etc/motd: {content: "Welcome to ${site}\\n", mode: "0644"}\n'

INVALID: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    # name: (more of base.yaml, other files, what the message says)
    "wrong key": ("  /etc/a: {content: x, mod: '0644'}\n", {}, "base/base.yaml:3:24: files./etc/a.mod: unknown key; did you mean 'mode'?"),
    "wrong section": ("fils: {}\n", {}, "base/base.yaml:3:1: fils: unknown section; did you mean 'files'?"),
    "wrong type": ("  /etc/a: {content: [x]}\n", {}, "base/base.yaml:3:21: files./etc/a.content: expected text, found a list"),
    "wrong mode": ("  /etc/a: {content: x, mode: '0999'}\n", {}, "expected a mode of three or four octal digits"),
    "no sense": ("  /etc/a: {content: x, link: /y}\n", {}, "base/base.yaml:3:"),
    "dots": ("  /etc/../x: {content: x}\n", {}, "base/base.yaml:3:3: files./etc/../x"),
    "relative": ("  etc/x: {content: x}\n", {}, "base/base.yaml:3:3: files.etc/x"),
    "nul": ('  "/etc/a\\0b": {content: x}\n', {}, "base/base.yaml:3:3"),
    "long": (f"  ? /{'a/' * 2500}b\n  : {{content: x}}\n", {}, "base/base.yaml:3:5"),
    "absolute source": ("  /etc/a: {source: /etc/shadow}\n", {}, "base/base.yaml:3:20"),
    "source outside": ("  /etc/a: {source: ../fleet.yaml}\n", {}, "base/base.yaml:3:20"),
    "missing source": ("  /etc/a: {source: files/nope}\n", {}, "base/files/nope"),
    "template": (
        "  /etc/a: {source: a.j2, template: true}\n",
        {"base/a.j2": "one\n{{ nope }}\n"},
        "base/a.j2:2: ",
    ),
    "template syntax": (
        "  /etc/a: {source: a.j2, template: true}\n",
        {"base/a.j2": "one\ntwo\n{% if %}\n"},
        "base/a.j2:3: ",
    ),
    "unknown variable": ("  /etc/a: {content: '${siet}'}\n", {}, "base/base.yaml:3:21: files./etc/a.content: unknown variable 'siet'; did you mean 'site'?"),
    "cycle": (
        "  /a: {content: x, needs: ['file:/b']}\n  /b: {content: x, needs: ['file:/a']}\n",
        {},
        "file:/a",
    ),
    "unknown id": ("  /etc/a: {content: x, needs: ['file:/etc/motf']}\n", {}, "did you mean 'file:/etc/motd'?"),
    "duplicate": ("  /etc/motd: {content: x}\n", {}, "base/base.yaml:3:3"),
    "duplicate in another document": (
        "",
        {"base/more.yaml": "files: {/etc/motd: {content: x}}\n"},
        "base/more.yaml:1:9",
    ),
    "not utf-8": ("", {"base/more.yaml": b"files: {/etc/\xff: {content: x}}\n"}, "base/more.yaml:1:"),
    "bomb": ("x: " + "[" * 5000 + "\n", {}, "base/base.yaml:3:"),
    "tab": ("\tx: 1\n", {}, "base/base.yaml:3:1"),
    "no mapping": ("", {"base/more.yaml": "- a\n- b\n"}, "base/more.yaml:1:1"),
    "missing layer": ("", {"fleet.yaml": FLEET.replace("base", "bass")}, "fleet.yaml:2:"),
    "fleet key": ("", {"fleet.yaml": FLEET + "host: x\n"}, "fleet.yaml:4:1: host: unknown key; did you mean 'hosts'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_commit_is_said_with_its_place_and_the_held_one_goes_on(
    host: Sandbox, remote: Path, case: str
) -> None:
    host.trued("apply", code=0)
    more, files, message = INVALID[case]
    host.push({"base/base.yaml": MOTD + more, **files})
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=4)

    assert message in said
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()
    assert "Trued-Result: invalid" in host.status_log(remote)[0]
    assert message.partition("\n")[0] in host.status(remote)["error"]

    # the offline check of a pull request says the same
    assert message in host.trued("validate", str(host.fleet.path), "--host", "edge-01", code=4)

    # and a new commit cures it
    host.push({"base/base.yaml": MOTD, **dict.fromkeys(files), "fleet.yaml": FLEET})
    host.trued("apply", code=0)
    assert "converged" in host.status_log(remote)[0]


def test_the_same_failure_is_told_once_and_recovery_is_told(host: Sandbox, remote: Path) -> None:
    host.trued("apply", code=0)
    host.push({"base/base.yaml": "fils: {}\n"})
    for _ in range(3):
        host.trued("apply", code=4)
    host.push({"base/base.yaml": MOTD})
    host.trued("apply", code=0)

    results = [message.rpartition("Trued-Result: ")[2].strip() for message in host.status_log(remote)]
    assert ["converged", "invalid", "converged"] == results


def test_a_host_that_is_not_listed_is_refused_and_nothing_on_it_changes(host: Sandbox, remote: Path) -> None:
    host.push({"fleet.yaml": FLEET.replace("edge-*", "db-*")})
    said = host.trued("apply", code=5)

    assert "fleet.yaml:1:" in said
    assert "edge-01" in said
    assert [] == list(host.root.iterdir())
    assert "Trued-Result: refused" in host.status_log(remote)[0]


def test_a_rewritten_branch_is_refused_with_the_way_out(host: Sandbox, remote: Path) -> None:
    host.trued("apply", code=0)
    other = Fleet(host.path / "other").write(
        {"fleet.yaml": FLEET, "base/base.yaml": MOTD.replace("Welcome", "Evil")}
    )
    other.commit("another history")
    other.push(remote.as_uri(), force=True)
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=5)

    assert "does not descend" in said
    assert "trued apply --allow-rewrite" in said
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()
    host.trued("apply", "--allow-rewrite", code=0)
    assert "Evil to berlin\n" == (host.root / "etc/motd").read_text()


def test_an_empty_repository(host: Sandbox, tmp_path: Path) -> None:
    git("init", "-q", "--bare", "-b", "main", str(tmp_path / "empty.git"), cwd=tmp_path)
    host.configure(url=(tmp_path / "empty.git").as_uri())

    assert "empty" in host.trued("apply", code=6)


def test_a_missing_branch_names_those_that_are_there(host: Sandbox) -> None:
    host.configure(branch="mian")
    said = host.trued("apply", code=6)

    assert "no branch 'mian'" in said
    assert "main" in said


def test_a_repository_that_is_not_there(host: Sandbox, tmp_path: Path) -> None:
    host.configure(url=str(tmp_path / "nowhere.git"))

    assert str(tmp_path / "nowhere.git") in host.trued("apply", code=6)


def test_with_git_gone_drift_is_repaired_and_reports_wait(host: Sandbox, remote: Path) -> None:
    host.trued("apply", code=0)
    remote.rename(remote.with_suffix(".away"))
    (host.root / "etc/motd").unlink()
    host.trued("apply", code=6)
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()

    remote.with_suffix(".away").rename(remote)
    host.trued("apply", code=0)
    assert 2 <= len(host.status_log(remote))
    assert any("drift: file is missing" in message for message in host.status_log(remote))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"token_file": "wrong"}, "/wrong still valid"),
        ({"token_file": "missing"}, "missing"),
        ({"ca_file": "other"}, "ca_file"),
        ({"ca_file": None}, "ca_file"),
    ],
)
def test_a_server_that_cannot_be_trusted_or_does_not_trust(
    git_server: GitServer, tmp_path: Path, keys: Mapping[str, str | None], words: str
) -> None:
    bare = git_server.create()
    access = {"token_file": str(git_server.token_file), "ca_file": str(git_server.tls.ca)}
    host = Sandbox(tmp_path / "host", bare.https, push_url=bare.file, access=access)
    host.push({"base/base.yaml": MOTD})
    host.trued("apply", code=0)
    (tmp_path / "wrong").write_text("agent:not-the-secret\n")
    (tmp_path / "wrong").chmod(0o600)
    files = {"wrong": tmp_path / "wrong", "missing": tmp_path / "missing", "other": git_server.other_ca}
    host.access = {key: value for key, value in access.items() if key not in keys}
    host.configure(**{key: str(files[value]) for key, value in keys.items() if value})
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=6)

    assert words in said
    assert "not-the-secret" not in said
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(refuse=True), "broke off the connection"),
        # Half a minute for the poll, and half a minute for the report.
        pytest.param(Fault(hang=True), "does not answer in time", marks=pytest.mark.slow),
    ],
    ids=["breaks off", "stalls"],
)
def test_a_server_in_trouble_does_not_hold_up_repair(
    git_server: GitServer, faulty_https: FaultProxy, tmp_path: Path, bare: Bare, fault: Fault, words: str
) -> None:
    url = faulty_https.url(bare.https)
    access = {"token_file": str(git_server.token_file), "ca_file": str(git_server.tls.ca)}
    host = Sandbox(tmp_path / "host", url, push_url=bare.file, access=access)
    host.push({"base/base.yaml": MOTD})
    host.trued("apply", code=0)
    faulty_https.fault = fault
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=6)

    assert words in said
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()


def test_an_unknown_owner_fails_alone(host: Sandbox, remote: Path) -> None:
    host.push({"base/base.yaml": MOTD + "  /etc/a: {content: x, owner: nobody-here}\n"})
    said = host.trued("apply", code=3)

    assert "nobody-here" in said
    assert (host.root / "etc/motd").exists()
    assert "failed" == host.status(remote)["resources"]["file:/etc/a"]["result"]


def test_a_symlink_on_the_way_is_never_followed(host: Sandbox, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (host.root / "srv").symlink_to(outside)
    host.push({"base/base.yaml": MOTD + "  /srv/a: {content: x}\n"})
    said = host.trued("apply", code=3)

    assert "/srv is a link to" in said
    assert [] == list(outside.iterdir())
    assert (host.root / "etc/motd").exists()


def test_a_directory_where_a_file_should_be_is_not_swept_away(host: Sandbox) -> None:
    (host.root / "etc/app").mkdir(parents=True)
    (host.root / "etc/app/data").write_text("precious")
    host.push({"base/base.yaml": MOTD + "  /etc/app: {content: x}\n"})
    said = host.trued("apply", code=3)

    assert "file:/etc/app" in said
    assert "precious" == (host.root / "etc/app/data").read_text()
    assert (host.root / "etc/motd").exists()


def test_a_file_where_a_directory_should_be_is_kept_and_replaced(host: Sandbox) -> None:
    (host.root / "etc").mkdir()
    (host.root / "etc/app").write_text("precious")
    host.push({"base/base.yaml": MOTD + "  /etc/app: {directory: true}\n  /etc/app/x: {content: x}\n"})
    host.trued("apply", code=0)

    assert "x" == (host.root / "etc/app/x").read_text()
    kept = [
        path
        for path in (host.path / "state/first").rglob("*")
        if path.is_file() and path.read_bytes() == b"precious"
    ]
    assert 1 == len(kept)


def test_a_validation_that_fails_leaves_the_old_file(host: Sandbox) -> None:
    state = MOTD + '  /etc/n: {content: "%s", validate: [grep, -q, good, "{}"]}\n'
    host.push({"base/base.yaml": state % "good"})
    host.trued("apply", code=0)
    host.push({"base/base.yaml": state % "bad"})
    said = host.trued("apply", code=3)

    assert "grep -q good" in said
    assert "good" == (host.root / "etc/n").read_text()


def test_a_link_of_the_commit_is_a_link_on_the_host_and_never_read_through(host: Sandbox) -> None:
    host.push({"base/base.yaml": MOTD + "  /srv/t: {source: t/}\n", "base/t/passwd": Link("/etc/passwd")})
    host.trued("apply", code=0)

    assert "/etc/passwd" == str((host.root / "srv/t/passwd").readlink())


def test_a_state_document_that_is_a_link_is_an_error(host: Sandbox) -> None:
    host.push({"base/evil.yaml": Link("/etc/passwd")})

    assert "base/evil.yaml" in host.trued("apply", code=4)


def test_an_empty_state_removes_nothing(host: Sandbox, remote: Path) -> None:
    host.trued("apply", code=0)
    host.push({"base/base.yaml": "files: {}\n"})
    said = host.trued("apply", code=3)

    assert "trued apply --allow-removals" in said
    assert (host.root / "etc/motd").exists()
    assert "Trued-Result: held" in host.status_log(remote)[0]
    host.trued("apply", "--allow-removals", code=0)
    assert not (host.root / "etc").exists()


def test_wrong_agent_yaml(host: Sandbox) -> None:
    host.config.write_text("host: edge-01\nsorce: {url: /x}\n")

    for verb in ("plan", "run"):  # 78 tells systemd, too, that the file is to be mended first
        said = host.trued(verb, code=78)
        assert f"{host.config}:2:1: sorce: unknown key; did you mean 'source'?" in said


def test_usage_errors(host: Sandbox) -> None:
    assert "did you mean 'apply'?" in host.trued("aply", code=64)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "gone"])
def test_damaged_git_state_heals(host: Sandbox, damage: str) -> None:
    host.trued("apply", code=0)
    for path in (host.path / "state/git").rglob("*"):
        if path.is_file() and os.path.getsize(path):
            match damage:
                case "truncated":
                    os.truncate(path, path.stat().st_size // 2)
                case "garbage":
                    path.write_bytes(os.urandom(path.stat().st_size))
                case "empty":
                    os.truncate(path, 0)
                case "gone":
                    path.unlink()
    (host.root / "etc/motd").unlink()
    host.trued("apply", code=0)

    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()


def test_a_damaged_ledger_stops_trued_and_nothing_changes(host: Sandbox) -> None:
    host.trued("apply", code=0)
    (host.path / "state/ledger.db").write_bytes(b"garbage" * 1000)
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=1)

    assert "ledger.db" in said
    assert "move it away" in said
    assert not (host.root / "etc/motd").exists()


@pytest.mark.root
def test_a_full_disk_and_a_read_only_folder_fail_alone(host: Sandbox, tmp_path: Path) -> None:
    for name, options in (("full", "size=64k"), ("ro", "ro")):
        (host.root / name).mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", host.root / name], check=True)
    try:
        more = "  /full/big: {source: big}\n  /ro/a: {content: x}\n"
        host.push({"base/base.yaml": MOTD + more, "base/big": os.urandom(200_000)})
        said = host.trued("apply", code=3)

        assert "no space left" in said.lower()
        assert "read-only" in said.lower()
        assert (host.root / "etc/motd").exists()
        assert [] == list((host.root / "full").iterdir())
    finally:
        for name in ("full", "ro"):
            subprocess.run(["umount", host.root / name], check=True)
