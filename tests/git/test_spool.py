"""Reports wait on disk, in order, whatever happens to the process or the disk."""

from __future__ import annotations

import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.spool import Spool
from tests.disk import limited_file_size

WHEN = datetime(2026, 11, 23, 1, 2, 3, 456789, UTC)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "status" / "spool")


def put(spool: Spool, *words: str) -> None:
    for word in words:
        spool.put({"status.json": word.encode()}, f"message {word}", WHEN)


def contents(spool: Spool) -> list[str]:
    return [report.files["status.json"].decode() for report in spool.pending()]


def test_reports_come_back_as_they_were_put_in_order(spool: Spool) -> None:
    spool.put({"status.json": b"\0\xff", "README.md": b""}, "subject\n\nß\ud800\n", WHEN)
    put(spool, "b")
    first, second = spool.pending()
    assert (1, "subject\n\nß\ud800\n", WHEN) == (first.number, first.message, first.when)
    assert {"status.json": b"\0\xff", "README.md": b""} == first.files
    assert (2, "message b") == (second.number, second.message)


def test_order_holds_beyond_the_width_of_the_names(spool: Spool) -> None:
    spool.put({"status.json": b"a"}, "a", WHEN, above=99_999_998)
    put(spool, "b", "c")
    assert [99_999_999, 100_000_000, 100_000_001] == [report.number for report in spool.pending()]


def test_nothing_waits_in_a_new_spool(spool: Spool) -> None:
    assert () == spool.pending()
    spool.remove(5)
    assert not spool.folder.exists()


def test_only_the_owner_may_read_reports(spool: Spool) -> None:
    put(spool, "a")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (spool.folder, spool.folder / "00000001.json")]
    assert [0o700, 0o600] == modes


def test_number_is_not_used_again_after_removal(spool: Spool) -> None:
    put(spool, "a", "b")
    spool.remove(2)
    assert 3 == spool.put({}, "c", WHEN, above=2)


def test_removal_keeps_what_is_newer(spool: Spool) -> None:
    put(spool, "a", "b", "c")
    spool.remove(2)
    assert ["c"] == contents(spool)


def test_oldest_are_dropped_beyond_the_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "spool", most=3)
    put(spool, *"abcde")
    assert ["c", "d", "e"] == contents(spool)
    assert f"{spool.folder}: full: dropped the 1 oldest of the reports that wait" == caplog.messages[-1]


def test_oldest_are_dropped_beyond_the_size_but_never_the_newest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", size=5000)
    for word in ("a", "b", "c"):
        put(spool, word * 900)
    assert ["b" * 900, "c" * 900] == contents(spool)
    put(spool, "d" * 9000)
    assert ["d" * 9000] == contents(spool)


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_torn_report_is_moved_away_with_a_warning(
    spool: Spool, caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    put(spool, "a", "b", "c")
    path = spool.folder / "00000002.json"
    path.write_bytes(path.read_bytes()[:cut])
    assert ["a", "c"] == contents(spool)
    warned = f"{path}: a report that waits is damaged, moved to damaged/: what stands there is not what was written"
    assert [(logging.WARNING, warned)] == [(record.levelno, record.message) for record in caplog.records]
    assert (spool.folder / "damaged" / "00000002.json").exists()
    caplog.clear()
    assert ["a", "c"] == contents(spool)
    assert [] == caplog.messages


def test_any_flipped_byte_is_seen(spool: Spool) -> None:
    put(spool, "a")
    path = spool.folder / "00000001.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert [] == contents(spool), whole[:place]


@pytest.mark.parametrize("junk", [b"[]", b"7", b'{"digest": 1, "report": 2}', b"[" * 100_000, b"\xff"])
def test_junk_is_moved_away(spool: Spool, junk: bytes) -> None:
    put(spool, "a")
    (spool.folder / "00000002.json").write_bytes(junk)
    assert ["a"] == contents(spool)


def test_number_of_a_damaged_report_is_not_used_again(spool: Spool) -> None:
    put(spool, "a", "b")
    (spool.folder / "00000002.json").write_bytes(b"")
    spool.pending()
    assert 3 == spool.put({}, "c", WHEN)


def test_damaged_reports_do_not_pile_up(spool: Spool) -> None:
    put(spool, *(str(number) for number in range(30)))
    for path in spool.folder.glob("*.json"):
        path.write_bytes(b"")
    spool.pending()
    assert 10 == len(list((spool.folder / "damaged").iterdir()))


def test_unfinished_write_of_a_crash_is_cleared_away(spool: Spool) -> None:
    put(spool, "a")
    left = spool.folder / ".00000002.json.abcdef"
    left.write_bytes(b"half")
    assert ["a"] == contents(spool)
    assert not left.exists()


def test_full_disk_is_told_and_keeps_what_waits(spool: Spool) -> None:
    put(spool, "a")
    with (
        limited_file_size(1000),
        pytest.raises(SourceError, match=f"^{spool.folder}: a report cannot be kept: File too large$"),
    ):
        put(spool, "b" * 5000)
    assert ["a"] == contents(spool)
    assert ["00000001.json"] == os.listdir(spool.folder)


def test_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "status").write_bytes(b"")
    with pytest.raises(SourceError, match=r"a report cannot be kept: (Not a directory|File exists)"):
        put(Spool(tmp_path / "status" / "spool"), "a")


def test_what_this_process_put_there_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put({"status.json": b"{}"}, "first", WHEN)
    (before,) = Spool(tmp_path / "spool").pending()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))

    assert (before,) == spool.pending()


def test_what_somebody_has_touched_since_is_read_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put({"status.json": b"{}"}, "first", WHEN)
    (path,) = (tmp_path / "spool").glob("*.json")
    path.write_text("damaged")

    assert () == spool.pending()


def test_what_was_sent_is_held_no_longer(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.remove(spool.put({"status.json": b"{}"}, "first", WHEN))

    assert spool._newest is None
