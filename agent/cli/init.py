"""`trued init`: writes a small fleet repository to start from. Touches only the folder that it is given."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from agent.cli.screen import Screen
from agent.config import HostName
from agent.errors import UsageError
from agent.status.text import visible

EXAMPLE = "edge-01"

FLEET = """\
# Which hosts there are, and what each of them gets.

# Names or globs. A host that matches none of them is refused: nothing on it is changed.
hosts: [{hosts}]

# Folders of state documents, from top to bottom; a later one wins key by key.
layers:
  - base                   # every host
  - "hosts/{{host}}"         # one host; this folder may be missing
  # - {{path: roles/arm, when: {{facts.arch: aarch64}}}}
  # - {{path: roles/canary, when: {{labels.ring: canary}}}}

# Names for ${{…}} in documents and templates; facts.*, labels.* and host are there already.
vars:
  site: example
"""

BASE = """\
# What every host is to be. Each entry is a resource with an id: here file:/etc/motd.

files:
  /etc/motd: {source: files/motd, template: true, mode: "0644"}

# There are sections for packages, repositories, units, users, groups, sysctls, hostname and timezone, too; take the # away:
# packages:
#   nginx: present
# units:
#   nginx.service: {enabled: true, active: true}
"""

MOTD = """\
This is {{ host }}, of the site {{ site }}.
It is kept true to Git: what is changed here by hand is changed back.
"""

HOST = """\
# What only {host} is to be. An entry of base/ may be changed here key by key, or taken away with null.

files:
  /etc/trued-example: {{content: "only on {host}\\n", mode: "0644"}}
"""

NEXT = """\
Wrote a fleet repository to {folder}

Next:
  trued validate {folder}
  cd {folder} && git init -b main && git add --all && git commit -m "Start the fleet"
  git remote add origin URL && git push -u origin main
On the host, as root:
  trued enroll URL --host {host}
  trued doctor
  trued plan
  trued apply"""


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Write the repository, and say what comes next."""
    folder: Path = args.folder
    try:
        host = None if args.host is None else HostName.parse(args.host)
    except ValueError as error:
        raise UsageError(f"--host: {error}") from error
    written = files(host)
    write(folder, written)
    if screen.json:
        screen.document({"folder": str(folder), "files": sorted(written)})
    else:
        screen.line(NEXT.format(folder=visible(str(folder)), host=host or EXAMPLE))
    return 0


def files(host: str | None) -> Mapping[str, str]:
    """Return what the repository consists of, by path. Without a host every host may follow it."""
    name = host or EXAMPLE
    return {
        "fleet.yaml": FLEET.format(hosts=f'"{host or "*"}"'),
        "base/base.yaml": BASE,
        "base/files/motd": MOTD,
        f"hosts/{name}/host.yaml": HOST.format(host=name),
    }


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write into a folder that has nothing in it; raises UsageError, and then nothing has been touched."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(
                f"{folder}: has something in it already", hint="name a folder that is empty or new"
            )
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error
