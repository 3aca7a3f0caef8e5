"""The users of people on this host, as a document would declare them. Only looks; passwords are never told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.errors import HostError
from agent.host import Accounts, PasswdEntry, Probe
from agent.kinds import Found
from agent.kinds.user.keys import Key, parse_key
from agent.kinds.user.observe import UserState, observe
from agent.kinds.user.spec import UserSpec
from agent.kinds.user.steps import steps
from agent.model import AccountId, AccountName

ASKS_FOR_KEYS = UserSpec(exclusive_keys=True)  # so that they are looked at


def survey(probe: Probe) -> Iterator[Found]:
    """Yield each of them, such that a plan for it is empty; raises HostError."""
    accounts = probe.accounts()
    for line in sorted(accounts.users.values(), key=lambda line: line.name):
        if line.uid in accounts.uids:
            yield _found(probe, accounts, line)
    for name, error in sorted(accounts.broken_users.items()):
        yield Found(name=name, entry=None, skipped=error.reason)


def _found(probe: Probe, accounts: Accounts, line: PasswdEntry) -> Found:
    try:
        spec = _spec(accounts, line)
    except ValueError as error:
        return Found(name=line.name, entry=None, skipped=str(error))
    if keys := _keys(probe, line.name):
        with_keys = replace(spec, authorized_keys=keys)
        if not _left_to_do(probe, line.name, with_keys):
            return Found(name=line.name, entry=_entry(with_keys))
    if why := _left_to_do(probe, line.name, spec):
        return Found(name=line.name, entry=None, skipped=why)
    return Found(name=line.name, entry=_entry(spec))


def _spec(accounts: Accounts, line: PasswdEntry) -> UserSpec:
    """Return the declaration of a user without its keys; raises ValueError for what cannot be declared."""
    AccountName.parse(line.name)
    group = accounts.group_of(line.gid)
    return UserSpec(
        uid=AccountId.parse(str(line.uid)),
        group=AccountName.parse(group) if group and group != line.name else None,
        groups=tuple(AccountName.parse(name) for name in sorted(accounts.groups_with(line.name) - {group})),
        comment=line.comment or None,
        home=line.home or None,
        shell=line.shell or None,
    )


def _keys(probe: Probe, name: str) -> tuple[str, ...]:
    """Return the keys that ssh takes, each once; none where they cannot be read."""
    found = observe(probe, {name: ASKS_FOR_KEYS})[name]
    if not isinstance(found, UserState) or found.home is None:
        return ()
    lines = found.home.content.decode("utf-8", "replace").splitlines()
    keys: dict[bytes, str] = {}
    for key in filter(None, map(_key, lines)):
        keys.setdefault(key.blob, key.line)
    return tuple(keys.values())


def _key(line: str) -> Key | None:
    try:
        return parse_key(line)
    except ValueError:
        return None


def _left_to_do(probe: Probe, name: str, spec: UserSpec) -> str:
    have = observe(probe, {name: spec})[name]
    if isinstance(have, HostError):
        return have.reason
    try:
        return ", ".join(step.why for step in steps(name, spec, have))
    except HostError as error:
        return error.reason


def _entry(spec: UserSpec) -> object:
    return {key: _plain(getattr(spec, key)) for key in spec.given}


def _plain(value: object) -> object:
    match value:
        case tuple():
            return [str(each) for each in value]
        case str():
            return str(value)
        case bool():
            return value
        case int():
            return int(value)
    return value
