"""`trued enroll`: puts down what this host needs to follow a repository, and says what to do on the server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.cli.assemble import config_path, ref_of, source_access
from agent.cli.doctor import as_data, show, way_in
from agent.cli.screen import Screen
from agent.config import HostName, Settings, this_machine
from agent.doctor import Finding, Grade, examine
from agent.enroll import keys, settings
from agent.enroll.forges import Guest, guide, published
from agent.enroll.keys import HostKey
from agent.enroll.place import sole
from agent.errors import ConfigError, UsageError
from agent.git.address import Access, Place, Ref, Transport
from agent.status.text import visible
from agent.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What is in place now."""

    settings: Settings
    guest: Guest
    written: bool  # agent.yaml was written now; else it said the same already
    pinned: tuple[str, ...] = ()


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Enroll, try the access, and say what comes next; 0 also while the server does not let this host in yet."""
    config = config_path(args.config).absolute()
    server = settings.server(args.url)
    wish = _wish(args, config.parent, server)
    with sole(config.parent):
        done = _enroll(args, screen, config, wish, server)
    if not screen.json:
        for line in told(done):
            screen.line(visible(line) if line else "")
        screen.line("Trying the way in:")
    with ExitStack() as stack, screen.waiting("asking the server"):
        source = source_access(done.settings)
        findings = tuple(examine(way_in(source, ref_of(done.settings), done.settings, stack)))
    if screen.json:
        screen.document(_as_data(done, findings))
        return 0
    for finding in findings:
        show(finding, screen)
    screen.line()
    for line in _next(findings):
        screen.line(line)
    return 0


def _wish(args: argparse.Namespace, folder: Path, server: Place) -> settings.Wish:
    """Return what agent.yaml is to say; raises UsageError for options that do not fit."""
    host = _host(args.host)
    try:
        Ref(branch=args.branch or "main")
    except ValueError as error:
        raise UsageError(f"--branch: {error}") from error
    by = server.transport
    _fits(args, by)
    token = (args.token_file or folder / "token") if by is Transport.HTTP else None
    wish = settings.Wish(
        host=host,
        url=args.url,
        branch=args.branch or "main",
        token_file=token and token.absolute(),
        ca_file=args.ca_file and args.ca_file.absolute(),
        ssh_key=folder / "id_ed25519" if by is Transport.SSH else None,
        known_hosts=(args.known_hosts or folder / "known_hosts").absolute() if by is Transport.SSH else None,
    )
    try:
        Access(url=wish.url, token_file=wish.token_file, ca_file=wish.ca_file)
    except ValueError as error:
        raise UsageError(f"the URL: {error}") from error
    return wish


def _host(given: str | None) -> HostName:
    try:
        return this_machine() if given is None else HostName.parse(given)
    except ValueError as error:
        raise UsageError(f"--host: {error}") from error
    except ConfigError as error:
        raise UsageError(str(error), hint="name this host in the fleet: --host NAME") from error


def _fits(args: argparse.Namespace, by: Transport) -> None:
    for name, only in (
        ("token_file", Transport.HTTP),
        ("ca_file", Transport.HTTP),
        ("known_hosts", Transport.SSH),
        ("fingerprint", Transport.SSH),
    ):
        if getattr(args, name) is not None and by is not only:
            word = {Transport.HTTP: "https", Transport.SSH: "ssh"}[only]
            raise UsageError(f"--{name.replace('_', '-')}: goes with {word}, and this URL does not")


def _enroll(
    args: argparse.Namespace, screen: Screen, config: Path, wish: settings.Wish, server: Place
) -> Enrolled:
    """Put down key and host keys first, agent.yaml last: where that is, all is."""
    asked = {"url": wish.url}
    asked |= {} if args.host is None else {"host": wish.host}
    asked |= {} if args.branch is None else {"branch": wish.branch}
    known = settings.there(config, asked)
    source = known.source if known else wish
    host = known.host if known else wish.host
    pinned: tuple[str, ...] = ()
    public = ""
    if server.transport is Transport.SSH:
        pinned = _pinned(args, screen, source.known_hosts, server)
        public = keys.deploy_key(source.ssh_key, f"trued@{host}") if source.ssh_key else ""
    said = known or settings.write(config, wish)
    guest = Guest(
        host=said.host,
        place=server,
        branch=said.source.branch or wish.branch,
        public_key=public,
        token_file=str(said.source.token_file or ""),
    )
    return Enrolled(settings=said, guest=guest, written=known is None, pinned=pinned)


def _pinned(
    args: argparse.Namespace, screen: Screen, known_hosts: Path | None, server: Place
) -> tuple[str, ...]:
    if known_hosts is None:
        return ()
    if args.known_hosts is not None:
        if not args.known_hosts.is_file():
            raise UsageError(f"--known-hosts: {args.known_hosts}: there is no such file")
        if not (found := keys.pinned(keys.known_as(server), args.known_hosts.absolute())):
            raise UsageError(f"--known-hosts: {args.known_hosts}: {keys.known_as(server)} is not in it")
        return found
    return keys.pin(known_hosts, server, lambda shown: _agree(args, screen, shown, server))


def _agree(
    args: argparse.Namespace, screen: Screen, shown: Sequence[HostKey], server: Place
) -> Sequence[HostKey]:
    """Return the keys that somebody vouches for; raises UsageError if nobody does, SourceError for the wrong ones."""
    name = keys.known_as(server)
    if args.fingerprint:
        return keys.chosen(shown, args.fingerprint, name)
    screen.note(f"{name} shows these host keys:")
    for key in shown:
        screen.note(f"  {key.kind:<20} {key.fingerprint}")
    if args.yes:
        return shown
    if screen.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{name}: its host key is not trusted yet, and there is nobody to ask; nothing is written",
            hint=f"compare with what its operator says ({published(server.host)}), then say it again with"
            " --fingerprint SHA256:…, with --known-hosts FILE, or with --yes to trust what it shows now",
        )
    screen.note(f"Compare with what its operator says; {published(server.host)}")
    print("Are these its keys? [yes/no] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError(f"{name}: its host key is not trusted; nothing is written")
    return shown


def told(done: Enrolled) -> Iterator[str]:
    """Yield what was put down, and what to do on the server."""
    said = done.settings
    yield f"{'Wrote' if done.written else 'Left as it is'}: {said.file}: {said.host} follows {said.source.url}"
    if done.pinned:
        yield f"{said.source.known_hosts}: trusts the server by {', '.join(done.pinned)}"
    yield ""
    if done.guest.place.transport is Transport.LOCAL:
        return
    if done.guest.public_key:
        yield f"The public half of {said.source.ssh_key}, for the server:"
        yield ""
        yield done.guest.public_key
        yield ""
    for text in guide(done.guest):
        first, *rest = text.splitlines()
        yield first
        yield from (f"     {line}" for line in rest)
    yield ""


def _next(findings: Sequence[Finding]) -> Iterator[str]:
    if all(finding.found.grade in {Grade.OK, Grade.WARNING} for finding in findings):
        yield "This host is let in. Next, as root:"
        yield "  trued doctor     checks all the rest, the status branch among it"
        yield "  trued plan       says what would change here; trued apply does it"
        return
    yield "Not let in yet, as is usual before the server knows this host. Do what is said above, then:"
    yield "  trued doctor"


def _as_data(done: Enrolled, findings: Sequence[Finding]) -> dict[str, object]:
    source = done.settings.source
    return {
        "config": str(done.settings.file),
        "written": done.written,
        "host": done.settings.host,
        "url": source.url,
        "branch": source.branch,
        "public_key": done.guest.public_key or None,
        "ssh_key": source.ssh_key and str(source.ssh_key),
        "known_hosts": source.known_hosts and str(source.known_hosts),
        "token_file": source.token_file and str(source.token_file),
        "guide": [] if done.guest.place.transport is Transport.LOCAL else list(guide(done.guest)),
        "checks": [as_data(finding) for finding in findings],
    }
