"""Which addresses a repository can have, and what is said of all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import SourceError
from agent.git.address import Access, Place, Ref, Transport, ref_is_sound


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "https://git.example.com/ops/fleet.git",
            (Transport.HTTP, "", "git.example.com", None, "/ops/fleet.git"),
        ),
        ("http://[::1]:8080/x", (Transport.HTTP, "", "::1", 8080, "/x")),
        ("ssh://ada@git.example.com:2222/srv/x", (Transport.SSH, "ada", "git.example.com", 2222, "/srv/x")),
        ("ssh://git.example.com/~/x", (Transport.SSH, "git", "git.example.com", None, "/~/x")),
        (
            "git@git.example.com:ops/fleet.git",
            (Transport.SSH, "git", "git.example.com", None, "ops/fleet.git"),
        ),
        ("git.example.com:/srv/x", (Transport.SSH, "git", "git.example.com", None, "/srv/x")),
        ("git@[::1]:x", (Transport.SSH, "git", "::1", None, "x")),
        ("file:///srv/fleet.git", (Transport.LOCAL, "", "", None, "/srv/fleet.git")),
        ("file:///srv/with%20space", (Transport.LOCAL, "", "", None, "/srv/with space")),
        ("/srv/my fleet", (Transport.LOCAL, "", "", None, "/srv/my fleet")),
    ],
)
def test_addresses(url: str, place: tuple[object, ...]) -> None:
    found = Place.parse(url)

    assert place == (found.transport, found.user, found.host, found.port, found.path)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "expected the URL"),
        ("https://x/\ny", "without control characters"),
        ("ftp://git.example.com/x", "unknown scheme 'ftp'; expected https, http, ssh or file"),
        ("ext::sh -c true", "expected https://, ssh://"),
        ("fleet.git", "expected https://, ssh://"),
        ("../fleet.git", "expected https://, ssh://"),
        ("https://ada:secret@git.example.com/x", "must not hold credentials; put them into token_file"),
        ("https://token@git.example.com/x", "must not hold credentials; put them into token_file"),
        ("ssh://ada:secret@git.example.com/x", "must not hold a password"),
        ("https:///x", "expected https://host/path"),
        ("https://git.example.com/x?y", "without query"),
        ("https://git.example.com:port/x", "not a URL"),
        ("ssh://-oProxyCommand=true/x", "expected ssh://user@host/path"),
        ("-oProxyCommand=true:x", "expected ssh://user@host/path"),
        ("ssh://git.example.com", "expected the path of a repository"),
        ("file://elsewhere/x", "expected file:///absolute/path"),
    ],
)
def test_what_is_no_address(url: str, words: str) -> None:
    """Each is refused when agent.yaml is read, and no message repeats a password."""
    with pytest.raises(ValueError, match=words) as caught:
        Access(url=url)

    assert "secret" not in str(caught.value)


def test_a_token_does_not_travel_in_the_clear(tmp_path: Path) -> None:
    """Over http:// only to this very machine."""
    with pytest.raises(ValueError, match="use https://"):
        Access(url="http://git.example.com/x", token_file=tmp_path)
    Access(url="http://127.0.0.1:8000/x", token_file=tmp_path)


@pytest.mark.parametrize(
    ("text", "username", "credentials"),
    [
        ("abc\n", None, ("oauth2", "abc")),
        ("abc", "ada", ("ada", "abc")),
        ("ada:a:b\r\n", None, ("ada", "a:b")),
    ],
)
def test_a_token_file(text: str, username: str | None, credentials: tuple[str, str], tmp_path: Path) -> None:
    """A token or user:password, read when it is needed."""
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o640)

    assert credentials == Access(url="https://x/y", token_file=path, username=username).credentials()


@pytest.mark.parametrize(
    ("data", "mode"), [(b"", 0o600), (b"a\nb\n", 0o600), (b"\xff", 0o600), (b"x", 0o604)]
)
def test_a_token_file_that_cannot_serve(data: bytes, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(data)
    path.chmod(mode)

    with pytest.raises(SourceError, match=f"^{path}: "):
        Access(url="https://x/y", token_file=path).credentials()


def test_a_ref_is_exactly_one_thing() -> None:
    assert "refs/heads/status/a" == Ref(branch="status/a").name
    assert "refs/tags/v1" == Ref(tag="v1").name
    for wrong in ({}, {"branch": "a", "tag": "b"}, {"commit": "abc"}, {"branch": "a..b"}, {"tag": "-x y"}):
        with pytest.raises(ValueError, match=r"expected|not a name"):
            Ref(**wrong)


@pytest.mark.parametrize(
    "name",
    [
        "a..b",
        ".a",
        "a/.b",
        "a.lock",
        "a/",
        "/a",
        "a//b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a@{1}",
        "a\x7f",
        "a.",
    ],
)
def test_ref_names_that_git_refuses(name: str) -> None:
    assert not ref_is_sound(f"refs/heads/{name}")
