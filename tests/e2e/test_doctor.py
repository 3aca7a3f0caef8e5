"""`trued doctor` against real servers: what stands in the way, said in words, with the exit code that fits."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.sandbox import Sandbox
from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import TOKEN, Bare, GitServer
from tests.servers.processes import free_port
from tests.servers.repo import git
from tests.servers.tls import make_tls

pytestmark = pytest.mark.servers
MOTD = {"base/base.yaml": "files:\n  /etc/motd: {content: hello}\n"}


@pytest.fixture(name="https")
def _https(tmp_path: Path, git_server: GitServer, guarded: Bare) -> Sandbox:
    return by_https(tmp_path / "host", git_server, guarded)


def by_https(path: Path, server: GitServer, bare: Bare) -> Sandbox:
    token = path.with_name("token")
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    access = {"token_file": str(token), "ca_file": str(server.tls.ca)}
    host = Sandbox(path, bare.https, push_url=bare.file, access=access)
    host.config.chmod(0o600)
    host.push(MOTD)
    return host


def by_ssh(path: Path, server: GitServer, bare: Bare, key: Path | None = None) -> Sandbox:
    access = {"ssh_key": str(key or server.ssh.key), "known_hosts": str(server.ssh.known_hosts)}
    host = Sandbox(path, bare.ssh, push_url=bare.file, access=access)
    host.push(MOTD)
    return host


def examined(host: Sandbox, code: int) -> Mapping[str, Any]:
    """Return the findings by name, and hold the exit code against what it should be."""
    said = host.json("doctor", code=code)
    assert code == said["exit_code"]
    return {each["name"]: each for each in said["checks"]}


def results(found: Mapping[str, Any], *names: str) -> list[str]:
    return [found[name]["result"] for name in names]


WAY = ("name", "connection", "source", "signature", "host", "status")


def test_a_host_that_is_let_in_by_https(https: Sandbox, guarded: Bare) -> None:
    """Where the server guards the branch that hosts follow, and lets this one report."""
    https.trued("apply", code=0)
    before = git("for-each-ref", cwd=guarded.path)

    found = examined(https, 0)

    assert ["ok"] * 7 == results(found, *WAY, "protection")
    assert "its certificate is good" in found["connection"]["found"]
    assert f"{guarded.https}: status/edge-01 may be written" == found["status"]["found"]
    assert "main cannot be written with this host's key or token" == found["protection"]["found"]
    assert "as 127.0.0.1 has it" in found["clock"]["found"]
    assert before == git("for-each-ref", cwd=guarded.path)


def test_before_the_first_report_protection_is_not_known(https: Sandbox) -> None:
    """Nothing is claimed that was not tried; that reports may be written is known already."""
    found = examined(https, 0)

    assert ["ok", "skipped"] == results(found, "status", "protection")
    assert "after the first report" in found["protection"]["mend"][0]


def test_a_host_that_could_change_every_host_is_warned(
    tmp_path: Path, git_server: GitServer, bare: Bare
) -> None:
    """The trial moves nothing, also where it would be let through."""
    host = by_https(tmp_path / "host", git_server, bare)
    host.trued("apply", code=0)
    before = git("for-each-ref", cwd=bare.path)

    found = examined(host, 0)["protection"]

    assert "warning" == found["result"]
    assert "can write to main, and so to every host" in found["found"]
    assert "protect main on the server" in found["mend"][0]
    assert before == git("for-each-ref", cwd=bare.path)


def test_a_branch_of_reports_that_a_rule_keeps_shut(https: Sandbox) -> None:
    """The words of the server are shown; that the rest is well, too."""
    https.more = {"status": {"branch": "reports/{host}"}}
    https.configure()

    found = examined(https, 6)

    assert ["ok", "failed"] == results(found, "host", "status")
    assert "reports/edge-01 may not be written" in found["status"]["found"]
    assert "hook declined" in found["status"]["found"]


def test_a_wrong_token(https: Sandbox) -> None:
    """The server says no; the token is in no message."""
    Path(https.access["token_file"]).write_text("ghp_expired0123\n")

    said = https.trued("doctor", "-v", code=6)

    assert "the server wants credentials (401)" in said
    assert "still valid" in said
    assert "ghp_expired0123" not in said
    assert ["ok", "ok", "failed", "skipped", "skipped", "skipped"] == results(examined(https, 6), *WAY)


def test_a_token_that_others_may_read(https: Sandbox) -> None:
    Path(https.access["token_file"]).chmod(0o644)

    found = examined(https, 6)

    assert ["failed", "failed"] == results(found, "rights", "source")
    assert f"chmod 600 {https.access['token_file']}" in found["rights"]["mend"][0]


def test_an_authority_that_signed_nothing_here(https: Sandbox, git_server: GitServer) -> None:
    https.configure(ca_file=str(git_server.other_ca))

    found = examined(https, 6)

    assert ["ok", "failed", "skipped", "skipped", "skipped", "skipped"] == results(found, *WAY)
    assert f"is not vouched for by {git_server.other_ca}" in found["connection"]["found"]
    assert ["name the right authority in ca_file"] == found["connection"]["mend"]
    assert "as 127.0.0.1 has it" in found["clock"]["found"]


def test_a_name_that_is_not_there(https: Sandbox) -> None:
    https.configure(url="https://git.invalid/fleet.git")

    found = examined(https, 6)

    assert ["failed", *["skipped"] * 5] == results(found, *WAY)
    assert "'git.invalid' cannot be resolved" in found["name"]["found"]
    assert "getent hosts git.invalid" in found["name"]["mend"][0]


def test_a_closed_port(https: Sandbox) -> None:
    https.configure(url=f"https://127.0.0.1:{free_port()}/fleet.git")

    found = examined(https, 6)

    assert ["ok", "failed", *["skipped"] * 4] == results(found, *WAY)
    assert "connection refused" in found["connection"]["found"]


@pytest.mark.slow
def test_a_server_that_takes_a_connection_and_says_nothing(https: Sandbox, faulty_https: FaultProxy) -> None:
    """The checks end, and those of this host are made all the same."""
    faulty_https.fault = Fault(hang=True)
    https.configure(url=faulty_https.url(https.url))

    found = examined(https, 6)

    assert ["ok", "failed", *["skipped"] * 4] == results(found, *WAY)
    assert "does not answer in time" in found["connection"]["found"]
    assert "ok" == found["rights"]["result"]


def test_a_repository_that_is_not_there(https: Sandbox) -> None:
    https.configure(url=https.url.replace("fleet-", "feelt-"))

    assert "there is no such repository (404)" in examined(https, 6)["source"]["found"]


@contextmanager
def web(folder: Path, *, days: int | None = None, date: str = "") -> Iterator[str]:
    """Serve nothing, over TLS if the certificate is to be so many days good, with a Date header of choice."""

    class Answer(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return date or super().date_time_string(timestamp)

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that lets go in the middle is what this is for."""

    server = Server(("127.0.0.1", 0), Answer)
    if days is not None:
        tls = make_tls(folder / "tls", days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{'http' if days is None else 'https'}://127.0.0.1:{server.server_address[1]}/fleet.git"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_clock_that_is_wrong_by_years(https: Sandbox, tmp_path: Path) -> None:
    with web(tmp_path, date="Mon, 01 Jan 2001 00:00:00 GMT") as url:
        https.configure(url=url)
        found = examined(https, 6)["clock"]

    assert "failed" == found["result"]
    assert found["found"].endswith(" s ahead of 127.0.0.1")
    assert "timedatectl set-ntp true" in found["mend"][0]


def test_a_certificate_that_has_expired(https: Sandbox, tmp_path: Path) -> None:
    """Which clock is right is told beside it: the server's is read in spite of the certificate."""
    with web(tmp_path, days=-1, date="Mon, 01 Jan 2001 00:00:00 GMT") as url:
        https.configure(url=url, ca_file=str(tmp_path / "tls/ca.crt"))
        found = examined(https, 6)

    assert ["failed", "failed"] == results(found, "clock", "connection")
    assert "certificate has expired; this host's clock says" in found["connection"]["found"]
    assert "ahead of 127.0.0.1" in found["clock"]["found"]


def test_a_host_that_is_let_in_by_ssh(tmp_path: Path, git_server: GitServer, guarded: Bare) -> None:
    host = by_ssh(tmp_path / "host", git_server, guarded)
    host.trued("apply", code=0)

    found = examined(host, 0)

    assert ["ok"] * 8 == results(found, *WAY, "host key", "protection")
    assert f"[127.0.0.1]:{git_server.ssh.port} is known by ssh-ed25519" in found["host key"]["found"]


def test_a_key_that_the_server_does_not_know(tmp_path: Path, git_server: GitServer, guarded: Bare) -> None:
    host = by_ssh(tmp_path / "host", git_server, guarded, git_server.ssh.unknown_key)

    found = examined(host, 6)

    assert ["ok", "failed", "skipped"] == results(found, "host key", "source", "status")
    assert "the server does not accept our key" in found["source"]["found"]


def test_a_key_that_may_only_read(tmp_path: Path, git_server: GitServer, guarded: Bare) -> None:
    host = by_ssh(tmp_path / "host", git_server, guarded, git_server.ssh.read_only_key)

    found = examined(host, 6)

    assert ["ok", "failed", "skipped"] == results(found, "host", "status", "protection")
    assert "this deploy key is read-only" in found["status"]["found"]


def test_a_key_that_others_may_read(tmp_path: Path, git_server: GitServer, guarded: Bare) -> None:
    """ssh refuses it, too."""
    key = tmp_path / "key"
    key.write_bytes(git_server.ssh.key.read_bytes())
    key.chmod(0o644)
    host = by_ssh(tmp_path / "host", git_server, guarded, key)

    found = examined(host, 6)

    assert ["failed", "failed"] == results(found, "rights", "source")
    assert f"{key}: others may read it (mode 0644)" in found["rights"]["found"]


@pytest.mark.parametrize(
    ("line", "check", "says"),
    [
        ("", "host key", "is not in it"),
        (
            "[127.0.0.1]:{port} ssh-ed25519 {other}\n",
            "source",
            "shows another host key than the one in known_hosts",
        ),
    ],
)
def test_a_server_that_is_not_the_one_it_should_be(
    tmp_path: Path, git_server: GitServer, guarded: Bare, line: str, check: str, says: str
) -> None:
    """Not known at all, or by another key."""
    host = by_ssh(tmp_path / "host", git_server, guarded)
    other = git_server.ssh.unknown_key.with_suffix(".pub").read_text().split()[1]
    known = tmp_path / "known_hosts"
    known.write_text(line.format(port=git_server.ssh.port, other=other))
    host.configure(known_hosts=str(known))

    found = examined(host, 6)

    assert ["failed", "skipped"] == results(found, check, "host")
    assert says in found[check]["found"]


def test_a_server_that_is_gone_takes_no_other_check_with_it(
    tmp_path: Path, git_server: GitServer, guarded: Bare
) -> None:
    """A port that is bound and not listened to."""
    host = by_ssh(tmp_path / "host", git_server, guarded)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        host.configure(url=f"ssh://git@127.0.0.1:{deaf.getsockname()[1]}/fleet.git")
        found = examined(host, 6)

    assert ["failed", "failed", "skipped"] == results(found, "connection", "host key", "source")
    assert {"ok"} == set(results(found, "agent.yaml", "disk", "tools", "memory"))
