"""Makes the fleet repository of many hosts, seeded, by git fast-import(1): the same bytes each time."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

HOST = "edge-00042"
ROLES = 20
WHEN = 1_700_000_000
WHO = "bench <bench@localhost>"


def write(bare: Path, hosts: int) -> None:
    """Put one commit with all hosts into an empty bare repository."""
    chance = random.Random(hosts)
    layers = "[base, 'roles/{host.role}', 'hosts/{host}']".replace("{host.role}", "common")
    files = {
        "fleet.yaml": f'hosts: ["edge-*"]\nlayers: {layers}\n',
        "base/base.yaml": _state("/etc/motd", "all", 0),
    }
    files |= {
        f"roles/{_role(number)}/state.yaml": _state("/etc/role", "role", number) for number in range(ROLES)
    }
    for number in range(hosts):
        name = f"hosts/edge-{number:05}/host.yaml"
        files[name] = _state("/etc/host.conf", f"host {chance.getrandbits(64):x}", number)
    _import(bare, "Declare the fleet", files, first=True)


def change(bare: Path, turn: int) -> None:
    """Add a commit that is for another host than HOST."""
    name = f"hosts/edge-{turn + 1:05}/host.yaml"
    _import(bare, f"Change {turn}", {name: _state("/etc/host.conf", f"changed {turn}", turn)}, first=False)


def _role(number: int) -> str:
    return f"role-{number:02}" if number else "common"


def _state(path: str, word: str, number: int) -> str:
    return f'files:\n  {path}: {{content: "{word} {number}\\n", mode: "0644"}}\n'


def _import(bare: Path, message: str, files: dict[str, str], *, first: bool) -> None:
    stream = b"".join(_stream(message, files, first=first))
    subprocess.run(
        ("git", "-c", "safe.directory=*", "fast-import", "--quiet"), cwd=bare, input=stream, check=True
    )


def _stream(message: str, files: dict[str, str], *, first: bool) -> Iterator[bytes]:
    yield f"commit refs/heads/main\ncommitter {WHO} {WHEN} +0000\n".encode() + _data(message)
    if not first:
        yield b"from refs/heads/main^0\n"
    for name, text in files.items():
        yield f"M 100644 inline {name}\n".encode() + _data(text)


def _data(text: str) -> bytes:
    raw = text.encode()
    return f"data {len(raw)}\n".encode() + raw + b"\n"
