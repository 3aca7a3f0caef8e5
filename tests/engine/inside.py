"""
Makes what an engine sees of the machine its own, and holds that until its stdin ends. Run in fresh namespaces, by cell.py.

    inside.py RUNTIME WORK      the two folders that stay what they are

/run, /etc, /var/lib and /dev/shm may be written to, and nobody else notices; what is mounted is gone with the last process
that sees it. The cgroups begin at the one that this process is in, cgroup_namespaces(7).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

STORE = Path("/run/trued-cell")
OURS = ("/etc", "/var/lib")
NO_CONTROLLERS = {"rw", "ro", "relatime", "noatime", "nosuid", "nodev", "noexec", "xattr", "clone_children"}
REGISTRY = "server.test"


def main(runtime: Path, work: Path) -> None:
    fresh_run(runtime, work)
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")
    for number, folder in enumerate(OURS):
        lay_over(folder, STORE / str(number))
    if any(work.is_relative_to(folder) for folder in OURS):  # an engine's layers cannot lie on layers
        mount("--bind", STORE / "work", work)
    for where, options in hierarchies():
        mount_again(where, options)
    call("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"{ADDRESS} {REGISTRY}\n")


ADDRESS = "10.77.0.1"  # to an engine all of 127.0.0.0/8 is a registry that needs no certificate


def fresh_run(runtime: Path, work: Path) -> None:
    """Put an empty /run in the place of the one there is, but for our own folder in it."""
    aside = work / "run"
    aside.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", aside)
    for name in ("netns", "lock", runtime.relative_to("/run"), "trued-cell/work"):
        (aside / name).mkdir(parents=True, exist_ok=True)
    mount("--bind", runtime, aside / runtime.relative_to("/run"))
    mount("--bind", work, aside / "trued-cell/work")
    mount("--rbind", aside, "/run")


def lay_over(folder: str, store: Path) -> None:
    """Let the folder be written to, in memory."""
    for name in ("upper", "work"):
        (store / name).mkdir(parents=True)
    mount(
        "-t",
        "overlay",
        "-o",
        f"lowerdir={folder},upperdir={store}/upper,workdir={store}/work",
        "overlay",
        folder,
    )


def hierarchies() -> Iterator[tuple[str, str]]:
    """Yield where cgroups of v1 are mounted, and with which controllers; of v2, with nothing."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup":
            words = (word for word in options.split(",") if word not in NO_CONTROLLERS)
            named = [word for word in words if not word.startswith("release_agent=")]
            yield where, ",".join([*(["none"] if named[0].startswith("name=") else []), *named])
        elif kind == "cgroup2":
            yield where, ""


def mount_again(where: str, options: str) -> None:
    """Mount a hierarchy as this cgroup namespace has it."""
    call("umount", where)
    if options:
        mount("-t", "cgroup", "-o", options, "cgroup", where)
    else:
        mount("-t", "cgroup2", "cgroup2", where)


def mount(*words: str | Path) -> None:
    call("mount", *words)


def call(*words: str | Path) -> None:
    subprocess.run(words, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.read()
