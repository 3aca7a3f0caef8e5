"""The whole loop, over each way to a repository: a commit, a plan, a host kept true, a status branch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox
from tests.servers.git import Bare, GitServer
from tests.servers.repo import git

STATE = """\
files:
  /etc/motd: {content: "Welcome to ${site}\\n", mode: "0644"}
  /etc/app/app.conf: {source: files/app.conf.j2, template: true, mode: "0600"}
  /srv/www: {source: files/www/}
  /etc/localtime: {link: /usr/share/zoneinfo/Europe/Berlin}
  /var/lib/app: {directory: true, mode: "0750"}
"""
FILES = {
    "base/base.yaml": STATE,
    "base/files/app.conf.j2": "host = {{ host }}\nsite = {{ site }}\n",
    "base/files/www/index.html": "<h1>hello</h1>\n",
    "base/files/www/img/logo.bin": bytes(range(256)),
}


def ways(server: GitServer, bare: Bare, how: str) -> tuple[str, dict[str, str]]:
    """Return the URL and the keys of agent.yaml for one way to the repository."""
    match how:
        case "https":
            return bare.https, {"token_file": str(server.token_file), "ca_file": str(server.tls.ca)}
        case "ssh":
            return bare.ssh, {
                "ssh_key": str(server.ssh.key),
                "known_hosts": str(server.ssh.known_hosts),
            }
        case "file":
            return bare.file, {}
    raise ValueError(how)


@pytest.mark.servers
@pytest.mark.parametrize("filtered", [True, False], ids=["filter", "no-filter"])
@pytest.mark.parametrize("how", ["https", "ssh", "file"])
def test_the_whole_loop(git_server: GitServer, tmp_path: Path, how: str, filtered: bool) -> None:
    bare = git_server.create(allow_filter=filtered)
    url, access = ways(git_server, bare, how)
    host = Sandbox(tmp_path / "host", url, push_url=bare.file, access=access)
    first = host.push(FILES, "first")

    # a plan says what would be done, and does nothing
    said = host.trued("plan", code=2)
    assert "+ file:/etc/motd" in said
    assert [] == list(host.root.iterdir())

    # the host is made so, and the status branch says so
    said = host.trued("apply", code=0)
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()
    assert "host = edge-01\nsite = berlin\n" == (host.root / "etc/app/app.conf").read_text()
    assert 0o600 == (host.root / "etc/app/app.conf").stat().st_mode & 0o777
    assert bytes(range(256)) == (host.root / "srv/www/img/logo.bin").read_bytes()
    assert "/usr/share/zoneinfo/Europe/Berlin" == str((host.root / "etc/localtime").readlink())
    assert 0o750 == (host.root / "var/lib/app").stat().st_mode & 0o777
    (message,) = host.status_log(bare.path)
    assert message.startswith(f"edge-01: converged at {first[:7]}, ")
    assert "changed   file:/etc/motd" in message
    assert f"Trued-Host: edge-01\nTrued-Commit: {first}\nTrued-Result: converged" in message
    status = host.status(bare.path)
    assert ("edge-01", first, first, "converged") == (
        status["host"],
        status["commit"],
        status["good"],
        status["result"],
    )
    assert "created" == status["resources"]["file:/etc/motd"]["owned"]

    # a second cycle does nothing and says nothing
    host.trued("plan", code=0)
    host.trued("apply", code=0)
    assert 1 == len(host.status_log(bare.path))

    # drift is repaired, with its cause
    (host.root / "etc/motd").write_text("hacked\n")
    said = host.trued("plan", code=2)
    assert "-hacked" in said
    assert "+Welcome to berlin" in said
    host.trued("apply", code=0)
    assert "Welcome to berlin\n" == (host.root / "etc/motd").read_text()
    assert "drift: content differs" in host.status_log(bare.path)[0]

    # a change and a removal in Git
    state = STATE.replace("Welcome to", "Hello from").replace(
        '  /var/lib/app: {directory: true, mode: "0750"}\n', ""
    )
    second = host.push({"base/base.yaml": state, "base/files/www/img/logo.bin": None}, "second")
    host.trued("apply", code=0)
    assert "Hello from berlin\n" == (host.root / "etc/motd").read_text()
    assert not (host.root / "srv/www/img").exists()
    assert not (host.root / "var").exists()
    assert second == host.status(bare.path)["commit"]

    # what was pushed is sound
    git("fsck", "--strict", cwd=bare.path)
    git("clone", "-q", "-b", "status/edge-01", bare.path, tmp_path / "clone", cwd=tmp_path)
    assert {"README.md", "status.json"} == {entry.name for entry in (tmp_path / "clone").iterdir()} - {
        ".git"
    }
    assert 3 == len(host.status_log(bare.path))


@pytest.mark.servers
def test_a_fleet_key_that_may_only_write_status_branches(git_server: GitServer, tmp_path: Path) -> None:
    """The agent's credential cannot change desired state, and needs not."""
    bare = git_server.create(guard=True)
    access = {"token_file": str(git_server.token_file), "ca_file": str(git_server.tls.ca)}
    host = Sandbox(tmp_path / "host", bare.https, push_url=bare.file, access=access)
    host.push(FILES)
    host.trued("apply", code=0)

    assert 1 == len(host.status_log(bare.path))


