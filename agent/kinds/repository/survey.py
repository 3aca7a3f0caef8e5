"""The sources of apt that are on a host, as entries. Only looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from agent.host import Probe, entry_at
from agent.kinds import Found
from agent.kinds.repository.deb822 import Stanza, plain, stanzas
from agent.kinds.repository.others import APT, LARGEST, SOURCES
from agent.kinds.repository.spec import RepositorySpec, checked_name

_LISTS: Final = ("types", "uris", "suites", "components", "architectures")
_CALLED: Final = {"signed-by": "signed_by", "trusted": "trusted", "enabled": "enabled"}


def survey(probe: Probe) -> Iterator[Found]:
    """Yield the sources in a file of their own with one stanza; of others, why a person has to write them."""
    if entry_at(probe, SOURCES) is None:
        return
    if b"deb" in (probe.content(APT / "sources.list", limit=LARGEST) or b""):
        yield _by_hand("sources.list", APT / "sources.list", "is in the one-line style")
    for name in probe.names(SOURCES):
        path = SOURCES / name
        if name.endswith(".list"):
            yield _by_hand(path.stem, path, "is in the one-line style")
        elif name.endswith(".sources"):
            yield _found(probe, path)


def _found(probe: Probe, path: PurePosixPath) -> Found:
    found = stanzas((probe.content(path, limit=LARGEST) or b"").decode(errors="replace"))
    if len(found) != 1:
        return _by_hand(path.stem, path, f"has {len(found)} stanzas, and an entry is one")
    try:
        checked_name(path.stem)
        return Found(name=path.stem, entry=_entry(plain(found[0])))
    except ValueError as error:
        return _by_hand(path.stem, path, f"cannot be an entry as it is: {error}")


def _entry(stanza: Stanza) -> dict[str, Any]:
    """Return a stanza as an entry; raises ValueError for what an entry cannot say."""
    entry: dict[str, Any] = {name: list(stanza[name]) for name in _LISTS if name in stanza}
    if entry.get("types") == ["deb"]:
        del entry["types"]
    if "enabled" in stanza:
        entry["enabled"] = False
    if "signed-by" in stanza:
        entry["signed_by"] = " ".join(stanza["signed-by"])
    if stanza.get("trusted") == ("yes",):
        entry["trusted"] = True
    options = {name: " ".join(words) for name, words in stanza.items() if name not in (*_LISTS, *_CALLED)}
    if options:
        entry["options"] = options
    if not str(entry.get("signed_by", "/")).startswith("/"):
        raise ValueError("its key stands in it; an entry has it in a file of its own, see signed_by")
    lists = {name: tuple(words) for name, words in entry.items() if name in _LISTS}
    RepositorySpec(**(entry | lists))
    return entry


def _by_hand(name: str, path: PurePosixPath, why: str) -> Found:
    return Found(
        name=name, entry=None, skipped=f"{path} {why}: declare it in `repositories`, and then remove it"
    )
