"""`trued enroll` against a real sshd and web server: from nothing to the first report."""

from __future__ import annotations

import itertools
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.config import load_settings
from tests.e2e.sandbox import Sandbox
from tests.servers.git import TOKEN, Bare, GitServer
from tests.servers.repo import git

pytestmark = pytest.mark.servers
TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A host with nothing on it, and a fleet that expects it."""

    folder: Path
    server: GitServer
    bare: Bare

    @property
    def config(self) -> Path:
        return self.folder / "trued/agent.yaml"

    @property
    def key(self) -> Path:
        return self.config.with_name("id_ed25519")

    @property
    def known_hosts(self) -> Path:
        return self.config.with_name("known_hosts")

    def argv(self, *words: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "agent", "--config", str(self.config), *words)

    def trued(self, *words: str, code: int = 0) -> str:
        """Run the command where nobody can be asked; return all that it says."""
        done = subprocess.run(
            self.argv(*words), cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert code == done.returncode, done.stdout + done.stderr
        return done.stdout + done.stderr

    def enroll(self, *words: str, code: int = 0) -> str:
        return self.trued("enroll", self.bare.ssh, "--host", "edge-01", *words, code=code)

    def let_in(self) -> None:
        """Do on the server what the guide says: add the deploy key, with write access."""
        keys = self.server.ssh.config.with_name("authorized_keys")
        shell = self.server.ssh.config.with_name("shell")
        public = self.key.with_name("id_ed25519.pub").read_text()
        keys.write_text(f'{keys.read_text()}restrict,command="{shell} agent rw" {public}')

    def modes(self) -> dict[str, int]:
        paths = (self.config.parent, *self.config.parent.rglob("*"))
        return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in paths if path.exists()}


WHOLE = {
    "trued": 0o700,
    "agent.yaml": 0o600,
    "id_ed25519": 0o600,
    "id_ed25519.pub": 0o644,
    "known_hosts": 0o644,
}


@pytest.fixture(name="host")
def _host(tmp_path: Path, git_server: GitServer, guarded: Bare) -> Iterator[Newcomer]:
    fleet = Sandbox(tmp_path / "admin", guarded.file)
    fleet.push({"base/base.yaml": "files:\n  /etc/motd: {content: hello}\n"})
    keys = git_server.ssh.config.with_name("authorized_keys")
    before = keys.read_text()
    yield Newcomer(tmp_path / "etc", git_server, guarded)
    keys.write_text(before)


def fingerprint(server: GitServer) -> str:
    """Return that of the server's host key, as its operator would publish it."""
    argv = ("ssh-keygen", "-lf", server.ssh.config.with_name("host.pub"))
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[1]


def test_from_nothing_to_the_first_report(host: Newcomer, tmp_path: Path) -> None:
    """Enroll, add the key on the server, ask the doctor, apply."""
    said = host.enroll("--fingerprint", fingerprint(host.server))
    public = host.key.with_name("id_ed25519.pub").read_text().strip()
    assert WHOLE == host.modes()
    assert public in said.splitlines()
    assert public.startswith("ssh-ed25519 ")
    assert public.endswith(" trued@edge-01")
    assert "the server does not accept our key" in said
    assert "PRIVATE KEY" not in said
    host.trued("doctor", code=6)

    host.let_in()

    host.trued("doctor")
    assert "This host is let in." in host.enroll()
    (tmp_path / "root").mkdir()
    host.config.write_text(f"{host.config.read_text()}root: {tmp_path}/root\nstate_dir: {tmp_path}/state\n")
    host.trued("apply")
    assert "hello" == (tmp_path / "root/etc/motd").read_text()
    assert "edge-01: converged" in git("log", "--format=%s", "status/edge-01", cwd=host.bare.path)


def test_a_server_that_nobody_vouches_for_is_not_trusted(host: Newcomer) -> None:
    """Its fingerprint is shown, and how to go on; there is nothing on the disk."""
    said = host.enroll(code=64)

    assert fingerprint(host.server) in said
    assert "--fingerprint SHA256:" in said
    assert {"trued": 0o700} == host.modes()


def test_a_server_with_another_key_than_told_is_not_trusted(host: Newcomer) -> None:
    said = host.enroll("--fingerprint", "SHA256:" + "A" * 43, code=6)

    assert "another server may stand in between" in said
    assert fingerprint(host.server) in said
    assert {"trued": 0o700} == host.modes()


def test_with_yes_what_the_server_shows_is_trusted_and_shown(host: Newcomer) -> None:
    said = host.enroll("--yes")

    assert fingerprint(host.server) in said
    port = host.server.ssh.port
    key = host.server.ssh.known_hosts.read_text().split()[1:3]
    assert [f"[127.0.0.1]:{port}", *key] == host.known_hosts.read_text().split()


def test_a_file_of_known_hosts_is_used_where_it_is(host: Newcomer) -> None:
    host.enroll("--known-hosts", str(host.server.ssh.known_hosts))

    assert host.server.ssh.known_hosts == load_settings(host.config).source.known_hosts
    assert not host.known_hosts.exists()


