"""A host follows a branch, a tag or a commit, by every road, and reads only what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import RefusedError, SourceError
from agent.git.address import Access, Ref
from agent.git.source import Source
from agent.git.tree import GitTree
from agent.model import Tree, TreePath
from tests.git.places import MAIN, PATIENT, ROADS, access, fleet, read, source
from tests.servers.git import Bare, GitServer
from tests.servers.repo import git

FILES = {
    "fleet.yaml": "hosts: [a]\n",
    "base/base.yaml": "files: {}\n",
    "hosts/a/host.yaml": "x\n",
    "hosts/b/host.yaml": "y\n",
}
EVERY_ROAD = pytest.mark.parametrize("road", ROADS)
EVERY_MODE = pytest.mark.parametrize("filtered", [True, False], ids=["filter", "shallow"])

pytestmark = pytest.mark.servers


@EVERY_ROAD
def test_the_newest_commit_is_followed(git_server: GitServer, bare: Bare, road: str, tmp_path: Path) -> None:
    """Whatever the road, the first contact gives the tip of the branch and the files of this host."""
    work = fleet(tmp_path / "work", FILES)
    sha = work.push(bare.file)

    commit = source(access(git_server, bare, road), tmp_path / "state").newest(None)

    assert (sha, "") == (commit.sha, commit.signer)
    assert FILES == read(commit.tree)


@pytest.mark.parametrize("road", ["https", "ssh"])
def test_a_server_that_cannot_filter_serves_as_well(
    git_server: GitServer, road: str, tmp_path: Path
) -> None:
    """Through the shallow store the same commit and files come, and the next commit too."""
    bare = git_server.create(allow_filter=False)
    work = fleet(tmp_path / "work", FILES)
    work.push(bare.file)
    from_there = source(access(git_server, bare, road), tmp_path / "state")
    first = from_there.newest(None)
    read(first.tree)
    from_there.keep([first.sha])

    work.write({"base/new": "new\n"}).commit()
    sha = work.push(bare.file)
    second = from_there.newest(first.sha)

    assert sha == second.sha
    assert {**FILES, "base/new": "new\n"} == read(second.tree)


@EVERY_ROAD
def test_the_next_poll_sees_the_next_commit_though_nothing_was_kept(
    git_server: GitServer, bare: Bare, road: str, tmp_path: Path
) -> None:
    """A commit that turned out to be invalid is not kept; its cure must be seen all the same."""
    work = fleet(tmp_path / "work", FILES)
    work.push(bare.file)
    from_there = source(access(git_server, bare, road), tmp_path / "state")
    read(from_there.newest(None).tree)

    work.write({"base/new": "new\n"}).commit()
    sha = work.push(bare.file)

    assert sha == from_there.newest(None).sha


@EVERY_ROAD
@EVERY_MODE
def test_what_is_kept_is_read_without_the_network(
    git_server: GitServer, road: str, filtered: bool, tmp_path: Path
) -> None:
    """A new process with the remote gone reads the held commit."""
    bare = git_server.create(allow_filter=filtered)
    sha = fleet(tmp_path / "work", FILES).push(bare.file)
    there = access(git_server, bare, road)
    first = source(there, tmp_path / "state")
    read(first.newest(None).tree)
    first.keep([sha])

    bare.path.rename(tmp_path / "gone")
    again = source(there, tmp_path / "state")

    assert FILES == read(again.at(sha).tree)
    with pytest.raises(SourceError):
        again.newest(sha)


@EVERY_ROAD
@EVERY_MODE
def test_a_rewritten_branch_is_refused(
    git_server: GitServer, road: str, filtered: bool, tmp_path: Path
) -> None:
    """
    held:   A - B
    branch: A - C
    """
    bare = git_server.create(allow_filter=filtered)
    work = fleet(tmp_path / "work", FILES)
    work.push(bare.file)
    work.write({"b": "b"}).commit()
    held = work.push(bare.file)
    there = source(access(git_server, bare, road), tmp_path / "state")
    read(there.newest(None).tree)
    there.keep([held])
    work.git("reset", "-q", "--hard", "HEAD~1")
    work.write({"c": "c"}).commit()
    rewritten = work.push(bare.file, force=True)

    for _ in range(2):
        with pytest.raises(RefusedError, match="does not descend from") as caught:
            there.newest(held)
        assert "if that was meant: trued apply --allow-rewrite" == caught.value.hint

    assert rewritten == there.newest(held, allow_rewrite=True).sha
    assert "b" not in read(there.newest(held, allow_rewrite=True).tree)


@EVERY_ROAD
@EVERY_MODE
def test_a_commit_some_steps_ahead_is_followed(
    git_server: GitServer, road: str, filtered: bool, tmp_path: Path
) -> None:
    """
    held: A
    tip:  A - B - C - M   (M merges D, which stands on A)
            \\     D  /
    """
    bare = git_server.create(allow_filter=filtered)
    work = fleet(tmp_path / "work", FILES)
    held = work.push(bare.file)
    there = source(access(git_server, bare, road), tmp_path / "state")
    there.newest(None)
    there.keep([held])
    work.git("checkout", "-q", "-b", "side")
    work.write({"d": "d"}).commit()
    work.git("checkout", "-q", "main")
    for name in ("b", "c"):
        work.write({name: name}).commit()
    work.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    tip = work.push(bare.file)

    assert tip == there.newest(held).sha
    assert {**FILES, "b": "b", "c": "c", "d": "d"} == read(there.newest(held).tree)


@EVERY_ROAD
def test_tags_and_commits_are_followed(git_server: GitServer, bare: Bare, road: str, tmp_path: Path) -> None:
    """An annotated tag leads to its commit; a pinned commit need not be the tip of anything."""
    work = fleet(tmp_path / "work", FILES)
    first = work.head()
    work.git("tag", "-a", "-m", "release", "v1")
    work.git("tag", "-a", "-m", "again", "v1-again", "v1")
    work.write({"later": ""}).commit()
    work.push(bare.file)
    work.git("push", "-q", bare.file, "v1", "v1-again")
    there = access(git_server, bare, road)

    for number, ref in enumerate((Ref(tag="v1"), Ref(tag="v1-again"), Ref(commit=first))):
        state = tmp_path / str(number)
        commit = source(there, state, ref).newest(None)
        assert first == commit.sha
        assert FILES == read(commit.tree)
        kept = source(there, state, ref)
        kept.newest(None)
        kept.keep([first])
        assert first == source(there, state, ref).newest(first).sha


@EVERY_ROAD
def test_a_missing_branch_names_what_is_there(
    git_server: GitServer, bare: Bare, road: str, tmp_path: Path
) -> None:
    """A misspelt branch is found from the message alone."""
    work = fleet(tmp_path / "work", FILES)
    work.push(bare.file)
    work.push(bare.file, "refs/heads/mainline")
    there = access(git_server, bare, road)

    with pytest.raises(SourceError) as caught:
        source(there, tmp_path / "state", Ref(branch="mian")).newest(None)

    assert f"{there.url}: there is no branch 'mian'; it has: main, mainline" == str(caught.value)
    assert 6 == caught.value.exit_code


@EVERY_ROAD
def test_an_empty_repository_says_so(git_server: GitServer, bare: Bare, road: str, tmp_path: Path) -> None:
    there = access(git_server, bare, road)

    with pytest.raises(SourceError) as caught:
        source(there, tmp_path / "state").newest(None)

    assert f"{there.url}: the repository is empty" == str(caught.value)
    assert "push a first commit to it" == caught.value.hint


def test_an_idle_poll_is_one_request(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    """Nothing new costs one POST on a kept connection, and gives the same value."""
    fleet(tmp_path / "work", FILES).push(bare.file)
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    first = there.newest(None)
    read(first.tree)
    there.keep([first.sha])

    with git_server.requests() as seen:
        polls = [there.newest(first.sha) for _ in range(3)]

    assert all(poll is first for poll in polls)
    assert ["POST"] * 3 == [request.method for request in seen]
    assert 1 == len({request.connection for request in seen})


@EVERY_ROAD
@EVERY_MODE
def test_each_exchange_is_a_sign_of_life(
    git_server: GitServer, road: str, filtered: bool, tmp_path: Path
) -> None:
    """Also those of a tree that is read later: on a slow line, each may take as long as one may."""
    fleet(tmp_path / "work", FILES).push((bare := git_server.create(allow_filter=filtered)).file)
    there, beats = source(access(git_server, bare, road), tmp_path / "state"), list[int]()
    there.lend(lambda: beats.append(1))

    with git_server.requests() as seen:
        commit = there.newest(None)
        first = len(beats)
        read(commit.tree)

    assert first
    assert len(beats) > first
    if road == "https" and filtered:
        assert len(seen) == len(beats)


def test_only_what_has_changed_is_fetched(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    """Poll, commit, root, the one changed folder, its blob: nothing of the folders that stayed as they were."""
    files = {f"hosts/h{number:03}/host.yaml": f"{number}\n" for number in range(50)}
    work = fleet(tmp_path / "work", {**FILES, **files})
    work.push(bare.file)
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    first = there.newest(None)
    needed = frozenset({TreePath("fleet.yaml"), TreePath("base"), TreePath("hosts/h007")})
    first.tree.prefetch(needed)
    there.keep([first.sha])
    work.write({"base/base.yaml": "files: {/a: {content: b}}\n", "hosts/h001/host.yaml": "other\n"}).commit()
    work.push(bare.file)

    with git_server.requests() as seen:
        second = there.newest(first.sha)
        second.tree.prefetch(needed)

    assert 5 == len(seen)  # poll, commit, root, base and hosts, the blob
    assert sum(request.down for request in seen) < 12_000


def test_the_first_contact_of_a_host_takes_few_requests(
    git_server: GitServer, bare: Bare, tmp_path: Path
) -> None:
    """Each level of folders is one request, and all files together one more."""
    fleet(tmp_path / "work", FILES).push(bare.file)
    there = source(access(git_server, bare, "https"), tmp_path / "state")

    with git_server.requests() as seen:
        there.newest(None).tree.prefetch(frozenset({TreePath("base"), TreePath("hosts/a")}))

    # poll, capabilities, commit, root, base and hosts, hosts/a, files
    assert ["POST", "GET", "POST", "POST", "POST", "POST", "POST"] == [request.method for request in seen]


def test_keep_forgets_all_others(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    """Only the files of the commits that were named stay."""
    work = fleet(tmp_path / "work", FILES)
    first = work.push(bare.file)
    there = source(access(git_server, bare, "file"), tmp_path / "state")
    there.newest(None)
    there.keep([first])
    work.write({"x": "x"}).commit()
    second = work.push(bare.file)
    there.newest(first)
    there.keep([first, second])
    assert {f"{first}.snap", f"{second}.snap"} == {path.name for path in (tmp_path / "state/git").iterdir()}

    there.keep([second])

    assert {f"{second}.snap"} == {path.name for path in (tmp_path / "state/git").iterdir()}
    assert 0o600 == (tmp_path / "state/git" / f"{second}.snap").stat().st_mode & 0o777


def test_a_source_is_made_without_touching_anything(tmp_path: Path) -> None:
    """Nothing is asked, made or imported before a commit is wanted."""
    Source(Access(url=str(tmp_path / "nothing")), MAIN, tmp_path / "state", limits=PATIENT)

    assert not (tmp_path / "state").exists()


def loaded(tree: Tree) -> dict[str, str]:
    """Read as one host does: which documents there are, these, and what they refer to."""
    assert isinstance(tree, GitTree)
    tree.prefetch(frozenset(tree.documents(TreePath("base")) or ()))
    tree.documents(TreePath("hosts/a"))
    return read(tree, "hosts/a")


@EVERY_MODE
def test_a_commit_that_is_about_others_takes_over_what_was_made_of_the_one_before(
    git_server: GitServer, tmp_path: Path, filtered: bool
) -> None:
    """It costs the folders on the way. Contents are read from the new commit then, and kept with it."""
    bare = git_server.create(allow_filter=filtered)
    work = fleet(tmp_path / "work", FILES)
    first = work.push(bare.file)
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    old = there.newest(None)
    loaded(old.tree)
    content = next(iter(old.tree.walk(TreePath("hosts/a")) or ())).content  # type: ignore[union-attr]
    there.keep([first])
    work.write({"hosts/b/host.yaml": "other\n", "base/files/unused": "x"}).commit()
    second = work.push(bare.file)
    new = there.newest(first)
    with git_server.requests() as seen:
        assert new.tree.takes_over(old.tree)  # type: ignore[attr-defined]
    there.keep([second])
    with git_server.requests() as later:
        assert b"x\n" == b"".join(content.chunks())
    there.close()

    if filtered:
        assert len(seen) <= 2  # the root; base and hosts
    assert [] == list(later)
    again = source(Access(url="https://127.0.0.1:1/away.git"), tmp_path / "state").at(second)
    assert {"hosts/a/host.yaml": "x\n"} == loaded(again.tree)


@pytest.mark.parametrize(
    "change",
    [
        {"base/base.yaml": "files: {/a: {content: b}}\n"},
        {"base/more.yaml": "files: {}\n"},
        {"hosts/a/files/x": "x"},
        {"hosts/a/host.yaml": None},
    ],
    ids=["document", "another", "file", "gone"],
)
def test_a_commit_that_is_about_this_host_does_not(
    git_server: GitServer, bare: Bare, tmp_path: Path, change: dict[str, str | None]
) -> None:
    work = fleet(tmp_path / "work", FILES)
    first = work.push(bare.file)
    there = source(access(git_server, bare, "file"), tmp_path / "state")
    old = there.newest(None)
    loaded(old.tree)
    there.keep([first])
    work.write(change).commit()  # type: ignore[arg-type]
    work.push(bare.file)

    assert not there.newest(first).tree.takes_over(old.tree)  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", ["bare", "work tree", "linked work tree"])
def test_a_shallow_repository_on_this_machine_ends_where_it_says(tmp_path: Path, shape: str) -> None:
    """A clone with a depth knows what descends from what within it; of a commit from before, that this one does not."""
    work = fleet(tmp_path / "work", FILES)
    before = work.head()
    shas = [work.write({"n": f"{n}"}).commit() for n in range(4)]
    place = tmp_path / "shallow"
    bare_or_not = ("--bare",) if shape == "bare" else ()
    work.git("clone", "-q", "--depth=3", *bare_or_not, f"file://{work.path}", place)
    if shape == "linked work tree":
        git("worktree", "add", "-q", "-b", "side", tmp_path / "linked", cwd=place)
        place = tmp_path / "linked"

    def there(held: str | None) -> str:
        return source(Access(url=str(place)), tmp_path / "state").newest(held).sha

    assert {shas[3]} == {there(None), *map(there, shas)}  # the last one there names the one before it
    with pytest.raises(RefusedError, match="does not descend"):
        there(before)
