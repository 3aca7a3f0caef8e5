"""Which of apt's lists are whole: what a power cut leaves is found, and what only looks odd is left."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import pytest

from agent.kinds._aptlists import LISTS, torn
from tests.fakes import FakeHost, Node

BASE = "deb.example.com_debian_dists_stable_"
PACKAGES = b"Package: a\nVersion: 1\n"
OTHER = b"Package: b\n"


def release(*members: tuple[str, bytes]) -> bytes:
    lines = "".join(
        f" {hashlib.sha256(data).hexdigest()} {len(data):>16} {path}\n" for path, data in members
    )
    return (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nSuite: stable\nSHA256:\n"
        f"{lines}-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"
    ).encode()


SIGNED = release(("main/binary-all/Packages", PACKAGES), ("contrib/binary-all/Packages", b""))


def torn_of(**lists: bytes) -> list[str]:
    """Return the names of what is torn of InRelease, main and contrib; and of `lock`, which is always empty."""
    names = {
        "release": f"{BASE}InRelease",
        "main": f"{BASE}main_binary-all_Packages",
        "contrib": f"{BASE}contrib_binary-all_Packages",
        "detached": f"{BASE}Release",
    }
    nodes = {f"{LISTS}/{names[name]}": Node.file(data) for name, data in lists.items()}
    host = FakeHost({f"{LISTS}/lock": Node.file(), f"{LISTS}/partial": Node.folder(), **nodes})
    back = {value: key for key, value in names.items()}
    return sorted(back[path.name] for path in torn(host.probe()))


def test_lists_as_they_were_signed_are_whole() -> None:
    """An empty one, too, that is to be empty."""
    assert [] == torn_of(release=SIGNED, main=PACKAGES, contrib=b"")


@pytest.mark.parametrize(
    "data", [b"", b"\0" * len(SIGNED), SIGNED[:100], SIGNED[:-30], SIGNED[:-30] + b"\0" * 30]
)
def test_an_index_that_is_cut_or_blank_is_torn(data: bytes) -> None:
    """And nobody can tell of its lists, so they go, too."""
    assert ["main", "release"] == torn_of(release=data, main=PACKAGES)


@pytest.mark.parametrize("data", [b"", PACKAGES[:-1], b"\0" * len(PACKAGES), PACKAGES + b"x"])
def test_a_list_that_is_not_what_was_signed_is_torn(data: bytes) -> None:
    assert ["main"] == torn_of(release=SIGNED, main=data, contrib=b"")


def test_a_list_of_which_nothing_is_known_is_left() -> None:
    assert [] == torn_of(main=OTHER)


def test_an_index_with_a_signature_beside_it_is_read_as_well() -> None:
    assert ["main"] == torn_of(detached=SIGNED, main=b"")
    assert ["detached"] == torn_of(detached=b"")


def test_only_those_of_one_source_are_looked_at_where_one_is_asked_for() -> None:
    host = FakeHost({f"{LISTS}/{BASE}InRelease": Node.file(), f"{LISTS}/other_InRelease": Node.file()})

    assert (PurePosixPath(LISTS, "other_InRelease"),) == torn(host.probe(), ("other_",))


def test_a_host_that_never_read_an_index_has_nothing_torn() -> None:
    assert () == torn(FakeHost().probe())
