"""The kind `image`: when a registry is asked, what goes, and what is told of trouble."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import HostError
from agent.kinds._engine.images import ImageSpec
from agent.kinds._engine.references import REST
from agent.kinds.image import KIND, LEFT_OVER, LOGINS, ImageState
from agent.model import PullImage, RemoveImage, ResourceId, Stale, Step
from tests.fake_engine import FakeEngine
from tests.fakes import FakeHost
from tests.kinds.hosts.engine import furnish

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
WEB = "web:1"


def host_with(**engine: object) -> FakeHost:
    host = FakeHost()
    furnish(host, {"engine": engine})
    return host


def have_of(host: FakeHost, want: ImageSpec | None, *, prune: bool = False) -> Any:
    wants = {WEB: want} | ({"unused": ImageSpec(prune=True)} if prune else {})
    return KIND.observe(host.probe(), wants)[WEB]


def steps(want: ImageSpec | None, have: Any) -> list[Step]:
    return list(KIND.steps(WEB, want, have, stale=Stale.NO))


def test_a_registry_is_asked_as_often_as_is_declared() -> None:
    host = host_with(images={WEB: {"digest": ONE}}, registry={WEB: {"digest": ONE}})
    for age in (-1.0, 3600.0, None):
        have_of(host, ImageSpec(implied=True, age=age))

    assert [(WEB, 3600.0)] == host.answering().asked


class Remembering(FakeEngine):
    """An engine whose registries have been asked a while ago, before they had something new."""

    def digest(self, reference: str, *, age: float) -> str:
        return ONE if age > 60 else super().digest(reference, age=age)


def test_an_old_answer_is_no_reason_to_pull() -> None:
    """Somebody may have pulled by hand since: else it would be pulled in vain until the answer is too old."""
    host = host_with(images={WEB: {"digest": TWO}}, registry={WEB: {"digest": TWO}})
    host.engine = Remembering(pulled=host.answering().pulled, registry=host.answering().registry)
    want = ImageSpec(implied=True, age=3600.0)

    assert [] == steps(want, have_of(host, want))


def test_a_registry_that_cannot_be_asked_is_told_and_stops_nothing() -> None:
    host = host_with(images={WEB: {"digest": ONE}}, registry={WEB: {"error": "no route to host"}})
    want = ImageSpec(implied=True, age=0.0)
    have = have_of(host, want)

    assert [] == steps(want, have)
    assert "the registry cannot be asked for a newer one: web:1: no route to host" == KIND.health(
        WEB, want, have
    )


def test_an_image_that_is_missing_and_cannot_be_asked_for_is_still_to_be_pulled() -> None:
    host = host_with(registry={WEB: {"error": "no route to host"}})
    want = ImageSpec(implied=True)
    have = have_of(host, want)

    assert [PullImage(name=WEB, why="is not here, and web:1: no route to host")] == steps(want, have)
    assert not KIND.exists(have)
    assert "" == KIND.health(WEB, want, have)


def test_an_image_for_another_machine_is_not_pulled_where_none_is() -> None:
    host = host_with(images={WEB: {"digest": ONE}})
    want = ImageSpec(implied=True, age=None, platform="linux/arm64")
    with pytest.raises(
        HostError, match="image web:1 is for linux/amd64, wanted linux/arm64, and is declared never"
    ):
        steps(want, have_of(host, want))


def test_an_image_goes_only_where_that_is_declared() -> None:
    host = host_with(images={WEB: {"digest": ONE}})

    assert "" == KIND.leaves(WEB, have_of(host, None, prune=True))
    assert "images go only with `images: {prune: true}`" == KIND.leaves(WEB, have_of(host, None))
    assert "" == KIND.clings(WEB, have_of(host, None))


def test_an_image_that_somebody_elses_container_uses_stays() -> None:
    host = host_with(containers={"theirs": {"Image": WEB}, "ours": {"Image": WEB, "declared": {}}})
    have = have_of(host, None, prune=True)

    assert "used by container theirs, which trued did not make" == KIND.leaves(WEB, have)


def test_an_image_that_our_own_container_uses_goes_once_that_has_another_one() -> None:
    """At first it is to go, for the container may be made anew before; right before, it stays if it was not."""
    host = host_with(containers={"ours": {"Image": WEB, "declared": {}}})
    have = have_of(host, None, prune=True)
    assert ("", "used by container ours") == (KIND.leaves(WEB, have), KIND.clings(WEB, have))
    host.answering().has.clear()

    assert "" == KIND.clings(WEB, have_of(host, None, prune=True))


def test_who_uses_a_wanted_image_is_no_news() -> None:
    host = host_with(containers={"ours": {"Image": WEB, "declared": {}}})
    want = ImageSpec(implied=True)
    before = have_of(host, want)
    host.answering().has.clear()

    assert before == have_of(host, want)


def test_one_of_several_tags_goes_though_our_own_container_uses_the_image_by_another_one() -> None:
    """It is only the name that goes; a container that was not made anew still was made by it."""
    host = host_with(containers={"ours": {"Image": WEB, "declared": {}}})
    (found,) = host.answering().pulled.values()
    found["RepoTags"].append("web:1.4")
    engine = host.answering()
    engine.has["ours"]["Config"]["Image"] = "web:1.4"

    assert "" == KIND.clings(WEB, have_of(host, None, prune=True))
    engine.has["ours"]["Config"]["Image"] = WEB
    assert "used by container ours" == KIND.clings(WEB, have_of(host, None, prune=True))


def moved(**engine: object) -> FakeHost:
    """Return a host whose tag stood for ONE when it was pulled first."""
    host = host_with(registry={WEB: {"digest": ONE}}, **engine)
    host.perform(PullImage(name=WEB, why=""))
    host.answering().registry[WEB] = {"digest": TWO}
    host.perform(PullImage(name=WEB, why=""))
    return host


def test_what_a_tag_stood_for_before_goes_where_that_is_declared() -> None:
    host, want = moved(), ImageSpec(implied=True)
    stray = f"web@{ONE}"

    assert {WEB} == KIND.observe(host.probe(), {WEB: want}).keys()
    found = KIND.observe(host.probe(), {WEB: want, REST: ImageSpec(prune=True)})
    assert {WEB, REST, stray} == found.keys()
    (step,) = KIND.steps(stray, None, found[stray], stale=Stale.NO)
    assert RemoveImage(name=stray, why=LEFT_OVER) == step
    again = KIND.observe(host.probe(), {stray: None, REST: ImageSpec(prune=True)})[stray]
    assert again is not None
    assert not isinstance(again, HostError)
    assert ("", "") == (KIND.leaves(stray, again), KIND.clings(stray, again))
    host.perform(step)
    assert {WEB, REST} == KIND.observe(host.probe(), {WEB: want, REST: ImageSpec(prune=True)}).keys()


def test_what_a_tag_stood_for_before_stays_where_it_is_of_use_or_not_ours() -> None:
    """A container has it; it is declared by its digest; or no declared image comes from where it came from."""
    want, rule = ImageSpec(implied=True), ImageSpec(prune=True)
    used = moved()
    first = used.answering().image(f"web@{ONE}")
    assert first is not None
    used.answering().has["theirs"] = {"Image": first["Id"]}

    assert {WEB, REST} == KIND.observe(used.probe(), {WEB: want, REST: rule}).keys()
    declared = {WEB: want, f"docker.io/library/web@{ONE}": want, REST: rule}
    assert declared.keys() == KIND.observe(moved().probe(), declared).keys()
    assert {"db:1", REST} == KIND.observe(moved().probe(), {"db:1": want, REST: rule}).keys()


def test_the_rule_for_the_others_needs_no_engine() -> None:
    rule = ImageSpec(prune=True)
    have = KIND.observe(FakeHost().probe(), {"unused": rule})["unused"]

    assert have is None
    assert [] == list(KIND.steps("unused", rule, have, stale=Stale.NO))
    assert [] == list(KIND.edges("unused", rule, {ResourceId("package", "docker.io")}))


def test_what_a_registry_asks_for_comes_before_what_it_has() -> None:
    files = {
        ResourceId("file", path)
        for path in (str(LOGINS[0]), "/etc/docker/certs.d/registry.example.com:5000/ca.crt")
    }
    declared = {*files, ResourceId("file", "/etc/docker/certs.d/docker.io/ca.crt")}
    want = ImageSpec(implied=True)

    assert files == set(KIND.edges("registry.example.com:5000/web", want, declared))


def test_a_tag_that_moved_takes_its_name_along() -> None:
    host = host_with(images={WEB: {"digest": ONE}}, registry={WEB: {"digest": TWO}})
    want = ImageSpec(implied=True, age=0.0)
    for step in steps(want, have_of(host, want)):
        host.perform(step)
    have = have_of(host, want)

    assert isinstance(have, ImageState)
    assert {TWO} == have.digests
    assert [] == steps(want, have)
