"""What somebody moved to a name of trued's is not handed over to anybody."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path, PurePosixPath

import pytest

from agent.errors import HostError
from agent.host.attributes import ACL
from agent.host.local import Local
from agent.model import MakeDirectory, MakeLink, SetAttributes, Text
from tests.host.test_batch import job
from tests.host.test_writing import mode_of, names, write

pytestmark = pytest.mark.root

P = PurePosixPath
APP, WEB = 1234, 1235  # two users without a name


def attributes(
    path: str, *, mode: int | None = None, owner: int | None = None, content: bytes | None = None
) -> SetAttributes:
    number = None if owner is None else str(owner)
    text = None if content is None else Text.of(content)
    return SetAttributes(path=P(path), mode=mode, owner=number, group=number, content=text, why="differs")


def made(path: Path, owner: int = 0, mode: int = 0o755) -> Path:
    path.mkdir()
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def put(path: Path, content: bytes, owner: int = 0, mode: int = 0o644) -> Path:
    path.write_bytes(content)
    os.chown(path, owner, owner)
    path.chmod(mode)
    return path


def has(path: Path) -> tuple[int, int]:
    return path.lstat().st_uid, mode_of(path)


@pytest.fixture(name="app")
def _app(root: Path) -> Path:
    """A folder of a user, in one of root's."""
    return made(root / "app", APP)


def test_a_file_of_root_that_a_user_moved_to_the_name_is_replaced_and_not_handed_over(
    local: Local, app: Path
) -> None:
    secret = os.open(put(app / "conf", b"PRIVATE", mode=0o600), os.O_RDONLY)
    local.perform(attributes("/app/conf", mode=0o640, owner=APP, content=b"port=80"))

    assert (b"port=80", (APP, 0o640)) == ((app / "conf").read_bytes(), has(app / "conf"))
    assert (0, 0o600) == (os.fstat(secret).st_uid, stat.S_IMODE(os.fstat(secret).st_mode))
    os.close(secret)


def test_a_file_of_root_in_a_users_folder_gets_no_wider_mode(local: Local, app: Path) -> None:
    secret = os.open(put(app / "conf", b"PRIVATE", mode=0o600), os.O_RDONLY)
    local.perform(attributes("/app/conf", mode=0o644, content=b"public"))

    assert (b"public", (0, 0o644)) == ((app / "conf").read_bytes(), has(app / "conf"))
    assert 0o600 == stat.S_IMODE(os.fstat(secret).st_mode)
    os.close(secret)


@pytest.mark.parametrize("step", ["attributes", "folder", "batch"])
def test_a_folder_of_root_that_a_user_moved_to_the_name_stays_roots(
    local: Local, app: Path, step: str
) -> None:
    made(app / "data", mode=0o700)
    (app / "data/list").touch()
    make = MakeDirectory(path=P("/app/data"), mode=0o755, owner=str(APP), group=str(APP), why="missing")
    try:
        if step == "batch":
            error = local.perform_all([job(make)])[0]
            raise error or AssertionError
        local.perform(make if step == "folder" else attributes("/app/data", mode=0o755, owner=APP))
    except HostError as caught:
        message, hint = str(caught), caught.hint
    assert (
        "/app/data: cannot set mode and owner: it belongs to root, and others, "
        "who may write in a folder on the way to it, can have put it there"
    ) == message
    assert "by hand" in hint
    assert (0, 0o700) == has(app / "data")


def test_what_is_in_a_folder_that_was_moved_to_the_name_is_no_ones_either(local: Local, app: Path) -> None:
    """The folder is root's alone, and yet the user has put it there."""
    made(app / "data")
    made(app / "data/inner", mode=0o700)
    with pytest.raises(HostError, match="can have put it there"):
        local.perform(attributes("/app/data/inner", owner=APP))
    assert (0, 0o700) == has(app / "data/inner")


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_in_is_a_users_too(local: Local, root: Path, mode: int) -> None:
    made(root / "shared", mode=mode)
    made(root / "shared/data", mode=0o700)
    for step in (attributes("/shared/data", owner=APP), attributes("/shared/data", mode=0o755)):
        with pytest.raises(HostError, match="can have put it there"):
            local.perform(step)
    assert (0, 0o700) == has(root / "shared/data")


@pytest.mark.parametrize(("before", "after"), [(0o777, 0o755), (0o755, 0o700), (0o777, 0o1777)])
def test_a_mode_that_allows_nobody_more_is_set_wherever_it_is(
    local: Local, app: Path, before: int, after: int
) -> None:
    made(app / "data", mode=before)
    local.perform(attributes("/app/data", mode=after))
    assert (0, after) == has(app / "data")


def test_a_folder_that_is_to_be_sticky_no_more_is_one_that_allows_more(local: Local, app: Path) -> None:
    made(app / "data", mode=0o1777)
    with pytest.raises(HostError, match="can have put it there"):
        local.perform(attributes("/app/data", mode=0o777))


def test_what_is_a_users_own_in_its_own_folder_gets_mode_and_group(local: Local, app: Path) -> None:
    inode = put(app / "conf", b"x", APP, 0o600).stat().st_ino
    made(app / "data", APP, 0o700)
    os.chown(app / "conf", -1, WEB)
    local.perform(attributes("/app/conf", mode=0o644, owner=APP, content=b"x"))
    local.perform(attributes("/app/data", mode=0o755, owner=APP))

    assert ((APP, 0o644), (APP, 0o755)) == (has(app / "conf"), has(app / "data"))
    assert (inode, APP) == ((app / "conf").stat().st_ino, (app / "conf").stat().st_gid)


