"""Whatever comes from the bus is read to an end soon, or refused."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import HostError
from agent.host.bus import wire
from agent.host.bus.link import WAIT, DeniedError, Link
from agent.host.bus.wire import Field, Message, Sort
from tests.host.fake_systemd import message

SIGNAL = message(
    4, 7, "sa{sv}as", "org.x", {"A": ("s", "b"), "J": ("(uo)", (1, "/")), "T": ("t", 1 << 40), "Y": ("ay", b"\1\2")},
    ["x", ""], path="/a", interface="i.j", member="M", sender=":1.1",
)  # fmt: skip


def signed(signature: str, body: bytes) -> bytes:
    """Return a message whose body need not be what its signature says."""
    fields = b"\x08\x01g\0" + bytes((len(signature),)) + signature.encode() + b"\0"
    whole = struct.pack("<4BIII", ord("l"), 4, 0, 1, len(body), 1, len(fields)) + fields
    return whole + bytes(-len(whole) % 8) + body


def test_a_message_is_read_as_it_was_meant() -> None:
    found = wire.parse(SIGNAL)

    assert wire.size(SIGNAL[: wire.HEAD]) == len(SIGNAL)
    assert (Sort.SIGNAL, "/a", "i.j", "M", ":1.1") == (
        found.sort, *map(found.text, (Field.PATH, Field.INTERFACE, Field.MEMBER, Field.SENDER)),
    )  # fmt: skip
    assert ("org.x", {"A": "b", "J": (1, "/"), "T": 1 << 40, "Y": [1, 2]}, ["x", ""]) == found.body


def test_a_call_is_written_as_it_is_read() -> None:
    found = wire.parse(wire.call(3, "a.b", "/c", "d.e.F", "x", ("b", "naïve"), (), "y"))

    assert ("a.b", "/c", "d.e", "F", 3) == (
        *map(found.text, (Field.DESTINATION, Field.PATH, Field.INTERFACE, Field.MEMBER)), found.serial,
    )  # fmt: skip
    assert ("x", ["b", "naïve"], [], "y") == found.body


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        ("a()", struct.pack("<II", 8, 0) + bytes(8)),  # elements without a byte
        ("aa()", struct.pack("<II", 8, 0) + bytes(8)),
        ("v", b"\3a()\0" + bytes(16)),
        ("v" , b"\1v\0" * 100),  # a variant in a variant in a variant
        ("a" * 255, bytes(400)),
        ("(" * 120 + ")" * 120, bytes(8)),
        ("((s)", bytes(16)),
        ("a", bytes(8)),
        ("z", bytes(8)),
        ("s", struct.pack("<I", 0xFFFFFFFF)),
        ("ay", struct.pack("<I", 0xFFFFFFF0)),
        ("s", struct.pack("<I", 2) + b"\xff\xfe\0"),
        ("a{vs}", struct.pack("<II", 16, 0) + b"\2ay\0" + bytes(12)),  # a key that is a list
        ("vv", b"\2ss\0" + bytes(16)),
    ],
)  # fmt: skip
def test_what_is_garbled_is_refused_at_once(signature: str, body: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(HostError):
        wire.parse(signed(signature, body))

    assert time.monotonic() - started < 1


@given(st.integers(0, len(SIGNAL) - 1), st.integers(0, 255), st.integers(0, len(SIGNAL)))
def test_any_damage_is_read_to_an_end(at: int, byte: int, end: int) -> None:
    damaged = (SIGNAL[:at] + bytes((byte,)) + SIGNAL[at + 1 :])[:end]
    try:
        wire.parse(damaged)
    except HostError:
        return


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_read_to_an_end(data: bytes) -> None:
    for whole in (data, SIGNAL[:12] + data, signed("v", data), signed("a(sv)", data)):
        try:
            wire.parse(whole)
        except HostError:
            continue


@pytest.mark.parametrize(
    "head", [b"l\4\0\1" + b"\xff" * 12, b"l\4\0\2" + bytes(12), b"HTTP/1.1 400 Bad ", bytes(16)]
)
def test_a_beginning_that_is_none_is_refused(head: bytes) -> None:
    """Nothing is set aside for what it says of its length."""
    with pytest.raises(HostError):
        wire.size(head[: wire.HEAD])


class Peer:
    """The other end of a connection, and what was heard at this one."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(5)
        self.heard: list[Message] = []

    def link(self, *, wait: float = WAIT) -> Link:
        return Link(self.ours, self.heard.append, bus=False, wait=wait)


