"""Which commits a host follows when signatures are asked for. Real keys, real git, real ssh-keygen."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from agent.errors import RefusedError, SourceError
from agent.git import source as sources
from agent.git import verify
from agent.git.address import Access, Ref
from agent.git.source import Source
from tests.git.places import MAIN
from tests.servers.repo import Fleet

SIGNER = "ada@example.com"


def key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path], check=True)
    return path


def signing(work: Fleet, with_key: Path) -> Fleet:
    work.git("config", "gpg.format", "ssh")
    work.git("config", "user.signingKey", str(with_key))
    work.git("config", "commit.gpgSign", "true")
    return work


def allow(path: Path, *keys: Path, options: str = 'namespaces="git"', who: str = SIGNER) -> Path:
    lines = [f"{who} {options} {key.with_suffix('.pub').read_text().strip()}\n" for key in keys]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def work(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "work").write({"fleet.yaml": ""})


def source(work: Fleet, signers: Path, ref: Ref = MAIN) -> Source:
    return Source(Access(url=str(work.path)), ref, work.path.parent / "state", allowed_signers=signers)


def refusal(work: Fleet, signers: Path) -> str:
    with pytest.raises(RefusedError) as caught:
        source(work, signers).newest(None)
    assert 5 == caught.value.exit_code
    assert caught.value.hint or "does not match" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_signed_commit_is_followed(work: Fleet, kind: str, tmp_path: Path) -> None:
    """The principal of allowed_signers is who signed, and is remembered."""
    mine = key(tmp_path / "key", kind)
    sha = signing(work, mine).commit()
    there = source(work, allow(tmp_path / "signers", mine))

    assert (sha, SIGNER) == (there.newest(None).sha, there.newest(None).signer)

    there.keep([sha])
    assert SIGNER == source(work, tmp_path / "signers").at(sha).signer


def test_several_principals_on_a_line(work: Fleet, tmp_path: Path) -> None:
    mine = key(tmp_path / "key")
    signing(work, mine).commit()
    signers = allow(tmp_path / "signers", mine, who="ada@example.com,grace@example.com")

    assert "ada@example.com" in source(work, signers).newest(None).signer


def test_an_unsigned_commit_is_refused(work: Fleet, tmp_path: Path) -> None:
    sha = work.commit()

    assert f"commit {sha[:12]} is refused: it is not signed" == refusal(
        work, allow(tmp_path / "s", key(tmp_path / "k"))
    )


def test_an_unlisted_key_is_refused(work: Fleet, tmp_path: Path) -> None:
    signing(work, key(tmp_path / "mine")).commit()
    signers = allow(tmp_path / "signers", key(tmp_path / "other"))

    assert f"the key that signed it is not one in {signers}" in refusal(work, signers)


@pytest.mark.parametrize("options", ['namespaces="file"', 'valid-before="20200101"'])
def test_a_key_for_something_else_is_refused(work: Fleet, options: str, tmp_path: Path) -> None:
    """A key that may sign only other things, or no longer."""
    mine = key(tmp_path / "key")
    signing(work, mine).commit()

    assert "is refused" in refusal(work, allow(tmp_path / "signers", mine, options=options))


def test_a_signature_made_for_another_namespace_is_refused(work: Fleet, tmp_path: Path) -> None:
    """The same key, the same bytes, signed as a file: no signature of a commit."""
    mine = key(tmp_path / "key")
    work.commit()
    raw = work.git("cat-file", "commit", "HEAD").encode()
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(mine)]
    signature = subprocess.run(sign, input=raw, capture_output=True, check=True).stdout.decode()
    replace(work, with_signature(raw, signature))

    assert "is refused" in refusal(work, allow(tmp_path / "signers", mine, options=""))


def test_a_tampered_commit_is_refused(work: Fleet, tmp_path: Path) -> None:
    """The signature of one commit on another."""
    mine = key(tmp_path / "key")
    signing(work, mine).commit()
    raw = work.git("cat-file", "commit", "HEAD").encode()
    replace(work, raw.replace(b"Test <", b"Mallory <", 1))

    assert "does not match what it signs" in refusal(work, allow(tmp_path / "signers", mine))


def replace(work: Fleet, raw: bytes) -> None:
    path = work.path / ".raw"
    path.write_bytes(raw)
    sha = work.git("hash-object", "-t", "commit", "-w", "--literally", str(path)).strip()
    work.git("update-ref", "refs/heads/main", sha)


def with_signature(raw: bytes, signature: str) -> bytes:
    head, _, message = raw.decode().partition("\n\n")
    lines = "\n ".join(signature.strip().splitlines())
    return f"{head}\ngpgsig {lines}\n\n{message}".encode()


def test_a_signed_tag_vouches_for_an_unsigned_commit(work: Fleet, tmp_path: Path) -> None:
    mine = key(tmp_path / "key")
    sha = work.commit()
    signing(work, mine).git("tag", "-s", "-m", "release", "v1")
    signers = allow(tmp_path / "signers", mine)

    commit = source(work, signers, Ref(tag="v1")).newest(None)

    assert (sha, SIGNER) == (commit.sha, commit.signer)


def test_a_missing_list_of_signers_is_named(work: Fleet, tmp_path: Path) -> None:
    work.commit()

    with pytest.raises(SourceError, match=f"^{tmp_path}/none: "):
        source(work, tmp_path / "none").newest(None)


def test_a_changed_list_is_held_against_the_commit_that_is_followed(work: Fleet, tmp_path: Path) -> None:
    """A key that is taken out no longer vouches, though the branch has not moved; what is held stays readable."""
    mine = key(tmp_path / "key")
    sha = signing(work, mine).commit()
    signers = allow(tmp_path / "signers", mine)
    there = source(work, signers)
    there.newest(None)
    there.keep([sha])
    allow(signers, key(tmp_path / "other"))

    for again in (there, source(work, signers)):
        with pytest.raises(RefusedError):
            again.newest(sha)
    assert sha == source(work, signers).at(sha).sha


class Clock:
    """The clock of a machine that has no battery for it."""

    strftime = staticmethod(time.strftime)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.runs = 0.0, 0
        for module in (sources, verify):
            monkeypatch.setattr(module, "time", self)
        real = verify._keygen

        def counted(
            argv: tuple[str, ...], data: bytes, descriptor: int
        ) -> subprocess.CompletedProcess[bytes]:
            self.runs += 1
            return real(argv, data, descriptor)

        monkeypatch.setattr(verify, "_keygen", counted)

    def time(self) -> float:
        return self.now

    def gmtime(self) -> time.struct_time:
        return time.gmtime(self.now)


def test_a_signature_is_looked_at_again_when_the_clock_was_set(
    work: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts in 1970, when no key was valid yet, and asks a time server a little later."""
    mine = key(tmp_path / "key")
    sha = signing(work, mine).commit()
    signers = allow(tmp_path / "signers", mine, options='valid-after="20240101",namespaces="git"')
    there, clock = source(work, signers), Clock(monkeypatch)
    with pytest.raises(RefusedError):
        there.newest(None)

    clock.now = time.time()

    assert sha == there.newest(None).sha


def test_a_refused_signature_costs_two_processes_every_few_minutes(
    work: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none at the polls between them."""
    signing(work, key(tmp_path / "key")).commit()
    there, clock = source(work, allow(tmp_path / "signers", key(tmp_path / "other"))), Clock(monkeypatch)
    clock.now = time.time()
    counts = []
    for _ in range(20):
        with pytest.raises(RefusedError):
            there.newest(None)
        counts.append(clock.runs)
        clock.now += 60

    assert counts[4] == counts[0] > 0
    assert 4 * counts[0] == counts[-1]
