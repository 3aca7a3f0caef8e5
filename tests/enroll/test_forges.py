"""What a person is told to do on the server."""

from __future__ import annotations

import pytest

from agent.enroll.forges import Guest, forges, guide, published
from agent.git.address import Place

ALL = ("GitHub", "GitLab", "Gitea or Forgejo", "a server of your own")


@pytest.mark.parametrize(
    ("server", "names"),
    [
        ("github.com", ALL[:1]),
        ("ssh.github.com", ALL[:1]),
        ("GitHub.example.com", ALL[:1]),
        ("gitlab.com", ALL[1:2]),
        ("gitlab.example.com", ALL[1:2]),
        ("codeberg.org", ALL[2:3]),
        ("gitea.example.com", ALL[2:3]),
        ("forgejo.example.com", ALL[2:3]),
        ("git.example.com", ALL),
        ("notgithub.example.com", ALL),
        ("127.0.0.1", ALL),
    ],
)
def test_the_name_of_the_server_tells_the_forge_or_nothing(server: str, names: tuple[str, ...]) -> None:
    assert names == forges(server)


@pytest.mark.parametrize(
    ("server", "where"),
    [
        ("github.com", "https://docs.github.com/"),
        ("GitLab.com", "https://gitlab.com/help/instance_configuration"),
        ("gitlab.example.com", "https://gitlab.example.com/help/instance_configuration"),
        ("codeberg.org", "https://docs.codeberg.org/security/ssh-fingerprint/"),
        ("github.example.com", "on the server: cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -"),
        ("10.0.0.1", "on the server: cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -"),
    ],
)
def test_where_the_fingerprints_can_be_compared(server: str, where: str) -> None:
    """No list of them is kept here: it would be believed when it is out of date."""
    assert where in published(server)


def told(url: str) -> str:
    guest = Guest(
        host="edge-01",
        place=Place.parse(url),
        branch="main",
        public_key="ssh-ed25519 AAAA trued@edge-01",
        token_file="/etc/trued/token",
    )
    return "\n".join(guide(guest))


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("git@github.com:ops/fleet.git", "https://github.com/ops/fleet/settings/keys/new"),
        ("ssh://git@ssh.github.com:443/ops/fleet.git", "https://github.com/ops/fleet/settings/keys/new"),
        ("git@gitlab.com:ops/sub/fleet.git", "https://gitlab.com/ops/sub/fleet/-/settings/repository"),
        ("ssh://git@codeberg.org/ops/fleet", "https://codeberg.org/ops/fleet/settings/keys"),
        ("https://gitlab.com/ops/fleet.git", "https://gitlab.com/ops/fleet/-/settings/access_tokens"),
    ],
)
def test_the_page_to_go_to_is_that_of_the_repository(url: str, page: str) -> None:
    assert page in told(url).split()


@pytest.mark.parametrize("server", ["github.com", "gitlab.com", "codeberg.org"])
def test_a_key_needs_write_access_and_main_protection(server: str) -> None:
    text = told(f"git@{server}:ops/fleet.git")

    assert "write" in text
    assert "main" in text
    assert "token" not in text


@pytest.mark.parametrize("server", ["github.com", "gitlab.com", "codeberg.org", "git.example.com"])
def test_a_token_goes_into_its_file_without_a_trace(server: str) -> None:
    """Neither as an argument nor through echo."""
    text = told(f"https://{server}/ops/fleet.git")

    assert "install -m 600 /dev/stdin /etc/trued/token" in text
    assert "deploy key" not in text.lower().replace("deploy keys not among them", "").replace(
        "no deploy keys", ""
    )


def test_a_server_of_ones_own_gets_the_lines_to_paste() -> None:
    """authorized_keys(5) and gitolite.conf; only the host's own branch of reports can be written."""
    text = told("git@git.example.com:ops/fleet.git")

    assert (
        'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" ssh-ed25519 AAAA trued@edge-01' in text
    )
    assert "RW status/edge-01$ = edge-01" in text
    assert "~git/.ssh/authorized_keys" in text