@pytest.fixture
def peer() -> Peer:
    return Peer()


def test_it_says_who_it_is_and_begins(peer: Peer) -> None:
    peer.theirs.sendall(b"OK 1234\r\n")
    peer.link().close()
    said = peer.theirs.recv(4096)

    assert said.startswith(b"\0AUTH EXTERNAL ")
    assert said.endswith(b"\r\nBEGIN\r\n")


@pytest.mark.parametrize("answer", [b"REJECTED EXTERNAL\r\n", b"OK 1\r\nmore", b"x" * 9000, b"\xff\0\r\n"])
def test_who_is_not_let_in_leaves(peer: Peer, answer: bytes) -> None:
    peer.theirs.sendall(answer)
    with pytest.raises(HostError):
        peer.link()

    assert peer.ours.fileno() == -1


def test_what_comes_in_drops_is_heard_when_it_is_whole(peer: Peer) -> None:
    peer.theirs.sendall(b"OK 1234\r\n")
    ours = peer.link()
    for at in range(len(SIGNAL)):
        assert peer.heard == []
        peer.theirs.sendall(SIGNAL[at : at + 1])
        ours.read()
    peer.theirs.sendall(SIGNAL * 3 + SIGNAL[:9])
    ours.read()

    assert len(peer.heard) == 4


@pytest.mark.parametrize("noise", [b"", SIGNAL, b"l"])
def test_a_call_that_is_not_answered_ends(peer: Peer, noise: bytes) -> None:
    """Though signals come all the time, or an answer comes a byte now and then."""
    peer.theirs.sendall(b"OK 1234\r\n")
    ours, over = peer.link(wait=0.3), threading.Event()

    def talk() -> None:
        while noise and not over.wait(0.01):
            peer.theirs.sendall(noise)

    thread = threading.Thread(target=talk)
    thread.start()
    started = time.monotonic()
    with pytest.raises(HostError):
        ours.call("", "/", "a.b.C")
    over.set()
    thread.join()

    assert time.monotonic() - started < 5


def test_a_bus_that_hangs_up_is_gone(peer: Peer) -> None:
    peer.theirs.sendall(b"OK 1234\r\n")
    ours = peer.link()
    peer.theirs.close()
    with pytest.raises(HostError):
        ours.read()


def test_calls_that_are_made_at_once_are_answered_in_any_order(peer: Peer) -> None:
    """Signals come in between; an answer to somebody else is none; an error is one answer, and says what it is."""
    peer.theirs.sendall(b"OK 1234\r\n")
    ours = peer.link()
    no = message(3, 9, "s", "there is none\n", error="org.x.No", reply=1)
    yes = [
        message(2, 9, "s", word, reply=serial)
        for word, serial in (("three", 3), ("nobody's", 7), ("two", 2))
    ]
    peer.theirs.sendall(yes[0] + SIGNAL + no + yes[1] + yes[2])
    denied, *granted = ours.calls("", [("/", f"a.b.{name}", ("x",)) for name in "CDE"])

    assert isinstance(denied, DeniedError)
    assert ("org.x.No", "a.b.C: org.x.No: there is none\\n") == (denied.name, str(denied))
    assert [("two",), ("three",)] == [one.body for one in granted if isinstance(one, Message)]
    assert len(peer.heard) == 1
