"""The kind `file`: what can be declared, what it is expanded to, and what follows."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

import pytest

from agent.errors import HostError
from agent.host import Entry, FileType
from agent.kinds.file import KIND
from agent.kinds.file.spec import FileSpec
from agent.model import KeepFirst, Mode, Remove, ResourceId, Stale, Text, TreePath
from tests.fakes import FakeHost, FakeProbe, FakeTree, Node

P = PurePosixPath
FOLDER = FileSpec(directory=True)
IMPLIED = FileSpec(directory=True, implied=True)


def text(data: bytes = b"x") -> FileSpec:
    return FileSpec(data=Text.of(data))


@pytest.mark.parametrize(
    "name", ["/etc/motd", "/a b/-c/ü'\"", "/...", "/.hidden", "/" + "x" * 255, "/" + "/".join("x" * 2000)]
)
def test_a_name_that_can_be_declared_stays_as_it_is(name: str) -> None:
    assert name == KIND.name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("etc/motd", "expected an absolute path, as in /etc/motd, got 'etc/motd'"),
        ("", "expected an absolute path, as in /etc/motd, got ''"),
        ("/", "the root folder itself cannot be declared, only what is below it"),
        ("/etc/", "a path has one '/' between its parts and none at its end, got '/etc/'"),
        ("//etc", "a path has one '/' between its parts and none at its end, got '//etc'"),
        ("/etc/../x", "a path has no '.' and no '..' as a part, got '/etc/../x'"),
        ("/etc/./x", "a path has no '.' and no '..' as a part, got '/etc/./x'"),
        ("/etc/\0", "a path has no control characters, got '/etc/\\x00'"),
        ("/etc/a\nb", "a path has no control characters, got '/etc/a\\nb'"),
        ("/etc/\udcff", "a path is valid UTF-8, got '/etc/\\udcff'"),
        ("/" + "x" * 256, f"a part of a path has at most 255 bytes: '{'x' * 80}…'"),
        ("/" + "ü" * 128, f"a part of a path has at most 255 bytes: '{'ü' * 80}…'"),
        ("/x" * 2500, "a path has at most 4095 bytes, this one has 5000"),
        ("/etc/.trued-x", "names that begin with '.trued-' are trued's own, got '/etc/.trued-x'"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_name_that_cannot_be_declared_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        KIND.name(name)
    assert reason == str(caught.value)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "expected one of content, source, link, directory: true, or the state absent"),
        (
            {"content": "", "link": "x", "directory": True},
            "expected one of content, source, link and directory, got content and link and directory",
        ),
        ({"state": "absent", "content": ""}, "what is absent has no 'content'"),
        ({"state": "absent", "owner": "root"}, "what is absent has no 'owner'"),
        ({"state": "absent", "mode": Mode(0)}, "what is absent has no 'mode'"),
        ({"content": "", "template": True}, "template: true needs a source"),
        ({"link": "x", "mode": Mode(0o644)}, "a link has no mode; the file it points to has one"),
        (
            {"directory": True, "directory_mode": Mode(0o755)},
            "directory_mode goes with a source that is a folder; with directory: true it is mode",
        ),
        ({"content": "", "directory_mode": Mode(0)}, "directory_mode goes with a source that is a folder"),
        (
            {"content": "", "purge": True},
            "purge goes with directory: true, or with a source that is a folder",
        ),
        ({"directory": True, "validate": ("x", "{}")}, "validate goes with content or source"),
        (
            {"content": "", "validate": ("visudo", "-c")},
            "validate needs {} in one of its arguments, where the path of the new file goes",
        ),
        ({"link": ""}, "a link points to a path of 1 to 4095 bytes, without control characters"),
        ({"link": "a\0b"}, "a link points to a path of 1 to 4095 bytes, without control characters"),
        ({"content": "", "owner": ""}, "expected the name or number of a user for owner, got ''"),
        (
            {"content": "", "owner": "4294967295"},
            "expected the name or number of a user for owner, got '4294967295'",
        ),
        ({"content": "", "group": "a:b"}, "expected the name or number of a group for group, got 'a:b'"),
        ({"content": "", "group": "-x"}, "expected the name or number of a group for group, got '-x'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_sense_together_is_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        FileSpec(**given)
    assert reason == str(caught.value)


def test_content_and_secrets_are_in_no_repr() -> None:
    assert "hunter2" not in repr(FileSpec(content="hunter2")) + repr(text(b"hunter2"))


def test_a_text_becomes_bytes_and_the_folders_above_are_implied() -> None:
    expanded = dict(KIND.expand("/etc/a/motd", FileSpec(content="ü"), FakeTree()))
    assert {"/etc": IMPLIED, "/etc/a": IMPLIED, "/etc/a/motd": text("ü".encode())} == expanded
    assert [True, True, False] == [KIND.implied(spec) for spec in expanded.values()]


def test_what_is_absent_needs_no_folders() -> None:
    absent = FileSpec(state="absent")
    assert [("/etc/a/motd", absent)] == list(KIND.expand("/etc/a/motd", absent, FakeTree()))
    assert KIND.absent(absent)
    assert not KIND.absent(FOLDER)


def test_a_file_of_the_repository_brings_its_content_and_its_executable_bit() -> None:
    tree = FakeTree({"base/x": b"one", "base/run": b"two"}, executable=frozenset({"base/run"}))
    spec = FileSpec(source=TreePath("base/x"), owner="root")
    run = FileSpec(source=TreePath("base/run"))
    own = FileSpec(source=TreePath("base/run"), mode=Mode(0o700))
    assert FileSpec(data=Text.of(b"one"), owner="root") == dict(KIND.expand("/x", spec, tree))["/x"]
    assert FileSpec(data=Text.of(b"two"), mode=Mode(0o755)) == dict(KIND.expand("/x", run, tree))["/x"]
    assert FileSpec(data=Text.of(b"two"), mode=Mode(0o700)) == dict(KIND.expand("/x", own, tree))["/x"]


def test_a_template_is_filled_in() -> None:
    spec = FileSpec(source=TreePath("x.j2"), template=True)
    assert text(b"FILLED") == dict(KIND.expand("/x", spec, FakeTree({"x.j2": b"filled"})))["/x"]


def test_a_link_of_the_repository_is_a_link_on_the_host() -> None:
    tree = FakeTree(links={"base/l": "../../secret"})
    spec = FileSpec(source=TreePath("base/l"), owner="root")
    assert FileSpec(link="../../secret", owner="root") == dict(KIND.expand("/l", spec, tree))["/l"]


def test_a_folder_of_the_repository_is_a_resource_for_each_part() -> None:
    tree = FakeTree(
        {"base/www/a": b"1", "base/www/d/e/f g": b"2", "base/www/run": b"3", "base/other": b"4"},
        links={"base/www/d/l": "a"},
        executable=frozenset({"base/www/run"}),
    )
    spec = FileSpec(
        source=TreePath("base/www"), group="www", mode=None, directory_mode=Mode(0o750), purge=True
    )
    folder = FileSpec(directory=True, mode=Mode(0o750), group="www", purge=True)
    expected = {
        "/srv": IMPLIED,
        "/srv/www": folder,
        "/srv/www/a": FileSpec(data=Text.of(b"1"), group="www"),
        "/srv/www/d": folder,
        "/srv/www/d/e": folder,
        "/srv/www/d/e/f g": FileSpec(data=Text.of(b"2"), group="www"),
        "/srv/www/d/l": FileSpec(link="a", group="www"),
        "/srv/www/run": FileSpec(data=Text.of(b"3"), group="www", mode=Mode(0o755)),
    }
    expanded = list(KIND.expand("/srv/www", spec, tree))
    assert expected == dict(expanded)
    assert len(expected) == len(expanded)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"source": "none"}, "source: there is no none in the repository"),
        ({"source": "x", "purge": True}, "purge goes with a source that is a folder, and x is none"),
        (
            {"source": "x", "directory_mode": Mode(0o755)},
            "directory_mode goes with a source that is a folder, and x is none",
        ),
        (
            {"source": "l", "mode": Mode(0o755)},
            "source l is a symbolic link in the repository: it has no mode",
        ),
        (
            {"source": "odd"},
            "source odd/a\\nb: a path has no control characters, got '/x/a\\nb'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_source_that_cannot_be_used_is_refused(given: dict[str, Any], reason: str) -> None:
    tree = FakeTree({"x": b"", "odd/a\nb": b""}, links={"l": "x"})
    with pytest.raises(ValueError) as caught:
        list(KIND.expand("/x", FileSpec(**{**given, "source": TreePath(given["source"])}), tree))
    assert reason == str(caught.value)


def test_a_file_comes_after_its_folder_and_a_link_does_not_wait_for_its_target() -> None:
    declared = {ResourceId("file", "/etc"), ResourceId("file", "/etc/target")}
    assert [ResourceId("file", "/etc")] == list(KIND.edges("/etc/link", FileSpec(link="target"), declared))
    assert [] == list(KIND.edges("/etc", FOLDER, declared))


def test_a_file_and_a_link_are_kept_before_they_are_touched_and_a_folder_is_not() -> None:
    states = {"/f": Node.file(b"x"), "/l": Node.link("x"), "/d": Node.folder(), "/o": Node.other()}
    seen = KIND.observe(FakeHost(states).probe(), dict.fromkeys(states))
    kept = {name: list(KIND.first(name, have)) for name, have in seen.items() if isinstance(have, Entry)}
    assert {
        "/f": [KeepFirst(path=P("/f"), why="")],
        "/l": [KeepFirst(path=P("/l"), why="")],
        "/d": [],
        "/o": [],
    } == kept


def test_a_folder_that_holds_what_is_not_ours_says_why_it_stays() -> None:
    host = FakeHost({"/srv/ours": Node.file(), "/srv/theirs": Node.file(), "/srv/d/deep": Node.file()})
    have = KIND.observe(host.probe(), {"/srv": None, "/srv/ours": None})["/srv"]
    assert isinstance(have, Entry)
    assert "it holds 2 things that are not trued's: /srv/d, /srv/theirs" == KIND.leaves("/srv", have)
    assert () == tuple(KIND.steps("/srv", None, have, stale=Stale.NO))


def test_a_folder_whose_things_all_go_goes_as_well() -> None:
    host = FakeHost(
        {"/srv/a": Node.file(), "/srv/d/b": Node.file(), "/srv/.trued-0123456789abcdef": Node.file()}
    )
    have = KIND.observe(host.probe(), dict.fromkeys(("/srv", "/srv/a", "/srv/d", "/srv/d/b")))["/srv"]
    assert isinstance(have, Entry)
    assert "" == KIND.leaves("/srv", have)
    assert (Remove(path=P("/srv"), why="no longer declared"),) == tuple(
        KIND.steps("/srv", None, have, stale=Stale.NO)
    )


def test_a_mount_in_a_folder_that_goes_is_never_ours() -> None:
    host = FakeHost({"/srv/data/x": Node.file()})
    host.mounted = frozenset({P("/srv/data")})
    have = KIND.observe(host.probe(), dict.fromkeys(("/srv", "/srv/data", "/srv/data/x")))["/srv"]
    assert isinstance(have, Entry)
    assert "it holds one thing that is not trued's: /srv/data" == KIND.leaves("/srv", have)


def test_what_is_not_declared_in_a_purged_folder_is_found_and_removed() -> None:
    odd = "/srv/www/\udcff\n"
    host = FakeHost(
        {
            "/srv/www/declared": Node.file(),
            "/srv/www/theirs/deep/x": Node.file(),
            "/srv/www/own/kept": Node.file(),
            "/srv/www/link": Node.link("/etc"),
            "/srv/www/above/declared": Node.file(),
            "/srv/www/above/stray": Node.file(),
            "/srv/www/mnt/x": Node.file(),
            "/srv/www/.trued-0123456789abcdef": Node.file(),
            odd: Node.file(),
        }
    )
    host.mounted = frozenset({P("/srv/www/mnt")})
    wants = {
        "/srv/www": FileSpec(directory=True, purge=True),
        "/srv/www/declared": text(b""),
        "/srv/www/own": FOLDER,
        "/srv/www/above": IMPLIED,
        "/srv/www/above/declared": text(b""),
    }
    seen = KIND.observe(host.probe(), wants)
    strays = sorted(seen.keys() - wants.keys())
    expected = ["/above/stray", "/link", "/theirs", "/theirs/deep", "/theirs/deep/x", "/\\xff\\n"]
    assert sorted(f"/srv/www{name}" for name in expected) == strays
    for name in reversed(strays):
        have = seen[name]
        assert isinstance(have, Entry)
        for step in KIND.steps(name, None, have, stale=Stale.NO):
            assert "not declared, in a folder that is purged" == step.why
            host.perform(step)
    assert wants.keys() == KIND.observe(host.probe(), wants).keys()
    assert P("/srv/www/own/kept") in host.nodes
    assert P("/srv/www/mnt/x") in host.nodes


def test_of_more_strays_than_can_be_handled_one_thing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is as declared, so that what is in it goes on; not all of them are even looked at."""
    monkeypatch.setattr(import_module("agent.kinds.file.observe"), "MOST", 20)
    monkeypatch.setattr(import_module("agent.kinds.file.observe"), "SLICE", 10)
    host = FakeHost({f"/srv/www/{at}": Node.file() for at in range(20)})
    wants = {"/srv/www": FileSpec(directory=True, purge=True), "/srv/www/0": text()}
    assert 19 == len(KIND.observe(host.probe(), wants).keys() - wants.keys())

    host.nodes |= {PurePosixPath(f"/srv/www/more-{at}"): Node.file() for at in range(200)}
    asked, probe = [], host.probe()
    entries = type(probe).entries

    def counted(self: FakeProbe, paths: Collection[str], **more: Collection[str]):
        asked.extend(paths)
        return entries(self, paths, **more)

    monkeypatch.setattr(FakeProbe, "entries", counted)
    seen = KIND.observe(probe, wants)

    assert seen.keys() - wants.keys() == {"/srv/www/"}
    assert isinstance(seen["/srv/www"], Entry)
    assert "/srv/www: has more than 20 things in it that are not declared: none of them is removed" == str(
        seen["/srv/www/"]
    )
    assert len(asked) < 50


