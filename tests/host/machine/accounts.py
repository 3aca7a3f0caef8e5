"""What the tests of users and groups have in common: a password, keys of ssh, and how the files of a machine are read."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.host.machine.machine import Machine

# Of the password "correct horse", made with `openssl passwd -6`.
HASH = "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0"
HASH_FILE = "/etc/trued/ada.hash"


def outcomes(report: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {
        rid: (one["result"], one.get("cause") or "", one.get("reason") or "")
        for rid, one in report["resources"].items()
    }


def users(**entries: Any) -> dict[str, Any]:
    return {"users": entries}


def line(machine: Machine, file: str, name: str) -> list[str]:
    """Return the fields of a line of /etc/passwd, group or shadow; nothing where there is none."""
    lines = (text.split(":") for text in machine.read(f"/etc/{file}").splitlines())
    return next((fields for fields in lines if fields[0] == name), [])


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Make two private keys; the public ones are beside them."""
    for name in ("one", "two"):
        subprocess.run(
            ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name), check=True
        )
    return folder / "one", folder / "two"


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


def with_keys(*keys: Path, **more: Any) -> dict[str, Any]:
    return users(ada={"authorized_keys": [public(key) for key in keys], **more})


def ssh(machine: Machine, key: Path) -> int:
    """Return the exit code of a login as ada with a key."""
    machine.put("/srv/key", key.read_bytes(), mode=0o600)
    options = ("-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes")
    return machine.run("ssh", "-n", "-i", "/srv/key", *options, "ada@127.0.0.1", "true", check=False).code


def run_as(machine: Machine, user: str) -> None:
    """Let something run as a user."""
    machine.run("systemd-run", "--quiet", "--unit=hers", f"--uid={user}", "sleep", "600")


def attributes(machine: Machine, path: str) -> tuple[int, int, int]:
    """Return mode, user and group, by number."""
    found = machine.path(path).stat()
    return found.st_mode & 0o7777, found.st_uid, found.st_gid
