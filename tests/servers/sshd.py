"""Configures sshd for deploy keys: each runs one forced command that lets only Git through."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.servers.processes import find, listening

# UsePAM and StrictModes off: it runs from a scratch folder, as whoever runs the tests.
_CONFIG = Template("""\
ListenAddress 127.0.0.1:$port
HostKey $folder/host
AuthorizedKeysFile $folder/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin forced-commands-only
AcceptEnv GIT_PROTOCOL
MaxStartups 100
UseDNS no
""")

_SHELL = Template("""\
#!/bin/sh
# $$1 is who comes in, $$2 is ro or rw
export REMOTE_USER=$$1 GIT_CONFIG_GLOBAL=$gitconfig GIT_CONFIG_NOSYSTEM=1
case "$$2 $$SSH_ORIGINAL_COMMAND" in ro\\ git-receive-pack*) echo "ERROR: this deploy key is read-only" >&2; exit 1 ;; esac
cd $repositories && exec git-shell -c "$$SSH_ORIGINAL_COMMAND"
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """Where it listens and the files a client needs."""

    port: int
    config: Path
    known_hosts: Path
    key: Path  # may push, as "agent"
    read_only_key: Path
    unknown_key: Path  # that the server does not know

    def listening(self) -> bool:
        return listening(self.port)

    @property
    def command(self) -> str:
        """GIT_SSH_COMMAND for the real git."""
        return (
            f"ssh -F none -i {self.key} -o IdentitiesOnly=yes -o BatchMode=yes"
            f" -o UserKnownHostsFile={self.known_hosts} -o StrictHostKeyChecking=yes"
        )


def login_shell() -> str:
    """Return the shell of whoever runs the tests; empty if there is none to log in with."""
    try:
        shell = pwd.getpwuid(os.geteuid()).pw_shell
    except KeyError:
        return ""
    return "" if Path(shell).name in {"nologin", "false"} else shell


def write_config(folder: Path, port: int, repositories: Path, gitconfig: Path) -> Ssh:
    """Make the keys and write sshd's files into a new folder."""
    folder.mkdir(mode=0o700)
    for name in ("host", "deploy_rw", "deploy_ro", "unknown"):
        _make_key(folder / name)
    shell, config = folder / "shell", folder / "sshd_config"
    shell.write_text(_SHELL.substitute(gitconfig=gitconfig, repositories=repositories))
    shell.chmod(0o755)
    (folder / "authorized_keys").write_text(
        f'restrict,command="{shell} agent rw" {_public(folder / "deploy_rw")}\n'
        f'restrict,command="{shell} reader ro" {_public(folder / "deploy_ro")}\n'
    )
    config.write_text(_CONFIG.substitute(port=port, folder=folder))
    _forgive(config)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8): privilege separation wants it
    (folder / "known_hosts").write_text(
        f"[127.0.0.1]:{port},[server.test]:{port} {_public(folder / 'host')}\n"
    )
    return Ssh(
        port=port,
        config=config,
        known_hosts=folder / "known_hosts",
        key=folder / "deploy_rw",
        read_only_key=folder / "deploy_ro",
        unknown_key=folder / "unknown",
    )


def _make_key(path: Path) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _public(path: Path) -> str:
    kind, key, *_ = path.with_name(f"{path.name}.pub").read_text().split()
    return f"{kind} {key}"


def _forgive(config: Path) -> None:
    """OpenSSH 9.8 and newer shut out an address after some failures, and failures are what tests do."""
    option = "PerSourcePenalties no"
    check = [find("sshd") or "", "-t", "-f", str(config), "-o", option.replace(" ", "=")]
    if subprocess.run(check, check=False, capture_output=True).returncode == 0:
        config.write_text(f"{config.read_text()}{option}\n")
