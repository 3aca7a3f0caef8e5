"""Extended attributes, ACLs and capabilities of a file that is replaced."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.host.local import Local
from tests.host.test_writing import mode_of, write


def _left_out(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")


def test_extended_attributes_and_acls_of_an_existing_file_are_kept(local: Local, root: Path) -> None:
    if shutil.which("setfacl") is None:
        _left_out("setfacl of the package acl")
    file = root / "etc/x"
    file.write_bytes(b"old")
    os.setxattr(file, "user.note", b"kept")
    subprocess.run(["setfacl", "-m", "u:1234:rw,g:2345:r,m::rw", file], check=True)
    before = os.getxattr(file, "system.posix_acl_access")
    local.perform(write("/etc/x"))
    assert b"new\n" == file.read_bytes()
    assert (b"kept", before) == (
        os.getxattr(file, "user.note"),
        os.getxattr(file, "system.posix_acl_access"),
    )


def test_a_declared_mode_bounds_the_acl_that_is_kept(local: Local, root: Path) -> None:
    if shutil.which("setfacl") is None:
        _left_out("setfacl of the package acl")
    file = root / "etc/x"
    file.write_bytes(b"old")
    subprocess.run(["setfacl", "-m", "u:1234:rw,m::rw", file], check=True)
    local.perform(write("/etc/x", mode=0o640))
    said = subprocess.run(["getfacl", "-cn", file], check=True, capture_output=True, text=True).stdout
    assert 0o640 == mode_of(file)
    assert "user:1234:rw-\t#effective:r--" in said.replace("\t\t\t", "\t")


def test_a_default_acl_of_the_folder_adds_nothing_to_an_existing_file(local: Local, root: Path) -> None:
    if shutil.which("setfacl") is None:
        _left_out("setfacl of the package acl")
    (root / "etc/x").write_bytes(b"old")
    subprocess.run(["setfacl", "-d", "-m", "u:1234:rw", root / "etc"], check=True)
    local.perform(write("/etc/x"))
    assert [] == [name for name in os.listxattr(root / "etc/x") if "acl" in name]


@pytest.mark.root
def test_capabilities_are_kept(local: Local, root: Path) -> None:
    file = root / "etc/ping"
    file.write_bytes(b"old")
    capability = bytes.fromhex("0100000200200000000000000000000000000000")  # cap_net_raw=ep, capabilities(7)
    os.setxattr(file, "security.capability", capability)
    local.perform(write("/etc/ping", owner="1234"))
    assert capability == os.getxattr(file, "security.capability")
