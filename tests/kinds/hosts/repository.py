"""
Hosts with apt, which reads the sources it is given and puts lists where the real one does.

In a case `down` has URIs that cannot be reached, and `without_apt` says that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from agent.host import Answer
from agent.kinds.repository.deb822 import stanzas
from tests.fakes import FakeHost, Node

WHOLE = b"-----BEGIN PGP SIGNED MESSAGE-----\nOrigin: x\n-----END PGP SIGNATURE-----\n"
LISTS = PurePosixPath("/var/lib/apt/lists")


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    def apt(argv: tuple[str, ...], stdin: bytes) -> Answer:
        assert ("apt-get", "update", "-q") == argv[:3]
        given = dict(word.removeprefix("-o").split("=") for word in argv[3:])
        assert ("-", "0", "any") == (
            given["Dir::Etc::sourceparts"],
            given["APT::Get::List-Cleanup"],
            given["APT::Update::Error-Mode"],
        )
        for stanza in stanzas(host.nodes[PurePosixPath(given["Dir::Etc::sourcelist"])].data.decode()):
            for keyring in stanza.get("signed-by", ()):
                if PurePosixPath(keyring) not in host.nodes:
                    return Answer(100, "", "E: The repository is not signed.")
            for uri in stanza["uris"]:
                if uri in case.get("down", ()):
                    return Answer(100, "", f"E: Failed to fetch {uri}")
                for suite in stanza["suites"]:
                    name = uri.partition("://")[2].replace("/", "_") + f"_dists_{suite}_InRelease"
                    host.nodes[LISTS / name] = Node.file(WHOLE)
        return Answer(0, "", "")

    if case.get("without_apt"):
        return
    for folder in ("/etc/apt/sources.list.d", *case.get("folders", ["/etc/apt/keyrings"]), str(LISTS)):
        for path in (PurePosixPath(folder), *PurePosixPath(folder).parents):
            host.nodes.setdefault(path, Node.folder())
    host.commands["apt-get"] = apt
