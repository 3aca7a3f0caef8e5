"""What a host keeps below its state folder heals when it is damaged, stays small, and survives kill -9."""

from __future__ import annotations

import gc
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.limits import MIB
from agent.git.shallow import serve
from agent.model import TreePath, VerifiedCommit
from tests.git.places import PATIENT, access, fleet, read, source
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet, git

FILES = {"fleet.yaml": "hosts: [a]\n", **{f"base/files/{n:02}": f"{n}\n" * 50 for n in range(40)}}
FETCHES = 250
pytestmark = pytest.mark.servers


def flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(b"\0" * 5000),
    "magic": lambda path: flip(path, 0),
    "index": lambda path: flip(path, 0.9),
    "a file": lambda path: flip(path, 0.3),
    "a commit or tree": lambda path: [flip(path, at / 40) for at in range(1, 30)],
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("filtered", [True, False], ids=["filter", "shallow"])
def test_a_damaged_snapshot_heals(
    git_server: GitServer, filtered: bool, damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Moved away, fetched anew, and said so; what is read is right."""
    bare = git_server.create(allow_filter=filtered)
    sha = fleet(tmp_path / "work", FILES).push(bare.file)
    at, state = access(git_server, bare, "https"), tmp_path / "state"
    first = source(at, state)
    read(first.newest(None).tree)
    first.keep([sha])
    DAMAGE[damage](state / "git" / f"{sha}.snap")

    again = source(at, state)
    found = read(again.newest(sha).tree)
    again.keep([sha])

    assert FILES == found
    assert FILES == read(source(at, state).at(sha).tree)
    if damage != "gone":
        assert "fetched anew" in caplog.text
        assert 1 == len(list((state / "git").glob("damaged-*")))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_heals(git_server: GitServer, damage: str, tmp_path: Path) -> None:
    """The next commit is fetched, whatever became of the shallow store in the meantime."""
    bare = git_server.create(allow_filter=False)
    work = fleet(tmp_path / "work", FILES)
    held = work.push(bare.file)
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    read(there.newest(None).tree)
    there.keep([held])
    [layer] = (tmp_path / "state/git/store").glob("*.objects")
    DAMAGE[damage](layer)
    files = {**FILES, **{f"base/files/{n:02}": "new\n" for n in range(20)}}
    work.write(files).commit()
    work.push(bare.file)

    assert files == read(there.newest(held).tree)


def test_a_damaged_file_heals_without_the_cycle_noticing(
    git_server: GitServer, bare: Bare, tmp_path: Path
) -> None:
    """A bit that flips under a running daemon costs a fetch of that one file."""
    sha = fleet(tmp_path / "work", {"a": "content\n" * 1000}).push(bare.file)
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    commit = there.newest(None)
    read(commit.tree)
    there.keep([sha])
    for at in range(1, 20):
        flip(tmp_path / "state/git" / f"{sha}.snap", at / 40)

    assert {"a": "content\n" * 1000} == read(commit.tree)


def test_damage_with_the_remote_gone_is_an_error(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    """Never wrong content: nothing can be read, and it is said."""
    sha = fleet(tmp_path / "work", FILES).push(bare.file)
    at, state = access(git_server, bare, "file"), tmp_path / "state"
    first = source(at, state)
    read(first.newest(None).tree)
    first.keep([sha])
    flip(state / "git" / f"{sha}.snap", 0.9)
    shutil.rmtree(bare.path)

    with pytest.raises(SourceError):
        source(at, state).at(sha)


FETCHER = """
import sys
from pathlib import Path
from agent.git.address import Access, Ref
from agent.git.source import Source
from agent.model import TreePath, VerifiedCommit
url, token, ca, state, held = sys.argv[1:]
source = Source(Access(url=url, token_file=Path(token), ca_file=Path(ca)), Ref(branch="main"), Path(state))
commit = source.newest(held or None)
commit.tree.prefetch(frozenset({TreePath(".")}))
source.keep([commit.sha])
"""


@pytest.mark.parametrize("filtered", [True, False], ids=["filter", "shallow"])
def test_kill_at_any_moment_converges(git_server: GitServer, filtered: bool, tmp_path: Path) -> None:
    """kill -9 somewhere in a fetch, ten times; the fetch after each is whole, and no litter stays."""
    bare = git_server.create(allow_filter=filtered)
    work = fleet(tmp_path / "work", FILES)
    held = work.push(bare.file)
    state, dice, killed = tmp_path / "state", random.Random(3), 0
    argv = [sys.executable, "-c", FETCHER, bare.https, git_server.token_file, git_server.tls.ca, state]
    for turn in range(10):
        work.write({"turn": f"{turn}\n"}).commit()
        tip = work.push(bare.file)
        child = subprocess.Popen([*argv, held if turn else ""], start_new_session=True)
        try:
            child.wait(dice.uniform(0.05, 0.25 if filtered else 0.7))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            killed += 1
        child.wait()
        again = source(access(git_server, bare, "https"), state)
        assert {**FILES, "turn": f"{turn}\n"} == read(again.newest(held if turn else None).tree)
        again.keep([tip])
        held = tip

    assert killed
    assert {f"{held}.snap", *([] if filtered else ["store", "store.lock"])} == {
        path.name for path in (state / "git").iterdir()
    }


LARGE = """
import sys
from pathlib import Path
from agent.git.address import Access, Ref
from agent.git.limits import Limits
from agent.git.source import Source
from agent.model import TreePath, VerifiedCommit
url, token, ca, state = sys.argv[1:]
source = Source(Access(url=url, token_file=Path(token) if url.startswith("https") else None, ca_file=Path(ca)),
                Ref(branch="main"), Path(state))
commit = source.newest(None)
def peak():  # not ru_maxrss, which begins with what the parent had: getrusage(2)
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
before = peak()
commit.tree.prefetch(frozenset({TreePath(".")}))
source.keep([commit.sha])
item = commit.tree.entry(TreePath("large"))
size = largest = 0
for chunk in item.content.chunks():
    size, largest = size + len(chunk), max(largest, len(chunk))
print(size, largest, peak() - before)
"""


@pytest.mark.parametrize("road", ["https", "file"])
def test_a_large_file_is_never_in_memory(
    git_server: GitServer, bare: Bare, road: str, tmp_path: Path
) -> None:
    """100 MB, fetched, kept and read back, in at most 1 MiB at a time."""
    noise = random.Random(1).randbytes(MIB)
    work = Fleet(tmp_path / "work").write({"large": noise * 100})
    work.git("config", "core.compression", "0")
    work.commit()
    work.push(bare.file)
    url = bare.https if road == "https" else bare.file
    argv = [sys.executable, "-c", LARGE, url, git_server.token_file, git_server.tls.ca, tmp_path / "state"]

    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    size, largest, grown = map(int, said.split())
    assert 100 * MIB == size
    assert largest <= MIB
    assert grown < 20 * 1024, f"{grown} KiB more than before"


def history(bare: Bare, count: int) -> list[str]:
    """Make so many commits at once, each with one changed file of twenty; return their ids, oldest first."""
    lines = []
    for n in range(count):
        names = range(20) if n == 0 else [n % 20]
        files = "".join(
            f"M 100644 inline hosts/h{k:02}/f\ndata <<X\n{n} {k} {'x' * 500}\nX\n" for k in names
        )
        lines.append(
            f"commit refs/heads/all\ncommitter A <a@example.com> {1_700_000_000 + n} +0000\ndata 1\nc\n{files}\n"
        )
    git("fast-import", "--quiet", cwd=bare.path, stdin="".join(lines).encode())
    return git("rev-list", "--reverse", "all", cwd=bare.path).split()


def commits(bare: Bare, count: int) -> Iterator[str]:
    """Move the branch main along a long history."""
    made = history(bare, count)
    git("update-ref", "-d", "refs/heads/all", cwd=bare.path)
    for sha in made:
        (bare.path / "refs/heads/main").write_text(f"{sha}\n")
        yield sha


def footprint(folder: Path) -> tuple[int, int, int]:
    """Return open descriptors, KiB of memory, bytes on disk."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return len(os.listdir("/proc/self/fd")), pages * resource.getpagesize() // 1024, disk


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hundreds_of_fetches_leave_nothing_behind(git_server: GitServer, bare: Bare, tmp_path: Path) -> None:
    """Single objects: descriptors, memory and disk after 250 commits are what they were after 100."""
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    held, needed, marks = None, frozenset({TreePath("hosts/h01"), TreePath("hosts/h02")}), []
    for number, sha in enumerate(commits(bare, FETCHES), 1):
        commit = there.newest(held)
        commit.tree.prefetch(needed)
        there.keep([sha])
        held = sha
        if number in {100, FETCHES}:
            marks.append(footprint(tmp_path / "state"))

    assert_level(marks[0], marks[1], disk=4096)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hundreds_of_fetches_into_the_store_stay_bounded(git_server: GitServer, tmp_path: Path) -> None:
    """The shallow store, filled in this very process: it is cut again and again, and nothing stays open."""
    bare = git_server.create(allow_filter=False)
    at, store, marks = access(git_server, bare, "https"), tmp_path / "store", []
    for number, sha in enumerate(commits(bare, FETCHES), 1):
        serve(at, PATIENT, store, sha)
        assert len(list(store.glob("*.objects"))) <= 31
        if number in {100, FETCHES}:
            marks.append(footprint(store))

    assert_level(marks[0], marks[1], disk=MIB)


def test_commits_that_are_never_kept_leave_nothing_open(
    git_server: GitServer, bare: Bare, tmp_path: Path
) -> None:
    """A branch that moves on while every commit is invalid costs no descriptors, and old ones stay readable."""
    there = source(access(git_server, bare, "https"), tmp_path / "state")
    marks: list[int] = []
    seen: list[VerifiedCommit] = []
    for number, sha in enumerate(commits(bare, 30)):
        commit = there.newest(seen[0].sha if seen else None)
        commit.tree.prefetch(frozenset({TreePath("hosts/h01")}))
        seen.append(commit)
        if number == 0:
            there.keep([sha])
        marks.append(len(os.listdir("/proc/self/fd")))

    assert marks[-1] <= marks[2] + 1
    assert 20 == len(read(seen[5].tree))


def assert_level(early: tuple[int, int, int], late: tuple[int, int, int], *, disk: int) -> None:
    assert late[0] <= early[0] + 1
    assert late[1] <= early[1] + 6 * 1024
    assert late[2] <= early[2] + disk


def test_a_branch_on_this_machine_needs_neither_dulwich_nor_urllib3(tmp_path: Path) -> None:
    """A one-shot run on a repository of this machine pays for no import that it does not need."""
    work = fleet(tmp_path / "work", FILES)
    url, state = str(work.path), tmp_path / "state"
    code = FETCHER.split("url, token", maxsplit=1)[0] + (
        "source = Source(Access(url=sys.argv[1]), Ref(branch='main'), Path(sys.argv[2]))\n"
        "commit = source.newest(sys.argv[3] or None)\n"
        "commit.tree.prefetch(frozenset({TreePath('.')}))\n"
        "source.keep([commit.sha])\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'dulwich', 'urllib3', 'yaml'}))\n"
    )

    def run(held: str) -> str:
        argv = [sys.executable, "-c", code, url, state, held]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    assert "[]" == run("")
    begun = time.monotonic()
    assert "[]" == run(work.head())
    assert time.monotonic() - begun < 2
