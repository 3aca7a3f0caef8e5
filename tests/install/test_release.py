"""What scripts/build-release makes: all that a host needs, the same bytes each time, and nothing of where it was made."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import socket
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install import release

pytestmark = pytest.mark.slow
NAME = f"trued-{release.VERSION}-linux-{platform.machine()}"


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release.unpack(archive, tmp_path_factory.mktemp("unpacked"))


def test_it_says_what_it_is(archive: Path, unpacked: Path) -> None:
    """In its name, in the name of its folder, and in itself."""
    assert f"{NAME}.tar.gz" == archive.name
    assert [NAME] == [path.name for path in unpacked.parent.iterdir()]
    assert f"version={release.VERSION}\n" in (unpacked / "RELEASE").read_text()


def test_it_holds_wheels_of_all_that_runs_for_each_python(unpacked: Path) -> None:
    """Of what is compiled one for each; what is only there to build with is left out."""
    names = [path.name.lower().replace("_", "-") for path in (unpacked / "wheels").iterdir()]
    locked = re.findall(
        r"^([a-z0-9-]+)==([^ ]+)", (unpacked / "requirements.lock").read_text(), re.MULTILINE
    )

    for name, version in locked:
        found = [wheel for wheel in names if wheel.startswith(f"{name}-{version}-")]
        pure = any(wheel.endswith("-none-any.whl") for wheel in found)
        assert (
            name == "setuptools"
            or pure
            or {"cp311", "cp312", "cp313"} == {re.findall(r"-(cp\d+)-", wheel)[0] for wheel in found}
        ), name
    assert f"trued-{release.VERSION}-py3-none-any.whl" in names
    assert [] == [name for name in names if name.startswith("setuptools")]


def test_it_holds_what_is_put_on_a_host(checkout: Path, unpacked: Path) -> None:
    """And the license."""
    for name in ("LICENSE", "scripts/install", "scripts/uninstall", "units/trued.service", "docs/install.md",
                 "config/tmpfiles.d/trued.conf", "config/agent.yaml", "requirements.lock"):  # fmt: skip
        assert (checkout / name).read_bytes() == (unpacked / name).read_bytes()


def test_its_sums_are_of_all_its_files(unpacked: Path) -> None:
    listed = dict(line.split("  ")[::-1] for line in (unpacked / "SHA256SUMS").read_text().splitlines())
    files = {
        str(path.relative_to(unpacked)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in unpacked.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }

    assert files == listed


def test_the_same_files_give_the_same_bytes(checkout: Path, archive: Path, tmp_path: Path) -> None:
    """Built in another folder, with another scratch folder, by a user with another umask."""
    other = shutil.copytree(checkout, tmp_path / "elsewhere/deep")
    subprocess.run(("chmod", "-R", "go=", other), check=True)
    (tmp_path / "scratch").mkdir()
    again = release.build(other, tmp_path / "dist", pythons="3.11 3.12 3.13", scratch=tmp_path / "scratch")

    assert archive.read_bytes() == again.read_bytes()


def test_every_entry_is_roots_and_of_one_age(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        entries = tar.getmembers()

    assert {(0, 0, "", "")} == {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries}
    assert {int(release.EPOCH)} == {int(entry.mtime) for entry in entries}
    assert {0o755, 0o644} == {entry.mode for entry in entries}
    assert sorted(entry.name for entry in entries) == [entry.name for entry in entries]


def test_nothing_tells_where_it_was_made(archive: Path, unpacked: Path) -> None:
    """No folder and no name of the machine; in no file of ours, and in no wheel that we made."""
    places = [str(release.TOP), str(archive.parents[1]), socket.gethostname()]

    assert [] == [
        (name, place)
        for name, data in ours(unpacked)
        for place in places
        if len(place) > 3 and place.encode() in data
    ]


def ours(unpacked: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what did not come as it is from an index."""
    for path in unpacked.rglob("*"):
        if path.is_file() and path.parent.name != "wheels":
            yield path.name, path.read_bytes()
    with zipfile.ZipFile(unpacked / f"wheels/trued-{release.VERSION}-py3-none-any.whl") as wheel:
        for name in wheel.namelist():
            yield name, wheel.read(name)


def test_a_damaged_archive_is_refused(unpacked: Path) -> None:
    """Before anything of it is run or installed: sha256sum(1) as install calls it."""
    check = ("sha256sum", "--quiet", "--strict", "--check", "SHA256SUMS")
    whole = subprocess.run(check, cwd=unpacked, capture_output=True, check=False).returncode
    unit = unpacked / "units/trued.service"
    before = unit.read_bytes()
    unit.write_bytes(before + b"\n")
    try:
        damaged = subprocess.run(check, cwd=unpacked, capture_output=True, check=False).returncode
    finally:
        unit.write_bytes(before)

    assert (0, 1) == (whole, damaged)
