"""What a tree of the repository may hold, and what is refused with the place named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.errors import DocumentError, SourceError
from agent.git.address import Access
from agent.git.objects import parse_tree
from agent.git.source import Source
from agent.model import TreeFile, TreeLink, TreePath
from tests.git.places import MAIN, fleet, read
from tests.servers.repo import Fleet, Link, Script, environment, git

EVERYTHING = frozenset({TreePath(".")})


def raw_tree(repository: Path, *lines: tuple[str, bytes, str]) -> str:
    """Write a tree as it is, whatever Git thinks of it; return its id."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in lines)
    return git(
        "hash-object", "-t", "tree", "-w", "--stdin", "--literally", cwd=repository, stdin=data
    ).strip()


def blob(repository: Path, data: bytes = b"x") -> str:
    return git("hash-object", "-w", "--stdin", cwd=repository, stdin=data).strip()


def committed(repository: Path, tree: str) -> Source:
    sha = git("commit-tree", "-m", "made by hand", tree, cwd=repository).strip()
    git("update-ref", "refs/heads/main", sha, cwd=repository)
    return Source(Access(url=str(repository)), MAIN, repository / "state")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return Fleet(tmp_path / "repository").path


@pytest.mark.parametrize(
    ("mode", "name", "words"),
    [
        ("100644", b"..", "is not one of a file"),
        ("40000", b".", "is not one of a file"),
        ("100644", b"a/b", "is not one of a file"),
        ("100644", b"/etc/passwd", "is not one of a file"),
        ("100644", b"", "is not one of a file"),
        ("100644", b"n" * 256, "is not one of a file"),
        ("40000", b".git", "stands for Git's own folder"),
        ("40000", b".GIT", "stands for Git's own folder"),
        ("40000", b"git~1", "stands for Git's own folder"),
        ("40000", b".git. ", "stands for Git's own folder"),
        ("40000", ".g\u200cit".encode(), "stands for Git's own folder"),
        ("40000", b"a\\.git", "stands for Git's own folder"),
        ("40000", b".git:x", "stands for Git's own folder"),
        ("100644", b"new\nline", "holds a control character"),
        ("100644", b"escape\x1b[2J", "holds a control character"),
        ("100644", b"\xff\xfe", "is not UTF-8"),
        ("104755", b"setuid", "mode '104755' is not one that Git writes"),
        ("777777", b"odd", "mode '777777' is not one that Git writes"),
        ("0", b"odd", "mode '0' is not one that Git writes"),
        ("020644", b"device", "mode '020644' is not one that Git writes"),
    ],
)
def test_names_and_modes_that_no_host_can_use(repository: Path, mode: str, name: bytes, words: str) -> None:
    """The whole commit is refused, with the folder, what is wrong, and nothing else."""
    folder = raw_tree(repository, (mode, name, blob(repository)))
    there = committed(repository, raw_tree(repository, ("40000", b"base", folder)))

    with pytest.raises(DocumentError) as caught:
        there.newest(None).tree.prefetch(EVERYTHING)

    assert str(caught.value).startswith("base: the folder is not one that Git makes: ")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_name_twice_is_refused(repository: Path) -> None:
    """Readers differ in which of the two counts."""
    line = ("100644", b"a", blob(repository))

    with pytest.raises(DocumentError, match="stands there twice"):
        committed(repository, raw_tree(repository, line, line)).newest(None).tree.prefetch(EVERYTHING)


def test_a_tree_out_of_order_is_refused(repository: Path) -> None:
    lines = [("100644", name, blob(repository)) for name in (b"b", b"a")]

    with pytest.raises(DocumentError, match="out of order"):
        committed(repository, raw_tree(repository, *lines)).newest(None).tree.prefetch(EVERYTHING)


def test_a_cut_off_tree_is_an_error() -> None:
    for data in (b"100644 a\0" + bytes(19), b"100644", b"100644 a", b"100644a\0" + bytes(20)):
        with pytest.raises(ValueError, match=r"cut off|mode"):
            parse_tree(data)


def test_odd_names_are_names(tmp_path: Path) -> None:
    """What any file system takes is taken."""
    names = [
        "-rf",
        "a b",
        "'",
        '"',
        "$HOME",
        "*",
        "ünïcödé",
        "日本",
        "...",
        "con",
        "a\\b",
        ".gitattributes",
        "git",
        "a:b",
        "…",
        "~",
    ]
    work = fleet(tmp_path / "work", {f"folder/{name}": name for name in names})
    there = Source(Access(url=str(work.path)), MAIN, tmp_path / "state")

    assert {f"folder/{name}": name for name in sorted(names)} == read(there.newest(None).tree)


def test_links_and_scripts_are_told_apart(tmp_path: Path) -> None:
    """A link is data and is never followed, wherever it points."""
    work = Fleet(tmp_path / "work")
    work.write(
        {
            "run": Script("#!/bin/sh\n"),
            "link": Link("../../etc/passwd"),
            "a.yaml": "",
            "b.yaml": Link("a.yaml"),
        }
    )
    work.commit()
    tree = Source(Access(url=str(work.path)), MAIN, tmp_path / "state").newest(None).tree

    assert TreeLink(path=TreePath("link"), target="../../etc/passwd") == tree.entry(TreePath("link"))
    script = tree.entry(TreePath("run"))
    assert isinstance(script, TreeFile)
    assert script.executable
    assert (TreePath("a.yaml"), TreePath("b.yaml")) == tree.documents(TreePath("."))
    assert tree.entry(TreePath("link/x")) is None


