"""What cases cannot say of the host's name."""

from __future__ import annotations

import pytest

from agent.errors import HostError
from agent.kinds import Found
from agent.kinds.hostname import FILE, KIND, HostnameSpec
from agent.model import KeepFirst
from tests.fakes import FakeHost, Node


def host(live: str, written: str | None) -> FakeHost:
    nodes = {"/etc": Node.folder(), "/proc/sys/kernel/hostname": Node.file(f"{live}\n".encode())}
    return FakeHost(nodes if written is None else {**nodes, "/etc/hostname": Node.file(written.encode())})


@pytest.mark.parametrize(
    "name", ["a", "edge-01", "Edge-01", "3com", "edge-01.example.com", "a" * 63, "1.2.3.4.example"]
)
def test_what_is_a_name(name: str) -> None:
    assert name == HostnameSpec(name=name).name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "a_b", "a b", "a..b", ".a", "a.", "ä", "a" * 64, "a." * 32 + "ab", "10.0.0.1", "a\n", "--help", "$(a)"],
)  # fmt: skip
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected a host name"):
        HostnameSpec(name=name)


def test_the_message_about_a_name_fits_a_line() -> None:
    with pytest.raises(ValueError, match="expected a host name") as caught:
        HostnameSpec(name="a\n" * 1000)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_it_stays_when_it_is_no_longer_declared() -> None:
    have = KIND.observe(host("edge-01", "edge-01\n").probe(), {"system": None})["system"]
    assert have is not None
    assert not isinstance(have, HostError)

    assert "a host always has a name" in KIND.leaves("system", have)


@pytest.mark.parametrize(("written", "kept"), [("debian\n", [KeepFirst(path=FILE, why="")]), (None, [])])
def test_the_first_file_is_kept(written: str | None, kept: list[KeepFirst]) -> None:
    have = KIND.observe(host("debian", written).probe(), {"system": None})["system"]
    assert have is not None
    assert not isinstance(have, HostError)

    assert kept == list(KIND.first("system", have))


def test_a_host_without_proc_is_blocked_with_the_way_out() -> None:
    with pytest.raises(HostError) as caught:
        KIND.observe(FakeHost().probe(), {"system": HostnameSpec(name="a")})

    assert "/proc/sys/kernel/hostname is not there; mount /proc" == caught.value.reason


def test_a_survey_finds_the_name() -> None:
    assert [Found(name="system", entry="edge-01")] == list(KIND.survey(host("edge-01", "edge-01\n").probe()))


@pytest.mark.parametrize(
    ("live", "written", "reason"),
    [
        ("edge-01", "debian\n", "the host is called edge-01 now, and /etc/hostname says debian: declare the one that holds"),
        ("edge-01", None, "the host is called edge-01 now, and /etc/hostname has no name: declare the one that holds"),
        ("edge_01", "edge_01\n", "expected a host name of at most 64 letters, digits, dashes and dots, as in edge-01, got 'edge_01'; declare a name that is one"),
    ],
)  # fmt: skip
def test_a_survey_leaves_to_a_person_what_is_not_plain(live: str, written: str | None, reason: str) -> None:
    found = list(KIND.survey(host(live, written).probe()))

    assert [Found(name="system", entry=None, skipped=reason)] == found
