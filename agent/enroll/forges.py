"""What a person has to do on the server, in words: for GitHub, GitLab, Gitea and Forgejo, and a server of one's own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.git.address import Place, Transport
from agent.values import dataclass

GITHUB, GITLAB, GITEA, PLAIN = "GitHub", "GitLab", "Gitea or Forgejo", "a server of your own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Who is to be let in, and what to. `public_key`: empty where a token is the way."""

    host: str
    place: Place
    branch: str
    public_key: str = ""
    token_file: str = ""

    @property
    def status(self) -> str:
        return f"status/{self.host}"

    @property
    def repository(self) -> str:
        """OWNER/NAME, as in the address of its page."""
        return self.place.path.strip("/").removeprefix("~").removesuffix(".git")


def forges(server: str) -> tuple[str, ...]:
    """Return which forge runs there, or all that it may be."""
    known = {
        GITHUB: r"(^|\.)github(\.|$)",
        GITLAB: r"(^|\.)gitlab(\.|$)",
        GITEA: r"(^|\.)(gitea|forgejo|codeberg)(\.|$)",
    }
    found = tuple(name for name, pattern in known.items() if re.search(pattern, server.lower()))
    return found or (GITHUB, GITLAB, GITEA, PLAIN)


def published(server: str) -> str:
    """Return where the operator of a server says what its host keys are."""
    name = server.lower()
    if name in {"github.com", "ssh.github.com"}:
        return f"see {_GITHUB_DOCS}/githubs-ssh-key-fingerprints"
    if name == "codeberg.org":
        return "see https://docs.codeberg.org/security/ssh-fingerprint/"
    if forges(name) == (GITLAB,):
        return f"see https://{name.removeprefix('altssh.')}/help/instance_configuration"
    return "on the server: cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -"


_GITHUB_DOCS = "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure"


def guide(guest: Guest) -> Iterator[str]:
    """Yield what to do, a forge after the other where it is not known which it is."""
    names = forges(guest.place.host)
    for name in names:
        yield f"On {name}:" if len(names) == 1 else f"If it is {name}:"
        steps = _BY_KEY[name](guest) if guest.place.transport is Transport.SSH else _BY_TOKEN[name](guest)
        for number, step in enumerate(steps, start=1):
            yield f"  {number}. {step}"


def _page(guest: Guest, path: str) -> str:
    return f"https://{guest.place.host.removeprefix('ssh.')}/{guest.repository}{path}"


def _github_key(guest: Guest) -> Iterator[str]:
    yield f"Settings > Deploy keys > Add deploy key: {_page(guest, '/settings/keys/new')}"
    yield f'Paste the public key, title trued@{guest.host}, and tick "Allow write access": reports are pushed with it.'
    yield from _github_rules(guest)
    yield _second_repository("deploy key")


def _github_rules(guest: Guest) -> Iterator[str]:
    yield (
        f"Settings > Rules > Rulesets > New branch ruleset: target {guest.branch}, or better all branches but status/**;"
        ' "Restrict creations", "Restrict updates", "Restrict deletions"; only people on the bypass list, no deploy keys.'
    )


def _gitlab_key(guest: Guest) -> Iterator[str]:
    yield f"Settings > Repository > Deploy keys > Add new key: {_page(guest, '/-/settings/repository')}"
    yield (
        f"Paste the public key, title trued@{guest.host}, and tick"
        ' "Grant write permissions to this key": reports are pushed with it.'
    )
    yield (
        f'Protected branches, on the same page: {guest.branch}, "Allowed to push and merge": people only, no deploy key.'
    )
    yield (
        f"To limit the key to its own branch: protect * for Maintainers, and {guest.status} with this deploy key in"
        ' "Allowed to push and merge"; whoever adds the key must be let in there, too.'
    )


def _gitea_key(guest: Guest) -> Iterator[str]:
    yield f"Settings > Deploy keys > Add deploy key: {_page(guest, '/settings/keys')}"
    yield f"Paste the public key, title trued@{guest.host}, and tick the box that enables write access: reports are pushed with it."
    yield from _gitea_rules(guest)
    yield _second_repository("deploy key")


def _gitea_rules(guest: Guest) -> Iterator[str]:
    yield (
        f"Settings > Branches > Add rule for {guest.branch}: pushing only for listed users, deploy keys not among them."
    )


def _plain_key(guest: Guest) -> Iterator[str]:
    user, key = guest.place.user, guest.public_key
    yield (
        f"Plain sshd with git-shell, in ~{user}/.ssh/authorized_keys, one line (it opens every repository of that user):\n"
        f'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" {key}'
    )
    yield f"There, a pre-receive hook that lets this key move nothing but refs/heads/{guest.status} keeps {guest.branch} safe."
    yield (
        f"Gitolite: keydir/{guest.host}.pub with the public key, and in conf/gitolite.conf:\n"
        f"repo {guest.repository}\n"
        f"    R                      = {guest.host}\n"
        f"    RW {guest.status}$ = {guest.host}"
    )


def _github_token(guest: Guest) -> Iterator[str]:
    yield "As an account for machines: Settings > Developer settings > Personal access tokens > Fine-grained tokens:"
    yield f'Only this repository ({guest.repository}), permission "Contents": "Read and write", nothing else.'
    yield _keep(guest)
    yield from _github_rules(guest)


def _gitlab_token(guest: Guest) -> Iterator[str]:
    yield f"Settings > Access tokens > Add new token: {_page(guest, '/-/settings/access_tokens')}"
    yield "Role Developer, scopes read_repository and write_repository, nothing else."
    yield _keep(guest)
    yield f'Settings > Repository > Protected branches: {guest.branch}, "Allowed to push and merge": Maintainers only.'


def _gitea_token(guest: Guest) -> Iterator[str]:
    yield (
        f"As an account for machines that is a collaborator of {guest.repository} with write access:"
        " Settings > Applications > Generate new token:"
    )
    yield 'Permission "repository": "Read and write", nothing else.'
    yield _keep(guest)
    yield from _gitea_rules(guest)


def _plain_token(guest: Guest) -> Iterator[str]:
    yield "Make a user for this host, or for all; its password goes into the token file as user:password."
    yield _keep(guest)
    yield f"A pre-receive hook that lets this user move nothing but refs/heads/{guest.status} keeps {guest.branch} safe."


def _keep(guest: Guest) -> str:
    """Return how a token gets into its file without a trace in the shell's history or the list of processes."""
    return f"install -m 600 /dev/stdin {guest.token_file}   (paste the token, Enter, Ctrl-D)"


def _second_repository(what: str) -> str:
    return (
        f"This forge does not tell one {what} from another. To keep the fleet repository read-only for hosts: add the key"
        " without write access here, and give reports a repository and a second key of their own"
        " (status: {url: …, ssh_key: …} in agent.yaml)."
    )


_BY_KEY = {GITHUB: _github_key, GITLAB: _gitlab_key, GITEA: _gitea_key, PLAIN: _plain_key}
_BY_TOKEN = {GITHUB: _github_token, GITLAB: _gitlab_token, GITEA: _gitea_token, PLAIN: _plain_token}
