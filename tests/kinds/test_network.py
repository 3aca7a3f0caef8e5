"""The kind `network`: what can be declared, what stays, and that nothing is decided while no engine answers."""

from __future__ import annotations

import pytest

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import DocumentError
from agent.kinds import NotYetError
from agent.kinds._engine.networks import NetworkSpec
from agent.kinds.network import KIND
from agent.model import PutNetwork, ResourceId, Stale
from tests.fakes import FakeHost
from tests.kinds.hosts.engine import furnish


def spec(text: str) -> NetworkSpec:
    node = parse(text.encode(), "base.yaml")
    assert node is not None
    return decode(node, NetworkSpec)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{name: other}", "name: not supported: the name of the entry is the name on the host"),
        ("{enable_ipv4: true}", "enable_ipv4: not supported: engines before Docker 28"),
        ("{state: absent, internal: true}", "a network that is absent has no other keys"),
        ("{state: absent, external: true}", "a network that is absent has no other keys"),
        ("{external: true, driver: macvlan}", "an external network is somebody else's: it has no driver"),
        ("{driver: ''}", "driver: expected a name, as in bridge"),
        ("{ipam: {config: [{gateway: 10.0.0.1}]}}", "key 'subnet' is missing"),
        ("{ipam: {config: [{subnet: 10.0.0.1/8}]}}", "subnet: expected a network, as in 172.28.0.0/16"),
        (
            "{ipam: {config: [{subnet: 10.0.0.0/8, gateway: 11.0.0.1}]}}",
            "gateway: 11.0.0.1 is not within 10.0.0.0/8",
        ),
        (
            "{ipam: {config: [{subnet: 10.0.0.0/8, gateway: here}]}}",
            "gateway: expected an address, as in 172.28.0.1",
        ),
        (
            "{ipam: {config: [{subnet: 10.0.0.0/8, ip_range: 'fd00::/64'}]}}",
            "ip_range: fd00::/64 is not within 10.0.0.0/8",
        ),
        (
            "{ipam: {config: [{subnet: 10.0.0.0/8, aux_addresses: {a: 1.2.3.4}}]}}",
            "aux_addresses.a: 1.2.3.4 is not within",
        ),
        ("{labels: {io.trued.x: y}}", "labels: those that begin with io.trued. are trued's own"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        spec(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["bridge", "host", "none"])
def test_the_networks_of_the_engine_itself_are_not_declared(name: str) -> None:
    with pytest.raises(ValueError, match="is the engine's own"):
        KIND.name(name)


def test_names() -> None:
    assert ("trued_default", "front") == (KIND.name("default"), KIND.name("front"))
    with pytest.raises(ValueError, match="expected a name of 2 to 128"):
        KIND.name("a b")


def test_what_is_given_as_it_is_by_default_changes_nothing() -> None:
    """So a network is not made anew because somebody wrote out what it has been all along."""
    assert {} == spec("{driver: bridge, internal: false, ipam: {driver: default, config: []}}").declared
    assert spec("{labels: [a=1]}") == spec("{labels: {a: 1}}")


def host_with(**engine: object) -> FakeHost:
    host = FakeHost()
    furnish(host, {"engine": engine})
    return host


def have_of(host: FakeHost, want: NetworkSpec | None = None) -> object:
    return KIND.observe(host.probe(), {"front": want})["front"]


def test_a_network_that_somebody_elses_container_is_in_stays() -> None:
    guests = {"web": {"networks": {"front": {}}}, "ours": {"networks": {"front": {}}, "declared": {}}}
    have = have_of(host_with(networks={"front": {"declared": {}}}, containers=guests))

    assert "used by container web, which trued did not make" == KIND.leaves("front", have)
    absent = spec("{state: absent}")
    assert "network front is used by container web, which trued did not make" == KIND.objection(
        "front", absent, have, ()
    )
    assert "" == KIND.objection("front", None, have, ())


def test_a_network_that_our_own_containers_are_in_goes_once_they_are_gone() -> None:
    """At first it is to go, for they may go before it; right before, it stays if they are there still."""
    guests = {name: {"networks": {"front": {}}, "declared": {}} for name in ("db", "web")}
    host = host_with(networks={"front": {"declared": {}}}, containers=guests)

    assert ("", "used by containers db, web") == (
        KIND.leaves("front", have_of(host)),
        KIND.clings("front", have_of(host)),
    )
    host.answering().has.clear()
    assert "" == KIND.clings("front", have_of(host))


def test_a_network_that_trued_did_not_make_stays() -> None:
    assert "trued did not make it" == KIND.leaves("front", have_of(host_with(networks={"front": {}})))


def test_who_comes_and_goes_in_a_network_is_no_news() -> None:
    host = host_with(networks={"front": {"declared": {}}}, containers={"web": {"networks": {"front": {}}}})
    before = have_of(host, NetworkSpec())
    host.answering().has.clear()

    assert before == have_of(host, NetworkSpec())


def test_containers_are_in_it_again_after_it_was_made_anew() -> None:
    host = host_with(networks={"front": {"declared": {}}}, containers={"web": {"networks": {"front": {}}}})
    want = spec("{internal: true}")
    (step,) = KIND.steps("front", want, have_of(host, want), stale=Stale.NO)
    assert isinstance(step, PutNetwork)
    host.perform(step)
    there = host.answering().networks()["front"]

    assert there["Internal"]
    assert ["web"] == [guest["Name"] for guest in there["Containers"].values()]


def test_while_no_engine_answers_it_may_be_that_it_will() -> None:
    """Where its package is installed in the same plan, it is decided as if nothing were there."""
    have = have_of(FakeHost(), NetworkSpec())
    assert not KIND.exists(have)
    with pytest.raises(NotYetError):
        list(KIND.steps("front", NetworkSpec(), have, stale=Stale.NO))
    package = ResourceId("package", "docker.io")

    assert [package] == list(KIND.edges("front", NetworkSpec(), {package}))
    assert KIND.late
