"""The kind `volume`: what can be declared, and that none is ever removed."""

from __future__ import annotations

import pytest

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import DocumentError, HostError
from agent.kinds.volume import KIND, VolumeSpec
from agent.model import Stale
from tests.fakes import FakeHost
from tests.kinds.hosts.engine import furnish


def spec(text: str) -> VolumeSpec:
    node = parse(text.encode(), "base.yaml")
    assert node is not None
    return decode(node, VolumeSpec)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{name: other}", "name: not supported: the name of the entry is the name on the host"),
        ("{state: absent}", "state: not supported: a volume may hold data, and trued removes none"),
        ("{external: true, driver: nfs}", "an external volume is somebody else's: it has no driver"),
        ("{external: true, labels: [a=1]}", "an external volume is somebody else's: it has no labels"),
        ("{driver: ''}", "driver: expected a name, as in local"),
        ("{labels: [io.trued.declared=x]}", "labels: those that begin with io.trued. are trued's own"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        spec(text)
    assert reason in str(caught.value)


def test_it_is_never_removed() -> None:
    host = FakeHost()
    furnish(host, {"engine": {"volumes": {"data": {"declared": {}}}}})
    have = KIND.observe(host.probe(), {"data": None})["data"]

    assert KIND.exists(have)
    assert () == tuple(KIND.steps("data", None, have, stale=Stale.NO))
    assert "a volume may hold data; by hand: docker volume rm data" == KIND.leaves("data", have)


def test_options_are_told_nowhere() -> None:
    """There may be a password among them."""
    want = spec("{driver_opts: {o: 'password=hunter2'}}")
    host = FakeHost()
    furnish(host, {"engine": {"volumes": {"data": {"DriverOpts": {"o": "password=tiger"}}}}})
    have = KIND.observe(host.probe(), {"data": want})["data"]
    with pytest.raises(HostError) as caught:
        list(KIND.steps("data", want, have, stale=Stale.NO))
    (step,) = KIND.steps("data", want, None, stale=Stale.NO)
    said = f"{caught.value.reason} {want!r} {have!r} {step!r} {KIND.fingerprint(want)}"

    assert not {"hunter2", "tiger"} & set(said.replace("=", " ").replace("'", " ").split())
    assert "hunter2" not in said
