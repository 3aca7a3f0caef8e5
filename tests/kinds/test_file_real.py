"""The kind `file` on real files: from anything to anything, purged folders, folder trees."""

from __future__ import annotations

import itertools
import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host import Entry
from agent.host.local import Local
from agent.kinds.file import KIND
from agent.kinds.file.spec import FileSpec
from agent.model import KeepFirst, Mode, Stale, Text, TreePath
from tests.fakes import FakeTree

AT = "/srv/thing"
NEVER = {"folder of others", "fifo", "socket"}


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(before)


def folder_with(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir()
        (path / name).touch()

    return make


HAVES: Mapping[str, Callable[[Path], None]] = {
    "nothing": lambda path: None,
    "file": lambda path: path.write_text("old") and None,
    "same file": lambda path: path.write_text("new") and None,
    "unreadable file": lambda path: (path.write_text("old"), path.chmod(0))[1],
    "link": lambda path: path.symlink_to("/etc/passwd"),
    "same link": lambda path: path.symlink_to("to"),
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "folder": lambda path: path.mkdir(),
    "folder of ours": folder_with("ours"),
    "folder with a leftover": folder_with(".trued-0123456789abcdef"),
    "folder of others": folder_with("theirs"),
    "fifo": os.mkfifo,
    "socket": socket_at,
}
WANTS: Mapping[str, FileSpec | None] = {
    "gone": None,
    "absent": FileSpec(state="absent"),
    "file": FileSpec(data=Text.of(b"new")),
    "file with a mode": FileSpec(data=Text.of(b"new"), mode=Mode(0o600)),
    "link": FileSpec(link="to"),
    "folder": FileSpec(directory=True),
    "folder with a mode": FileSpec(directory=True, mode=Mode(0o700)),
    "implied": FileSpec(directory=True, implied=True),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/srv").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def local(root: Path, tmp_path: Path) -> Local:
    return Local(root, tmp_path / "state")


def bring(local: Local, wants: Mapping[str, FileSpec | None]) -> int:
    """Carry out what follows for every name, what goes last and deepest first; return how many steps there were."""
    count = 0
    seen = KIND.observe(local.probe(), wants)
    going = sorted((name for name in seen if wants.get(name) is None), reverse=True)
    for name in (*(name for name, want in wants.items() if want is not None), *going):
        have = seen[name]
        if isinstance(have, HostError):
            raise have
        for step in KIND.steps(name, wants.get(name), have, stale=Stale.NO):
            local.perform(step)
            count += 1
    return count


def kind_of(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return "nothing"
    return {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "folder"}.get(
        stat.S_IFMT(mode), "other"
    )


@pytest.mark.parametrize(("have", "want"), tuple(itertools.product(HAVES, WANTS)))
def test_from_anything_to_anything(local: Local, root: Path, have: str, want: str) -> None:
    if have == "unreadable file" and os.geteuid() != 0:
        pytest.skip("root can read it; for others it is blocked")
    path, spec = root / AT[1:], WANTS[want]
    HAVES[have](path)
    before = kind_of(path)
    wants = {AT: spec, f"{AT}/ours": None} if have == "folder of ours" else {AT: spec}
    needs_folder = spec is not None and spec.directory
    if before == "other":
        refused = spec is not None
    elif have == "folder of others":
        refused = spec is not None and not needs_folder
    else:
        refused = want == "implied" and before in {"file", "link"}
    if refused:
        with pytest.raises(HostError):
            bring(local, wants)
        assert before == kind_of(path)
        return
    bring(local, wants)
    stays = spec is None and have in NEVER
    expected = before if stays else _expected(spec)
    assert expected == kind_of(path)
    if spec is not None and spec.data is not None:
        assert "new" == path.read_text()
    if spec is not None and spec.mode is not None:
        assert spec.mode == stat.S_IMODE(path.stat().st_mode)
    assert 0 == bring(local, wants)


def _expected(spec: FileSpec | None) -> str:
    if spec is None or spec.state == "absent":
        return "nothing"
    return "file" if spec.data is not None else "link" if spec.link else "folder"


def test_a_tree_of_odd_names_is_made_and_then_left_alone(local: Local, root: Path) -> None:
    names = ["a b", "-n", "q'\"`$x", "naïve-漢字-🦊", ".hidden", "...", "d/e/f", "x" * 255]
    tree = FakeTree(
        {f"base/{name}": name.encode() for name in names},
        links={"base/d/l": "-n"},
        executable=frozenset({"base/-n"}),
    )
    wants = dict(KIND.expand("/srv/www", FileSpec(source=TreePath("base")), tree))
    assert bring(local, wants) > len(names)
    assert names == [name for name in names if (root / "srv/www" / name).read_bytes() == name.encode()]
    assert "-n" == os.readlink(root / "srv/www/d/l")
    modes = [stat.S_IMODE((root / "srv/www" / name).stat().st_mode) for name in ("-n", "a b", "d")]
    assert [0o755, 0o644, 0o755] == modes
    assert 0 == bring(local, wants)


def test_a_purged_folder_ends_with_what_is_declared(local: Local, root: Path, tmp_path: Path) -> None:
    wants: dict[str, FileSpec | None] = {
        "/srv": FileSpec(directory=True, purge=True),
        "/srv/keep": FileSpec(data=Text.of(b"x")),
    }
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").touch()
    (root / "srv/link").symlink_to(tmp_path / "outside")
    (root / "srv/d/e").mkdir(parents=True)
    (root / "srv/d/e/f").touch()
    (root / "srv" / os.fsdecode(b"\xff\n")).touch()
    bring(local, wants)
    assert ["keep"] == os.listdir(root / "srv")
    assert ["x"] == os.listdir(tmp_path / "outside")
    assert 0 == bring(local, wants)


def test_the_first_content_of_a_stray_can_be_kept(local: Local, root: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff")
    (root / "srv" / odd).write_text("first")
    seen = KIND.observe(local.probe(), {"/srv": FileSpec(directory=True, purge=True)})
    have = seen["/srv/\\xff"]
    assert isinstance(have, Entry)
    for step in KIND.first("/srv/\\xff", have):
        assert isinstance(step, KeepFirst)
        local.perform(step)
    assert "first" == (tmp_path / "state/first/srv" / odd).read_text()


@pytest.mark.root
def test_an_owner_that_is_not_there_yet_is_an_error_only_when_it_is_needed(local: Local, root: Path) -> None:
    wants = {"/srv/x": FileSpec(data=Text.of(b"x"), owner="no-such-user")}
    seen = KIND.observe(local.probe(), wants)
    (step,) = KIND.steps("/srv/x", wants["/srv/x"], None, stale=Stale.NO)
    assert {"/srv/x": None} == dict(seen)
    with pytest.raises(HostError, match=r"^no user 'no-such-user' on this host$"):
        local.perform(step)
    assert [] == os.listdir(root / "srv")


@pytest.mark.root
def test_owner_drift_is_seen_and_mended(local: Local, root: Path) -> None:
    wants = {
        "/srv/x": FileSpec(data=Text.of(b"x"), owner="1234", group="0"),
        "/srv/l": FileSpec(link="x", owner="1"),
    }
    assert 2 == bring(local, wants)
    os.chown(root / "srv/x", 0, 77)
    os.chown(root / "srv/l", 0, 0, follow_symlinks=False)
    assert 2 == bring(local, wants)
    assert (1234, 0) == ((root / "srv/x").stat().st_uid, (root / "srv/x").stat().st_gid)
    assert 1 == (root / "srv/l").lstat().st_uid