def test_a_file_in_which_the_server_is_not_is_refused(host: Newcomer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("git.example.com ssh-ed25519 AAAA\n")

    assert "is not in it" in host.enroll("--known-hosts", str(other), code=64)


def test_other_servers_stay_known(host: Newcomer) -> None:
    """Also where the last line has no end."""
    host.known_hosts.parent.mkdir(parents=True)
    line = f"git.example.com {' '.join(host.server.ssh.unknown_key.with_suffix('.pub').read_text().split()[:2])}"
    host.known_hosts.write_text(line)

    host.enroll("--yes")

    first, second = host.known_hosts.read_text().splitlines()
    assert line == first
    assert second.startswith("[127.0.0.1]:")


def test_a_server_that_shows_no_key(host: Newcomer) -> None:
    """Nothing is written: there is nobody to trust yet."""
    url = f"ssh://git@127.0.0.1:{host.server.https_port}/fleet.git"

    said = host.trued("enroll", url, "--host", "edge-01", "--yes", code=6)

    assert "shows no host key" in said
    assert {"trued": 0o700} == host.modes()


def asked(host: Newcomer, answer: bytes) -> tuple[int, str]:
    """Enroll at a terminal, and answer the question; return the exit code and what was on the screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(TOP)
        words = ("enroll", host.bare.ssh, "--host", "edge-01")
        os.execve(sys.executable, host.argv(*words), {**os.environ, "NO_COLOR": "1", "TERM": "dumb"})
    screen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            screen += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if answer and b"[yes/no] " in screen:
            os.write(terminal, answer)
            answer = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode()


@pytest.mark.parametrize(("answer", "code"), [(b"yes\n", 0), (b"y\n", 64), (b"no\n", 64), (b"\x04", 64)])
def test_a_person_at_a_terminal_is_asked(host: Newcomer, answer: bytes, code: int) -> None:
    """Only a whole yes counts; the fingerprint was on the screen before."""
    ended, screen = asked(host, answer)

    assert code == ended, screen
    assert fingerprint(host.server) in screen.partition("[yes/no]")[0]
    assert (WHOLE if code == 0 else {"trued": 0o700}) == host.modes()


def test_a_second_run_keeps_the_key_and_asks_no_more(host: Newcomer) -> None:
    """The key may be on the server already."""
    host.enroll("--yes")
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in host.config.parent.iterdir()}

    said = host.enroll()

    assert "Left as it is" in said
    assert before == {path: (path.stat().st_ino, path.read_bytes()) for path in host.config.parent.iterdir()}


def test_a_public_half_that_was_lost_is_made_again(host: Newcomer) -> None:
    host.enroll("--yes")
    half = host.key.with_name("id_ed25519.pub")
    before = half.read_bytes()
    half.unlink()

    host.enroll()

    assert before == half.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda key: key.chmod(0o644), "others may read this key (mode 0644)"),
        (lambda key: key.write_text("x"), "it is damaged, or has a passphrase"),
    ],
)
def test_a_key_that_cannot_serve_is_left_to_a_person(host: Newcomer, spoil: object, says: str) -> None:
    host.enroll("--yes")
    spoil(host.key)  # type: ignore[operator]
    before = host.key.read_bytes()

    said = host.trued("--json", "enroll", host.bare.ssh, code=64 if "0644" in says else 3)

    assert says in said
    assert before == host.key.read_bytes()


@pytest.mark.slow
def test_killed_at_any_point_the_same_command_goes_on(host: Newcomer) -> None:
    """Before each change of the disk: what is there then is whole, and in the end all is there, and nothing else."""
    for lives in itertools.count():
        argv = (sys.executable, "-m", "tests.e2e.dying_enroll", str(lives), *host.argv()[3:])
        words = ("enroll", host.bare.ssh, "--host", "edge-01", "--yes")
        ended = subprocess.run((*argv, *words), cwd=TOP, capture_output=True, check=False).returncode
        assert ended in {0, -signal.SIGKILL}
        left = set(host.modes())
        if host.config.exists():
            assert {"id_ed25519", "known_hosts", "agent.yaml"} <= left
        public = host.key.exists() and subprocess.run(
            ("ssh-keygen", "-yf", host.key), capture_output=True, check=True
        )

        host.enroll("--yes")

        assert WHOLE == host.modes()
        if public:
            assert public.stdout == host.key.with_name("id_ed25519.pub").read_bytes()
        if ended == 0:
            break
        for path in host.config.parent.iterdir():
            path.unlink()
        host.config.parent.rmdir()
    assert lives > 10


def test_two_at_once_do_not_meet(host: Newcomer) -> None:
    """Each leaves the key that the other made, and one of them may be told to wait."""
    argv = host.argv("enroll", host.bare.ssh, "--host", "edge-01", "--yes")
    both = [
        subprocess.Popen(argv, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)
    ]
    said = [each.communicate()[0].decode() for each in both]

    assert {each.returncode for each in both} <= {0, 1}, said
    assert 0 in {each.returncode for each in both}
    assert WHOLE == host.modes()


def test_by_https_with_a_token_and_a_private_authority(host: Newcomer, tmp_path: Path) -> None:
    """As the guide says it: the token goes into its file afterwards."""
    said = host.trued("enroll", host.bare.https, "--host", "edge-01", "--ca-file", str(host.server.tls.ca))
    token = host.config.with_name("token")
    assert f"install -m 600 /dev/stdin {token}" in said
    host.trued("doctor", code=6)

    subprocess.run(("install", "-m", "600", "/dev/stdin", token), input=f"{TOKEN}\n".encode(), check=True)

    said = host.trued("doctor")
    assert TOKEN not in said
    assert {"trued": 0o700, "agent.yaml": 0o600, "token": 0o600} == host.modes()
