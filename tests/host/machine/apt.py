"""A signed repository of packages, as apt-secure(8) wants it: one suite, one component, served over http."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.host.machine.cache import cached, key
from tests.host.machine.deb import Package
from tests.host.machine.machine import Machine
from tests.host.machine.tools import call
from tests.host.machine.web import Web

SUITE, COMPONENT = "stable", "main"
PARTS = tuple(Path(__file__).with_name(f"{name}.py") for name in ("apt", "catalog", "deb"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """
    The repository in `folder`, served by `web`; `name` is in its Release file and in what it is called on a machine.

    apt's faults are `web.fail(Fault.…)`; what apt asked for is `web.requests`.
    """

    name: str
    folder: Path
    web: Web

    @property
    def url(self) -> str:
        return self.web.url

    @property
    def key(self) -> str:
        """The public key, ASCII-armoured."""
        return (self.folder / "key.asc").read_text()

    @property
    def source(self) -> str:
        """The entry for sources.list.d in deb822 style, as sources.list(5) describes it, with the key in a file."""
        return (
            f"Types: deb\nURIs: {self.url}\nSuites: {SUITE}\nComponents: {COMPONENT}\n"
            f"Signed-By: /etc/apt/keyrings/{self.name}.asc\n"
        )

    def add_to(self, machine: Machine, *, update: bool = True) -> None:
        """Make it a source of the machine's apt."""
        machine.put(f"/etc/apt/keyrings/{self.name}.asc", self.key)
        machine.put(f"/etc/apt/sources.list.d/{self.name}.sources", self.source)
        if update:
            machine.run("apt-get", "--quiet", "update")

    def publish(self, *packages: Package) -> None:
        """Add packages and sign the index anew."""
        for package in packages:
            package.build(self.folder / "pool")
        _index(self.folder, self.name)

    def withdraw(self, name: str, version: str) -> None:
        """Take one version away and sign the index anew."""
        (self.folder / "pool" / Package(name=name, version=version).filename).unlink()
        _index(self.folder, self.name)


def stored(name: str, packages: Iterable[Package]) -> Path:
    """Return a folder of the cache with a signed repository of these packages; made once, to be copied."""

    def make(new: Path) -> None:
        (new / "pool").mkdir()
        for package in packages:
            package.build(new / "pool")
        _make_key(new, name)
        _index(new, name)

    return cached(f"apt-{name}", key(*PARTS), make)


def _make_key(folder: Path, name: str) -> None:
    with _gpg() as gpg:
        user = f"{name} <{name}@example.com>"
        call(*gpg, "--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never")
        (folder / "key.asc").write_text(call(*gpg, "--armor", "--export"))
        (folder / "key.secret").write_text(call(*gpg, "--armor", "--export-secret-keys"))


def _index(folder: Path, name: str) -> None:
    suite = folder / f"dists/{SUITE}"
    binary = suite / f"{COMPONENT}/binary-all"
    binary.mkdir(parents=True, exist_ok=True)
    listed = call("apt-ftparchive", "packages", "pool", cwd=folder)
    (binary / "Packages").write_text(listed)
    (binary / "Packages.gz").write_bytes(gzip.compress(listed.encode()))
    fields = {
        "Origin": name,
        "Label": name,
        "Suite": SUITE,
        "Codename": SUITE,
        "Components": COMPONENT,
        "Architectures": "all",
    }
    options = [f"-oAPT::FTPArchive::Release::{field}={value}" for field, value in fields.items()]
    for path in (suite / "Release", suite / "InRelease"):
        path.unlink(missing_ok=True)  # else it would list itself
    release = call("apt-ftparchive", *options, "release", suite)
    with _gpg() as gpg:
        call(*gpg, "--import", folder / "key.secret")
        (suite / "InRelease").write_text(call(*gpg, "--clearsign", stdin=release))


@contextmanager
def _gpg() -> Iterator[tuple[str, ...]]:
    """Lend gpg with a home of its own, whose path is short enough for its agent's socket; the agent ends with it."""
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as home:
        os.chmod(home, 0o700)
        try:
            yield ("gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback")
        finally:
            call("gpgconf", "--homedir", home, "--kill", "all")