def test_status_may_go_to_a_repository_of_its_own(host: Sandbox, tmp_path: Path, remote: Path) -> None:
    git("init", "-q", "--bare", str(tmp_path / "status.git"), cwd=tmp_path)
    host.more = {"status": {"url": (tmp_path / "status.git").as_uri(), "branch": "fleet/{host}"}}
    host.configure()
    host.trued("apply", code=0)

    assert 1 == len(host.status_log(tmp_path / "status.git", "fleet/edge-01"))
    assert "main" == git("for-each-ref", "--format=%(refname:short)", cwd=remote).strip()


def test_reports_wait_while_the_status_remote_is_away_and_go_in_order(
    host: Sandbox, tmp_path: Path, remote: Path
) -> None:
    away = tmp_path / "status.git"
    host.more = {"status": {"url": away.as_uri()}}
    host.configure()
    host.trued("apply", code=0)
    (host.root / "etc/motd").write_text("x")
    host.trued("apply", code=0)
    git("init", "-q", "--bare", str(away), cwd=tmp_path)
    (host.root / "etc/motd").unlink()
    host.trued("apply", code=0)

    causes = ["drift: file is missing", "drift: content differs", "commit: file is missing"]
    messages = host.status_log(away)
    assert 3 == len(messages)
    assert all(cause in message for cause, message in zip(causes, messages, strict=True))


def test_verbs_tell_what_the_host_holds(host: Sandbox) -> None:
    host.trued("apply", code=0)
    (host.root / "etc/motd").write_text("x")
    host.trued("apply", code=0)

    assert "converged" in host.trued("status", code=0)
    said = host.trued("explain", "file:/etc/motd", code=0)
    assert "base/base.yaml:2" in said
    assert "drift" in said
    assert "did you mean" in host.trued("explain", "file:/etc/motf", code=64)
    assert 2 == host.trued("log", code=0).count("converged at")
    assert "edge-01" in host.trued("fleet", "status", code=0)
    assert "converged" == host.json("fleet", "status", code=0)[0]["result"]


def test_a_second_instance_of_one_host_elsewhere_cannot_lose_a_report(
    host: Sandbox, tmp_path: Path, remote: Path
) -> None:
    """Two machines that think they are edge-01: both histories stay on the branch."""
    other = Sandbox(tmp_path / "other", remote.as_uri())
    host.trued("apply", code=0)
    (other.root / "etc").mkdir()  # so that it has something else to say
    other.trued("apply", code=0)
    (host.root / "etc/motd").unlink()
    host.trued("apply", code=0)

    assert 3 == len(host.status_log(remote))