def test_what_is_missing_is_none(tmp_path: Path) -> None:
    """Nothing there, and a folder, are no entries; a file is no folder."""
    work = fleet(tmp_path / "work", {"folder/file.yaml": "x"})
    tree = Source(Access(url=str(work.path)), MAIN, tmp_path / "state").newest(None).tree
    tree.prefetch(
        frozenset({TreePath("folder"), TreePath("nothing/here"), TreePath("folder/file.yaml/below")})
    )

    assert tree.entry(TreePath("folder")) is None
    assert tree.entry(TreePath("nothing/here")) is None
    assert tree.entry(TreePath("../escape")) is None
    assert tree.entry(TreePath(".")) is None
    assert tree.documents(TreePath("nothing")) is None
    assert tree.documents(TreePath("folder/file.yaml")) is None
    assert tree.walk(TreePath("nothing")) is None
    assert (TreePath("folder/file.yaml"),) == tree.documents(TreePath("folder"))


def test_a_walk_is_sorted_by_path(tmp_path: Path) -> None:
    work = fleet(tmp_path / "work", dict.fromkeys(["a.b", "a/z", "a/b/c", "a-b", "b", "A"], ""))
    tree = Source(Access(url=str(work.path)), MAIN, tmp_path / "state").newest(None).tree
    walked = [item.path for item in tree.walk(TreePath(".")) or ()]

    assert sorted(walked) == walked
    assert 6 == len(walked)


def test_a_submodule_counts_only_where_it_is_needed(repository: Path) -> None:
    """One elsewhere in the repository disturbs no host."""
    inner = raw_tree(repository, ("160000", b"module", "1" * 40))
    folder = raw_tree(repository, ("100644", b"file", blob(repository)))
    tree = committed(
        repository, raw_tree(repository, ("40000", b"mine", folder), ("40000", b"other", inner))
    )
    commit = tree.newest(None)

    commit.tree.prefetch(frozenset({TreePath("mine")}))
    for ask in (commit.tree.prefetch, lambda paths: [commit.tree.entry(path / "module") for path in paths]):
        with pytest.raises(DocumentError, match=r"^other/module: is a submodule"):
            ask(frozenset({TreePath("other")}))


def test_a_tree_that_has_no_end_is_refused(repository: Path) -> None:
    """3,000 folders in one another."""
    sha = raw_tree(repository, ("100644", b"f", blob(repository)))
    made = []
    for _ in range(40):
        sha = raw_tree(repository, ("40000", b"d", sha))
        made.append(sha)

    with pytest.raises(DocumentError, match="lies deeper than 32 folders"):
        committed(repository, sha).newest(None).tree.prefetch(EVERYTHING)


def test_a_tree_bomb_is_refused(repository: Path) -> None:
    """Ten objects that stand for ten billion paths."""
    sha = raw_tree(repository, ("100644", b"f", blob(repository)))
    for _ in range(10):
        sha = raw_tree(repository, *[("40000", b"%d" % n, sha) for n in range(10)])
    tree = committed(repository, sha).newest(None).tree
    tree.prefetch(EVERYTHING)

    with pytest.raises(DocumentError, match="holds more than 200000 files"):
        sum(1 for _ in tree.walk(TreePath(".")) or ())


def test_an_object_that_is_not_there_is_named(repository: Path) -> None:
    """A repository that lacks what a tree names is a trouble of the source, not of the document."""
    tree = raw_tree(repository, ("100644", b"file", "1" * 40))

    with pytest.raises(SourceError, match=f"the object {'1' * 40} is not there"):
        committed(repository, tree).newest(None).tree.prefetch(EVERYTHING)


def test_a_tree_where_a_file_is_named_is_refused(repository: Path) -> None:
    """The mode says folder and the object is a file: an error, not a crash."""
    tree = raw_tree(repository, ("40000", b"file", blob(repository)))

    with pytest.raises(SourceError, match="is a blob, not a tree"):
        committed(repository, tree).newest(None).tree.prefetch(EVERYTHING)


def test_a_link_to_nowhere_sensible_is_refused(repository: Path) -> None:
    for target in (b"", b"a\0b", b"x" * 5000, b"\xff"):
        tree = raw_tree(repository, ("120000", b"link", blob(repository, target)))
        with pytest.raises(DocumentError, match=r"^link: the link's target is not"):
            committed(repository, tree).newest(None).tree.entry(TreePath("link"))


def test_packed_and_loose_are_the_same(tmp_path: Path) -> None:
    """A repository on this machine is read as Git left it: loose, packed, with packed refs, with alternates."""
    files = {f"f{n}": f"{n}\n" * 100 for n in range(30)}
    work = fleet(tmp_path / "work", files)
    url = str(work.path)
    loose = read(Source(Access(url=url), MAIN, tmp_path / "1").newest(None).tree)
    work.git("gc", "-q")
    packed = read(Source(Access(url=url), MAIN, tmp_path / "2").newest(None).tree)
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--shared", url, tmp_path / "shared"], check=True, env=environment()
    )
    shared = read(Source(Access(url=str(tmp_path / "shared")), MAIN, tmp_path / "3").newest(None).tree)

    assert files == loose == packed == shared
