"""A pack is taken apart without ever inflating more than is allowed; what is wrong with it is an error, not a crash."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.entries import PackError
from agent.git.limits import MIB, Limits
from agent.git.objects import Kind, object_id
from agent.git.pack import receive, unpack
from agent.git.snapshot import Shelf
from agent.git.stored import read
from tests.git.places import fleet
from tests.servers.repo import git

SMALL = Limits(object=4 * MIB, delta=MIB, inflated=8 * MIB, objects=1000)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path / "state") as made:
        yield made


def number(kind: int, size: int) -> bytes:
    """Return how an entry of a pack begins."""
    out, size, first = [], size >> 4, kind << 4 | size & 15
    while size:
        out.append(first | 0x80)
        size, first = size >> 7, size & 0x7F
    return bytes([*out, first])


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def pack(*entries: bytes, count: int | None = None) -> bytes:
    body = struct.pack(">4sLL", b"PACK", 2, len(entries) if count is None else count) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


def whole(kind: int, data: bytes, size: int | None = None) -> bytes:
    return number(kind, len(data) if size is None else size) + zlib.compress(data)


def by_name(base: str, delta: bytes) -> bytes:
    return number(7, len(delta)) + bytes.fromhex(base) + zlib.compress(delta)


def take(data: bytes, shelf: Shelf, tmp_path: Path, limits: Limits = SMALL) -> frozenset[str]:
    path = tmp_path / "pack"
    path.write_bytes(data)
    with path.open("rb") as file:
        return unpack(file, shelf, limits)


def copying(base: bytes, times: int) -> bytes:
    """Return a delta that repeats 64 KiB of its base so many times."""
    copy = bytes([0x80 | 0x40, 1])  # offset 0, size 256 * ... : 0x40 is the third byte of size
    return varint(len(base)) + varint(times * 0x10000) + copy * times


BASE = bytes(0x10000)
BASE_ID = object_id(Kind.BLOB, BASE)
HOSTILE = {
    "a gigabyte of zeros in a megabyte": pack(whole(3, bytes(9 * MIB))),
    "zeros that say they are small": pack(whole(3, bytes(4 * MIB), size=100)),
    "smaller than it says": pack(whole(3, b"x", size=100)),
    "says 16 GB": pack(whole(3, b"x", size=16 << 30)),
    "a size without an end": pack(b"\xb0" + b"\xff" * 40),
    "too many objects": pack(count=1001),
    "fewer objects than it says": pack(whole(3, b"x"), count=2),
    "more objects than it says": pack(whole(3, b"x"), whole(3, b"y"), count=1),
    "many that are too much together": pack(*(whole(3, bytes(MIB) + bytes([n])) for n in range(9))),
    "an unknown type": pack(whole(5, b"x")),
    "a delta on nothing": pack(by_name("1" * 40, varint(1) + varint(1) + b"\x01x")),
    "a delta on itself": pack(number(6, 3) + b"\x00" + zlib.compress(b"\x01\x01x")),
    "a delta on what is before the pack": pack(number(6, 3) + b"\x7f" + zlib.compress(b"\x01\x01x")),
    "a delta without sizes": pack(whole(3, BASE), by_name(BASE_ID, b"\xff\xff")),
    "a delta that lies about its result": pack(
        whole(3, BASE), by_name(BASE_ID, varint(len(BASE)) + varint(9) + b"\x01x")
    ),
    "a delta for another base": pack(whole(3, BASE), by_name(BASE_ID, varint(7) + varint(1) + b"\x01x")),
    "a delta that reads past its base": pack(
        whole(3, b"abc"), by_name(object_id(Kind.BLOB, b"abc"), varint(3) + varint(99) + b"\x90\x63")
    ),
    "not zlib": pack(number(3, 10) + b"0123456789"),
    "cut off": pack(whole(3, b"x"))[:-30],
    "empty": b"",
    "only a head": pack()[:12],
    "not a pack": b"<html>" * 100,
    "another version": pack().replace(b"\0\0\0\2", b"\0\0\0\4"),
    "a wrong checksum": pack(whole(3, b"x"))[:-1] + b"!",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_pack_is_refused_cheaply(case: str, shelf: Shelf, tmp_path: Path) -> None:
    """Each is refused with a message, within a few megabytes of memory."""
    tracemalloc.start()
    try:
        with pytest.raises(PackError):
            take(HOSTILE[case], shelf, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_delta_bomb_is_left_out(shelf: Shelf, tmp_path: Path) -> None:
    """220 bytes whose result would be a gigabyte: never made; asked for by itself, it would come whole."""
    bomb = pack(whole(3, BASE), by_name(BASE_ID, copying(BASE, 16384)))

    assert {BASE_ID} == take(bomb, shelf, tmp_path)


def test_deltas_are_resolved(shelf: Shelf, tmp_path: Path) -> None:
    """By name and by offset, also upon one another."""
    one = BASE + b"1"
    delta = varint(len(BASE)) + varint(len(one)) + bytes([0x80 | 0x40, 1]) + b"\x011"
    two = one + b"2"
    further = varint(len(one)) + varint(len(two)) + bytes([0x80 | 0x10 | 0x40, 1, 1]) + b"\x012"

    found = take(
        pack(by_name(object_id(Kind.BLOB, one), further), by_name(BASE_ID, delta), whole(3, BASE)),
        shelf,
        tmp_path,
    )

    assert {BASE_ID, object_id(Kind.BLOB, one), object_id(Kind.BLOB, two)} == found
    for content in (BASE, one, two):
        sha = object_id(Kind.BLOB, content)
        assert content == read(shelf, sha, shelf.records[sha], MIB)


def test_what_git_packs_is_what_comes(shelf: Shelf, tmp_path: Path) -> None:
    """Every object of a real history, deltas and all, byte by byte."""
    work = fleet(tmp_path / "work", {f"dir{n % 7}/file{n}": f"{n}\n" * 200 for n in range(100)})
    for n in range(20):
        work.write({"dir1/file1": f"{n}\n" * 300}).commit()
    objects = git("rev-list", "--objects", "--all", cwd=work.path)
    work.git("repack", "-a", "-d", "-q", "-f", "--window=50", "--depth=50")
    [path] = (work.path / ".git/objects/pack").glob("*.pack")
    with path.open("rb") as file:
        found = unpack(file, shelf, Limits())

    assert {line.split()[0] for line in objects.splitlines()} == found
    for sha in found:
        record = shelf.records[sha]
        assert sha == object_id(record.kind, read(shelf, sha, record, MIB))


def test_a_large_delta_is_asked_for_alone(shelf: Shelf, tmp_path: Path) -> None:
    """What would not fit into memory as a delta comes whole in a second request."""
    large = os.urandom(100) * 20_000
    sha = object_id(Kind.BLOB, large)
    delta = varint(len(BASE)) + varint(len(large)) + b"\x01x"
    sent = iter([pack(whole(3, BASE), by_name(BASE_ID, delta)), pack(whole(3, large))])
    asked = []

    def bring(wants, file):
        asked.append(set(wants))
        file.write(next(sent))
        file.flush()

    found = receive(shelf, SMALL, (BASE_ID, sha), bring)

    assert [{BASE_ID, sha}, {sha}] == asked
    assert {BASE_ID, sha} == found


def test_an_object_that_never_comes_is_named(shelf: Shelf) -> None:
    def bring(wants, file):
        file.write(pack(whole(3, b"something else")))
        file.flush()

    with pytest.raises(PackError, match=f"does not send the object {'1' * 40}"):
        receive(shelf, SMALL, ("1" * 40,), bring)


def test_damaged_packs_never_crash(shelf: Shelf, tmp_path: Path) -> None:
    """2,000 packs with bytes changed at random, checksum made right again: an error of ours, or objects."""
    dice = random.Random(7)
    texts = [b"line %d\n" % n * 40 for n in range(8)]
    delta = varint(len(texts[0])) + varint(5) + b"\x05hello"
    good = pack(*(whole(3, text) for text in texts), by_name(object_id(Kind.BLOB, texts[0]), delta))
    refused = 0
    for _ in range(2000):
        data = bytearray(good[:-20])
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(12, len(data))] = dice.randrange(256)
        try:
            take(bytes(data) + hashlib.sha1(data).digest(), shelf, tmp_path)
        except SourceError:
            refused += 1

    assert refused > 1000