def test_a_purged_folder_that_cannot_be_listed_is_in_trouble_itself() -> None:
    host = FakeHost({"/srv/www/d/x": Node.file()})
    host.unreadable = {P("/srv/www/d"): "cannot be listed"}
    seen = KIND.observe(host.probe(), {"/srv/www": FileSpec(directory=True, purge=True)})
    assert {"/srv/www"} == seen.keys()
    assert isinstance(seen["/srv/www"], HostError)


def test_what_would_be_behind_a_link_that_becomes_a_folder_is_missing() -> None:
    host = FakeHost({"/srv/www": Node.link("/data"), "/data/x": Node.file()})
    wants = {"/srv/www": FOLDER, "/srv/www/x": text()}
    assert KIND.observe(host.probe(), wants)["/srv/www/x"] is None


def test_content_is_read_only_where_content_is_declared() -> None:
    host = FakeHost({"/a": Node.file(), "/b": Node.file(), "/c": Node.link("x")})
    seen = KIND.observe(host.probe(), {"/a": text(), "/b": None, "/c": FileSpec(link="x")})
    digests = {name: have.digest for name, have in seen.items() if isinstance(have, Entry)}
    assert {"/a": Text.of(b"").digest, "/b": "", "/c": ""} == digests


def test_10000_settled_files_are_cheap_to_plan() -> None:
    """About 10 ms for reading the answers and 5 ms for deciding, on an idle machine."""
    host = FakeHost({f"/srv/d{n % 100}/f{n}": Node.file(b"x", mode=0o644) for n in range(10_000)})
    wants = {f"/srv/d{n % 100}/f{n}": FileSpec(data=Text.of(b"x"), mode=Mode(0o644)) for n in range(10_000)}
    seen = KIND.observe(host.probe(), wants)
    start = time.process_time()
    steps = [
        step for name, want in wants.items() for step in KIND.steps(name, want, seen[name], stale=Stale.NO)
    ]
    assert [] == steps
    assert time.process_time() - start < 0.1


