"""The fixtures of machines, for every folder of tests."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.host.machine import apt, debian, python, slot
from tests.host.machine.apt import Repository
from tests.host.machine.catalog import catalog, other_catalog
from tests.host.machine.cgroups import Cgroups
from tests.host.machine.forge import Forge
from tests.host.machine.host import Host, repository
from tests.host.machine.layer import crowd
from tests.host.machine.machine import Machine
from tests.host.machine.network import Network
from tests.host.machine.nspawn import Binding
from tests.host.machine.tools import PATH
from tests.host.machine.web import Web
from tests.servers.git import GitServer

TOOLS = (
    "apt-ftparchive", "dpkg-deb", "gpg", "ip", "journalctl", "mkfs.xfs", "mmdebstrap", "nsenter", "setpriv",
    "systemd-nspawn", "xfs_io",
)  # fmt: skip

PACKAGES = python.TOP / "tests/servers/packages.txt"

Boot = Callable[..., Machine]
Manage = Callable[..., Host]


def missing() -> str:
    """Return why no machine can be started here, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if tools := [
        tool for tool in TOOLS if not shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{PATH}")
    ]:
        return f"missing: {', '.join(tools)}; the packages are in {PACKAGES}"
    if "\toverlay\n" not in Path("/proc/filesystems").read_text():
        return "the kernel has no overlayfs"
    if "\nID=debian\n" not in f"\n{Path('/etc/os-release').read_text()}":
        return "needs Debian, from whose package sources the machines' tree is made"
    return ""


@pytest.fixture(scope="session", name="machines")
def _machines() -> Iterator[slot.Slot]:
    """The number of this run, under which all machines stand."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with slot.take() as taken:
        yield taken


@pytest.fixture(scope="session", name="trees")
def _trees(machines: slot.Slot) -> Sequence[Path]:
    """What machines start from, topmost layer first."""
    return (python.layer(), debian.tree())


@pytest.fixture(scope="session")
def network(machines: slot.Slot) -> Network:
    """The network of the machines; the tests' own servers listen in it."""
    return Network(machines)


@pytest.fixture
def boot(machines: slot.Slot, trees: Sequence[Path], network: Network) -> Iterator[Boot]:
    """
    Make and start machines: `boot("edge-01", disk="512M", bindings=[Binding(…)], start=False)`.

    What starts a machine by hand can put files into it before. A `plain` one has no Python environment for trued; a
    `crowded` one has 300 packages more, bulk-000 to bulk-299.
    """
    with contextlib.ExitStack() as ends:

        def make(
            name: str = "edge-01",
            *,
            disk: str = "",
            file_system: str = "xfs",
            bindings: Sequence[Binding] = (),
            start: bool = True,
            plain: bool = False,
            crowded: bool = False,
        ) -> Machine:
            made = Machine(
                name=name,
                lower=[*([crowd()] if crowded else []), *trees[int(plain) :]],
                work=machines.work / name,
                runtime=machines.runtime,
                network=network,
                cgroups=Cgroups.named(f"trued-machines/{machines.number}/{name}"),
                bindings=bindings if plain else (python.checkout(), *bindings),
                disk=disk,
                file_system=file_system,
            )
            ends.callback(made.destroy)
            if start:
                made.start()
            return made

        yield make


@pytest.fixture
def machine(boot: Boot) -> Machine:
    """A fresh machine that has just booted."""
    return boot()


@pytest.fixture
def manage(boot: Boot, tmp_path: Path) -> Manage:
    """Make machines that trued keeps true, each with a fleet repository of its own; takes what `boot` takes."""

    def make(name: str = "edge-01", **options: Any) -> Host:
        folder = tmp_path / name
        bindings = (*options.pop("bindings", ()), repository(folder))
        return Host(machine=boot(name, bindings=bindings, **options), folder=folder)

    return make


@pytest.fixture
def managed(manage: Manage) -> Host:
    """A fresh machine that has just booted, on which trued has nothing to do yet."""
    return manage()


@pytest.fixture
def packages(network: Network, tmp_path: Path) -> Iterator[Repository]:
    """A signed apt repository over http, with what catalog.py says; this test may change it."""
    with _served(network, "packages", apt.stored("packages", catalog()), tmp_path) as repository:
        yield repository


@pytest.fixture
def other_packages(network: Network, tmp_path: Path) -> Iterator[Repository]:
    """Another one, that is signed by another key."""
    with _served(network, "other", apt.stored("other", other_catalog()), tmp_path) as repository:
        yield repository


@contextlib.contextmanager
def _served(network: Network, name: str, source: Path, folder: Path) -> Iterator[Repository]:
    copy = folder / f"apt-{name}"
    shutil.copytree(source, copy)
    web = Web(network, copy)
    try:
        yield Repository(name=name, folder=copy, web=web)
    finally:
        web.close()


@pytest.fixture
def forge(git_server: GitServer, network: Network) -> Iterator[Forge]:
    """The Git servers over https and ssh, as machines reach them."""
    lent = Forge(git_server, network)
    yield lent
    lent.close()