def test_a_file_that_its_user_may_have_open_is_written_anew_for_another_owner(
    local: Local, app: Path
) -> None:
    with put(app / "tool", b"good", APP).open("r+b") as held:
        local.perform(attributes("/app/tool", mode=0o4755, owner=WEB, content=b"good"))
        held.write(b"evil")
    assert (b"good", (WEB, 0o4755)) == ((app / "tool").read_bytes(), has(app / "tool"))


def test_a_tree_that_gets_an_owner_is_handed_over_with_all_that_is_declared_in_it(
    local: Local, root: Path
) -> None:
    """Each folder below another one: the first is the new owner's before the second is looked at."""
    for path in ("www", "www/css", "www/css/deep"):
        made(root / path)
    for owner in (APP, WEB):
        local.probe()
        paths = ("/www", "/www/css", "/www/css/deep")
        met = local.perform_all([job(attributes(path, mode=0o750, owner=owner)) for path in paths])
        assert {0: None, 1: None, 2: None} == met
        assert [(owner, 0o750)] * 3 == [has(root / path[1:]) for path in paths]


def test_what_was_handed_over_is_its_new_owners_at_the_next_look(local: Local, root: Path) -> None:
    made(root / "www")
    local.perform(attributes("/www", owner=APP))
    made(root / "www/private", mode=0o700)
    local.probe()
    with pytest.raises(HostError, match="can have put it there"):
        local.perform(attributes("/www/private", owner=APP))


@pytest.mark.parametrize("what", ["folder", "link"])
def test_what_takes_the_name_of_a_temporary_is_not_handed_over(
    local: Local, app: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whoever owns the folder sees the name appear."""
    made(app / "private", mode=0o700)
    (app / "private/list").touch()
    put(app / "secret", b"PRIVATE", mode=0o600)
    mkdir, symlink = os.mkdir, os.symlink

    def swap_folder(name: str, *args: int, dir_fd: int) -> None:
        mkdir(name, *args, dir_fd=dir_fd)
        os.rename("private", name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    def swap_link(target: str, name: str, *, dir_fd: int) -> None:
        symlink(target, name, dir_fd=dir_fd)
        os.rename("secret", name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", swap_folder)
    monkeypatch.setattr(os, "symlink", swap_link)
    step = (
        MakeDirectory(path=P("/app/new"), mode=0o755, owner=str(APP), why="missing")
        if what == "folder"
        else MakeLink(path=P("/app/new"), target="x", owner=str(APP), why="missing")
    )
    with pytest.raises(HostError, match=r"^/app/new: cannot be (made|linked): file exists$"):
        local.perform(step)
    assert not [name for name in names(app) if (app / name).lstat().st_uid == APP]


def acl(*entries: tuple[int, int, int]) -> bytes:
    """Return `system.posix_acl_access` as the kernel has it: uapi/linux/posix_acl_xattr.h."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
FOR_WEB = acl(
    (1, 6, NOBODY), (2, 4, WEB), (4, 4, NOBODY), (0x10, 7, NOBODY), (0x20, 0, NOBODY)
)  # user::rw user:WEB:r group::r mask::rwx other::-


def test_a_secret_is_not_whoevers_who_put_a_file_there_first(local: Local, app: Path) -> None:
    put(app / "secret", b"mine", APP)
    local.perform(write("/app/secret", mode=0o600))
    assert (0, 0o600) == has(app / "secret")
    assert 0 == (app / "secret").stat().st_gid


@pytest.mark.parametrize("mode", [None, 0o644])
def test_what_is_no_secret_stays_the_folders_owners(local: Local, app: Path, mode: int | None) -> None:
    put(app / "conf", b"mine", APP)
    local.perform(write("/app/conf", mode=mode))
    assert (APP, 0o644) == has(app / "conf")


def test_a_strangers_file_in_a_folder_for_everybody_gives_no_owner(local: Local, root: Path) -> None:
    made(root / "shared", mode=0o777)
    put(root / "shared/conf", b"mine", APP, 0o4777)
    local.perform_all([job(write("/shared/conf"))])
    assert (0, 0o755) == has(root / "shared/conf")


@pytest.mark.parametrize("folder", ["app", "etc"])
def test_a_strangers_acl_lets_nobody_read_what_is_declared_to_be_roots(
    local: Local, root: Path, app: Path, folder: str
) -> None:
    os.setxattr(put(root / folder / "secret", b"x", APP), ACL, FOR_WEB)
    local.perform(write(f"/{folder}/secret", mode=0o640, owner="0", group="0"))
    assert (0, 0o640) == has(root / folder / "secret")
    assert ACL not in os.listxattr(root / folder / "secret")


def test_a_declared_owners_acl_is_kept(local: Local, app: Path) -> None:
    os.setxattr(put(app / "conf", b"x", APP), ACL, FOR_WEB)
    local.perform(write("/app/conf", owner=str(APP)))
    assert FOR_WEB == os.getxattr(app / "conf", ACL)
