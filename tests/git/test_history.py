"""Status branches are read back over every way to a repository, each branch for itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git import history
from agent.git.address import Access
from agent.git.limits import Limits
from agent.git.publish import Publisher
from agent.model import REPORT_LIMIT
from tests.git import places
from tests.servers.faults import Fault, FaultProxy
from tests.servers.git import Bare, GitServer
from tests.servers.repo import Fleet, Link

START = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)

pytestmark = pytest.mark.servers


@pytest.fixture(params=["https", "ssh", "file"])
def access(request: pytest.FixtureRequest, git_server: GitServer, bare: Bare) -> Access:
    return places.access(git_server, bare, request.param)


def publish(bare: Bare, state: Path, host: str, count: int = 1) -> None:
    publisher = Publisher(Access(url=bare.file), f"status/{host}", state / host)
    for number in range(count):
        files = {"status.json": b'{"host": "%s", "n": %d}' % (host.encode(), number), "README.md": b"# it\n"}
        publisher.put(files, f"{host} {number}\n\nTrued-Host: {host}\n", START + timedelta(minutes=number))
    assert count == publisher.push()


def import_branches(bare: Bare, count: int) -> None:
    """Make many branches at once: git fast-import(1)."""
    lines = []
    for number in range(count):
        content = f'{{"n": {number}}}'
        lines.append(
            f"commit refs/heads/status/host-{number:04}\n"
            f"committer trued <trued@host-{number:04}> {1_700_000_000 + number} +0000\n"
            f"data 6\nreport\nM 100644 inline status.json\ndata {len(content)}\n{content}\n\n"
        )
    path = bare.path / "import"
    path.write_text("".join(lines))
    bare.git("-c", f"alias.load=!git fast-import --quiet < '{path}'", "load")


def test_log_is_newest_first_and_bounded(access: Access, bare: Bare, tmp_path: Path) -> None:
    publish(bare, tmp_path, "edge-01", 5)
    reports = history.log(access, "status/edge-01", 3)
    assert ["edge-01 4", "edge-01 3", "edge-01 2"] == [report.message.splitlines()[0] for report in reports]
    assert bare.git("rev-list", "-3", "status/edge-01").split() == [report.sha for report in reports]
    assert [START + timedelta(minutes=number) for number in (4, 3, 2)] == [report.when for report in reports]
    assert {"status.json": b'{"host": "edge-01", "n": 4}'} == reports[0].files
    assert {""} == {report.error for report in reports}


@pytest.mark.parametrize("packed", [False, True])
def test_the_largest_report_that_may_be_is_read(
    access: Access, bare: Bare, tmp_path: Path, packed: bool
) -> None:
    """As large as a reader of status.json takes it, one that stands as a delta included."""
    largest = b"%32d" % 7 * (REPORT_LIMIT >> 5)
    for number, host in enumerate(("edge-01", "edge-02")):
        files = {"status.json": largest[:-1] + b"%d" % number}
        publisher = Publisher(Access(url=bare.file), f"status/{host}", tmp_path / host)
        publisher.put(files, "report", START)
        publisher.push()
    if packed:
        bare.git("gc", "-q")

    reports = history.tips(access)

    assert [""] * 2 == [report.error for report in reports.values()]
    assert {REPORT_LIMIT} == {len(report.files["status.json"]) for report in reports.values()}


def test_log_of_all_there_is(access: Access, bare: Bare, tmp_path: Path) -> None:
    publish(bare, tmp_path, "edge-01", 3)
    assert 3 == len(history.log(access, "status/edge-01", 100))


def test_log_of_a_branch_that_is_not_there_is_empty(access: Access) -> None:
    assert () == history.log(access, "status/nobody", 10)


@pytest.mark.parametrize("limit", [0, -1])
def test_log_of_nothing_asked_is_empty(bare: Bare, tmp_path: Path, limit: int) -> None:
    publish(bare, tmp_path, "edge-01")
    assert () == history.log(Access(url=bare.file), "status/edge-01", limit)


def test_log_gives_the_files_that_are_named(bare: Bare, tmp_path: Path) -> None:
    publish(bare, tmp_path, "edge-01")
    access = Access(url=bare.file)
    (report,) = history.log(access, "status/edge-01", 1, names=("README.md", "missing"))
    assert {"README.md": b"# it\n"} == report.files
    (report,) = history.log(access, "status/edge-01", 1, names=())
    assert {} == report.files


def test_log_works_where_the_server_cannot_filter(git_server: GitServer, tmp_path: Path) -> None:
    plain = git_server.create(allow_filter=False)
    publish(plain, tmp_path, "edge-01", 4)
    for way in ("https", "ssh"):
        reports = history.log(places.access(git_server, plain, way), "status/edge-01", 2)
        assert [b'{"host": "edge-01", "n": 3}', b'{"host": "edge-01", "n": 2}'] == [
            report.files["status.json"] for report in reports
        ]


def test_tips_work_where_the_server_cannot_filter(git_server: GitServer, tmp_path: Path) -> None:
    plain = git_server.create(allow_filter=False)
    for host in ("edge-01", "edge-02"):
        publish(plain, tmp_path, host, 3)
    garbage(plain, Fleet(tmp_path / "work"), "name")
    for way in ("https", "ssh"):
        found = dict(history.tips(places.access(git_server, plain, way)))
        assert "control character" in found.pop("status/bad").error
        contents = [report.files["status.json"] for report in found.values()]
        assert [b'{"host": "edge-01", "n": 2}', b'{"host": "edge-02", "n": 2}'] == contents


def test_place_without_temporary_files_is_told(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    with pytest.raises(SourceError, match=r"^no temporary file can be made: "):
        history.log(Access(url=bare.file), "status/edge-01", 1)


def test_tips_are_the_newest_report_of_each_branch(access: Access, bare: Bare, tmp_path: Path) -> None:
    for host in ("edge-01", "edge-02", "db.example.com"):
        publish(bare, tmp_path, host, 2)
    Fleet(tmp_path / "work").write({"fleet.yaml": ""}).commit()
    Fleet(tmp_path / "work").push(bare.path)
    found = history.tips(access)
    assert ["status/db.example.com", "status/edge-01", "status/edge-02"] == list(found)
    assert b'{"host": "edge-02", "n": 1}' == found["status/edge-02"].files["status.json"]
    assert START + timedelta(minutes=1) == found["status/edge-02"].when
    assert "edge-02 1\n\nTrued-Host: edge-02\n" == found["status/edge-02"].message


def test_tips_of_a_repository_without_status_is_empty(access: Access) -> None:
    assert {} == history.tips(access)


def test_two_branches_at_one_commit_are_both_there(bare: Bare, tmp_path: Path) -> None:
    publish(bare, tmp_path, "edge-01")
    bare.git("branch", "status/copy", "status/edge-01")
    found = history.tips(Access(url=bare.file))
    assert found["status/copy"] == found["status/edge-01"]


@pytest.mark.parametrize("way", ["https", "ssh", "file"])
def test_thousand_branches_take_few_requests(git_server: GitServer, bare: Bare, way: str) -> None:
    import_branches(bare, 1000)
    access = places.access(git_server, bare, way)
    begin = time.monotonic()
    with git_server.requests() as seen:
        found = history.tips(access)
    assert time.monotonic() - begin < 10
    assert 1000 == len(found)
    assert all(
        b'{"n": %d}' % number == each.files["status.json"] for number, each in enumerate(found.values())
    )
    assert len(seen) <= 10


def garbage(bare: Bare, fleet: Fleet, way: str) -> None:
    """Put something on status/bad that is no report."""
    match way:
        case "huge":
            fleet.write({"status.json": b"\0" * (REPORT_LIMIT + 1)})
        case "link":
            fleet.write({"status.json": Link("/etc/passwd")})
        case "folder":
            fleet.write({"status.json/x": "y"})
        case "mode":
            blob = bare.git("hash-object", "-w", str(bare.path / "HEAD")).strip()
            (bare.path / "tree").write_bytes(b"100600 status.json\0" + bytes.fromhex(blob))
            tree = bare.git("hash-object", "-w", "--literally", "-t", "tree", "tree").strip()
            commit = bare.git("commit-tree", "-m", "x", tree).strip()
            bare.git("update-ref", "refs/heads/status/bad", commit)
            return
        case "name":
            fleet.write({"status.json": "{}", "a\nb": "x"})
        case "message":
            fleet.write({"status.json": "{}"})
            fleet.git("-c", "i18n.commitEncoding=latin1", "add", "-A")
    fleet.commit("garbage \udcff" if way == "message" else "garbage")
    fleet.push(bare.path, "refs/heads/status/bad")


@pytest.mark.parametrize(
    ("way", "error", "files"),
    [
        ("huge", str(REPORT_LIMIT), {}),
        ("link", "", {}),
        ("folder", "", {}),
        ("mode", "mode '100600' is not one that Git writes", {}),
        ("name", r"control character", {}),
        ("message", "", {"status.json": b"{}"}),
    ],
)
def test_garbage_on_a_branch_is_that_branchs_alone(
    access: Access, bare: Bare, tmp_path: Path, way: str, error: str, files: dict[str, bytes]
) -> None:
    for host in ("edge-01", "edge-02"):
        publish(bare, tmp_path, host)
    garbage(bare, Fleet(tmp_path / "work"), way)
    found = dict(history.tips(access))
    assert ["status/bad", "status/edge-01", "status/edge-02"] == list(found)
    bad = found.pop("status/bad")
    assert error in bad.error
    assert bool(error) == bool(bad.error)
    assert files == bad.files
    assert ["", ""] == [report.error for report in found.values()]
    assert all(report.files["status.json"] for report in found.values())


def test_object_missing_on_the_server_costs_one_branch(bare: Bare, tmp_path: Path) -> None:
    for host in ("edge-01", "edge-02"):
        publish(bare, tmp_path, host)
    blob = bare.git("rev-parse", "status/edge-01:status.json").strip()
    (bare.path / "objects" / blob[:2] / blob[2:]).unlink()
    found = history.tips(Access(url=bare.file))
    assert blob in found["status/edge-01"].error
    assert ("", True) == (found["status/edge-02"].error, "status.json" in found["status/edge-02"].files)


def test_contents_are_bounded_together(bare: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("edge-01", "edge-02", "edge-03"):
        publish(bare, tmp_path, host)
    monkeypatch.setattr(history, "TOTAL", 60)
    errors = [report.error for report in history.tips(Access(url=bare.file)).values()]
    assert ["", ""] == errors[:2]
    assert errors[2].startswith("status.json: ")


def test_repository_that_is_away_is_an_error(
    git_server: GitServer, bare: Bare, faulty_https: FaultProxy
) -> None:
    access = places.through(faulty_https, git_server, bare)
    faulty_https.fault = Fault(refuse=True)
    asks: tuple[Callable[[], object], ...] = (
        lambda: history.tips(access),
        lambda: history.log(access, "status/edge-01", 3),
    )
    for ask in asks:
        with pytest.raises(SourceError) as error:
            ask()
        assert access.url in str(error.value)


def test_repository_that_goes_away_while_it_is_read_is_given_up_soon(
    git_server: GitServer, bare: Bare, faulty_https: FaultProxy
) -> None:
    import_branches(bare, 300)
    access = places.through(faulty_https, git_server, bare)
    faulty_https.fault = Fault(blackhole_after=30_000)
    begin = time.monotonic()
    with pytest.raises(SourceError):
        history.tips(access, limits=Limits(connect=0.5, stall=0.5, total=5))
    assert time.monotonic() - begin < 5