def test_an_other_thing_is_told_apart() -> None:
    have = KIND.observe(FakeHost({"/run/x": Node.other()}).probe(), {"/run/x": None})["/run/x"]
    assert isinstance(have, Entry)
    assert FileType.OTHER == have.type
    expected = "it is a socket, a FIFO or a device now, and trued made none"
    assert expected == KIND.leaves("/run/x", have)


def test_nobody_is_told_to_replace_a_link_that_is_only_in_the_way() -> None:
    """A folder in the place of /lib would leave a merged-/usr machine that cannot start anything."""
    have = KIND.observe(FakeHost({"/lib": Node.link("usr/lib")}).probe(), {"/lib": IMPLIED})["/lib"]
    assert isinstance(have, Entry)
    with pytest.raises(HostError) as caught:
        KIND.steps("/lib", IMPLIED, have, stale=Stale.NO)
    assert "/lib is a link to usr/lib, and a folder is needed there" == str(caught.value)
    assert "links are not followed: declare the path below usr/lib instead" == caught.value.hint


@pytest.mark.parametrize(
    "spec",
    [
        FileSpec(state="absent"),
        FileSpec(directory=True, mode=Mode(0), owner="ö", purge=True),
        FileSpec(link='/a\udcff"b'),
        FileSpec(data=Text.of(b"x"), mode=Mode(0o644), validate=("visudo", "{}")),
        FileSpec(content="x", group="1"),
        FileSpec(source=TreePath("base/x"), template=True),
    ],
)
def test_a_fingerprint_is_what_ledgers_have_of_it(spec: FileSpec) -> None:
    """JSON of its fields in an order that stays: by its digest a declaration is known after an update of trued, too."""
    fields = (
        spec.state, spec.data.digest if spec.data else "", spec.content, str(spec.source) if spec.source else None,
        spec.template, spec.link, spec.directory, spec.mode, spec.directory_mode, spec.owner, spec.group, spec.purge,
        spec.validate, spec.implied,
    )  # fmt: skip

    assert json.dumps(fields) == KIND.fingerprint(spec)
