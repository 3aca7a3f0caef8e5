"""Commits that nobody whom this host trusts has signed are refused, and drift is repaired all the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.sandbox import FLEET, Sandbox

MOTD = "files:\n  /etc/motd: {content: %s}\n"


def key(path: Path) -> str:
    """Make a key without a passphrase; return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()


def push_signed(host: Sandbox, content: str, signer: Path) -> str:
    fleet = host.fleet.write({"fleet.yaml": FLEET, "base/base.yaml": MOTD % content})
    fleet.git("add", "-A")
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={signer}")
    fleet.git(*signing, "commit", "-q", "-S", "-m", content)
    fleet.push(host.url)
    return fleet.head()


@pytest.fixture(name="ada")
def _ada(tmp_path: Path, host: Sandbox) -> Path:
    """A key that the host trusts."""
    (tmp_path / "allowed_signers").write_text(f"ada@example.com {key(tmp_path / 'ada')}\n")
    host.configure(verify={"allowed_signers": str(tmp_path / "allowed_signers")})
    return tmp_path / "ada"


def test_a_commit_signed_by_somebody_trusted_is_followed(host: Sandbox, ada: Path) -> None:
    push_signed(host, "signed", ada)
    host.trued("apply", code=0)

    assert "signed" == (host.root / "etc/motd").read_text()


@pytest.mark.parametrize("signer", ["nobody", "eve"])
def test_any_other_commit_is_refused_and_the_host_kept_true(
    host: Sandbox, ada: Path, tmp_path: Path, remote: Path, signer: str
) -> None:
    push_signed(host, "signed", ada)
    host.trued("apply", code=0)
    if signer == "eve":
        key(tmp_path / "eve")
        sha = push_signed(host, "evil", tmp_path / "eve")
    else:
        sha = host.push({"base/base.yaml": MOTD % "evil"})
    (host.root / "etc/motd").unlink()
    said = host.trued("apply", code=5)

    assert "signed" == (host.root / "etc/motd").read_text()
    assert sha[:7] in said
    assert "Trued-Result: refused" in host.status_log(remote)[0]
    push_signed(host, "cured", ada)
    host.trued("apply", code=0)


def test_a_list_of_signers_that_is_missing_stops_nothing_but_new_commits(
    host: Sandbox, ada: Path, tmp_path: Path
) -> None:
    push_signed(host, "signed", ada)
    host.trued("apply", code=0)
    (tmp_path / "allowed_signers").unlink()
    push_signed(host, "newer", ada)
    (host.root / "etc/motd").unlink()
    said = host.trued("apply")

    assert str(tmp_path / "allowed_signers") in said
    assert "signed" == (host.root / "etc/motd").read_text()
