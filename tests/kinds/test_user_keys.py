"""Public keys as ssh takes them, and what becomes of a file of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.kinds.user.keys import merged, parse_key
from agent.kinds.user.spec import UserSpec


def made(folder: Path, *options: str) -> str:
    subprocess.run(
        ("ssh-keygen", "-q", "-N", "", "-C", "a comment", "-f", folder / "key", *options), check=True
    )
    return (folder / "key.pub").read_text()


@pytest.mark.parametrize(
    "options",
    [("-t", "ed25519"), ("-t", "rsa", "-b", "2048"), ("-t", "ecdsa", "-b", "521")],
    ids=lambda o: o[1],
)
@pytest.mark.parametrize(
    "before",
    ["", "restrict ", 'from="10.0.0.0/8,::1",command="/bin/echo \\"a b\\"" ', "no-pty,cert-authority\t"],
)
def test_a_key_that_ssh_has_made_is_one(tmp_path: Path, options: tuple[str, ...], before: str) -> None:
    """With any options before it; they are no part of what it is."""
    line = made(tmp_path, *options)

    assert parse_key(line).blob == parse_key(f"{before}{line}").blob
    assert f"{before}{line}".strip() == parse_key(f"{before}{line}").line


@pytest.mark.parametrize("damage", [
    lambda line: line.split()[1],
    lambda line: line.replace("ssh-ed25519", "ssh-rsa"),
    lambda line: line.replace(" AAAA", " AAA"),
    lambda line: line[:40],
    lambda line: line.replace("AAAA", "ÄAAA"),
    lambda line: line.replace(" ", "\n", 1),
    lambda line: f'command="unclosed {line}',
    lambda line: f"# {line}",
    lambda line: "",
])  # fmt: skip
def test_what_is_no_key_is_refused(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    with pytest.raises(ValueError):
        parse_key(damage(made(tmp_path, "-t", "ed25519").strip()))


def test_a_private_key_is_refused_and_not_quoted(tmp_path: Path) -> None:
    """What is in Git by mistake does not get into a report as well."""
    made(tmp_path, "-t", "ed25519")
    private = (tmp_path / "key").read_text()
    with pytest.raises(ValueError, match="key number 1 of the list: this is a private key") as caught:
        UserSpec(authorized_keys=(private,))

    assert private.splitlines()[1] not in str(caught.value)


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Whatever stands around it: only one of the two lines would count."""
    line = made(tmp_path, "-t", "ed25519")
    with pytest.raises(ValueError, match="key number 2 of the list is there twice"):
        UserSpec(authorized_keys=(line, f"restrict {line}"))


def test_other_lines_stay_as_they_are(tmp_path: Path) -> None:
    """Comments, empty lines, and bytes that are no text."""
    line = made(tmp_path, "-t", "ed25519").strip()
    theirs = b"# mine\n\n\xff\xfe odd\nssh-rsa broken\n"

    assert theirs + line.encode() + b"\n" == merged(theirs, [line], exclusive=False)
    assert line.encode() + b"\n" == merged(theirs, [line], exclusive=True)
    assert theirs == merged(theirs, [], exclusive=False)


def test_it_is_done_when_it_is_done(tmp_path: Path) -> None:
    line = f"restrict {made(tmp_path, '-t', 'ed25519').strip()}"
    once = merged(f"{line.removeprefix('restrict ')}\n".encode(), [line], exclusive=False)

    assert once == merged(once, [line], exclusive=False) == f"{line}\n".encode()


def test_a_file_that_has_the_keys_is_left_as_it_is(tmp_path: Path) -> None:
    """The end of its last line may be missing: that is nothing to change it for."""
    line = made(tmp_path, "-t", "ed25519").strip()
    theirs = f"# mine\n{line}".encode()

    assert theirs == merged(theirs, [line], exclusive=False)


@pytest.mark.parametrize(
    "freer", ["RSA {}", "rsa-sha2-512 {}", 'odd_option="" ssh-rsa {}', "  ssh-rsa\t{} x"]
)
def test_a_line_with_a_declared_key_is_found_however_it_is_written(tmp_path: Path, freer: str) -> None:
    """sshd takes them all, and the first one counts."""
    line = f"restrict {made(tmp_path, '-t', 'rsa', '-b', '2048').strip()}"
    before = f"{freer.format(line.split()[2])}\n".encode()

    assert f"{line}\n".encode() == merged(before, [line], exclusive=False)
