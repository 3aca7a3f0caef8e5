"""What is said of a container that is as declared, as far as this host can have it so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.kinds.container import KIND
from agent.kinds.container.state import ContainerState
from tests.fakes import FakeHost
from tests.kinds.hosts.engine import made
from tests.kinds.services import web

LACKING = {"BlkioWeight": "Your kernel does not support Block I/O weight. Weight discarded."}


def health(text: str, limits: Mapping[str, Any], lacking: Mapping[str, str]) -> str:
    """Return what is said of a container that runs with these limits, of an engine that has left out others."""
    host, want = FakeHost(), web(text)
    host.engine = made({"lacking": lacking, "containers": {"web": {"HostConfig": limits}}})
    have = KIND.observe(host.probe(), {"web": want})["web"]
    assert isinstance(have, ContainerState)
    return KIND.health("web", want, have)


def test_a_limit_that_this_host_cannot_give_is_told_with_the_words_of_the_engine() -> None:
    assert (
        "runs without a limit that this host cannot give it: blkio_config.weight: Your kernel does not support Block I/O"
        " weight. Weight discarded."
    ) == health("blkio_config: {weight: 300}", {}, LACKING)


def test_nothing_is_said_of_a_limit_that_is_there_or_that_nobody_declares() -> None:
    assert "" == health("blkio_config: {weight: 300}", {"BlkioWeight": 300}, LACKING)
    assert "" == health("pids_limit: 9", {"PidsLimit": 9}, LACKING)
