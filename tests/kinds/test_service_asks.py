"""What follows from the declaration of a container for other things, and what can change while it runs."""

from __future__ import annotations

from agent.kinds._service import asks
from agent.kinds._service.health import Dependency
from agent.kinds._service.resources import NOT_LIMITED, stuck, tunable, tuned
from tests.kinds.services import ONE_OF_EACH, read, web


def test_every_limit_is_always_said() -> None:
    """An update says 0 for what is not limited, so that all that may differ can be compared."""
    for key, text in ONE_OF_EACH.items():
        assert set(NOT_LIMITED) == set(tunable(web(f"{key}: {text}")))


def test_limits_are_read_back_from_what_the_engine_tells() -> None:
    told = {
        "Memory": 64 << 20,
        "MemorySwap": 128 << 20,
        "PidsLimit": None,
        "CpusetCpus": "",
        "RestartPolicy": {"Name": ""},
    }

    assert tunable(web("mem_limit: 64m")) == tuned(told)
    assert NOT_LIMITED == tuned({"PidsLimit": -1})


def test_a_limit_that_is_lifted_takes_a_new_container() -> None:
    """As tried with Docker Engine 20.10: 0 in an update leaves what was before, but for processes."""
    have = tunable(web("mem_limit: 64m\npids_limit: 9\nrestart: always\ncpus: 1"))

    assert ("Memory", "MemorySwap", "NanoCpus") == stuck(have, tunable(web("")))
    assert () == stuck(have, tunable(web("mem_limit: 32m\ncpus: 2")))
    assert () == stuck(tunable(web("")), have)


def test_what_follows_for_other_things() -> None:
    spec = web(
        "volumes: ['data:/data', '/a:/b', '/anonymous']\nsecrets: [/etc/key]\nconfigs: [/etc/conf, /a]\n"
        "env_file: [/e1, {path: /e2}]\nnetworks: {bb: {priority: 1}, default: {}}"
    )

    assert ("/a", "/etc/key", "/etc/conf") == asks.mounted_files(spec)
    assert ("data",) == asks.volume_names(spec)
    assert ("/e1", "/e2") == asks.env_file_paths(spec)
    assert ("bb", "trued_default") == asks.network_names(spec)
    assert "web:latest" == asks.image_of(spec)


def test_a_registry_is_asked_as_often_as_the_policy_says_and_for_a_digest_but_once() -> None:
    assert 900 == asks.pull_age(web("pull_policy: always"))
    assert -1 == asks.pull_age(web(""))
    assert asks.pull_age(web("pull_policy: never")) is None

    digest = f"web@sha256:{'a' * 64}"
    assert -1 == asks.pull_age(read(f"{{image: '{digest}', pull_policy: always}}"))
    assert asks.pull_age(read(f"{{image: '{digest}', pull_policy: never}}")) is None


def test_it_may_take_as_long_as_its_health_check_lets_it() -> None:
    assert 60 == asks.patience(web(""))
    assert 60 == asks.patience(web("healthcheck: {disable: true}"))
    assert 20 + 2 * (5 + 1) + 30 == asks.patience(
        web("healthcheck: {interval: 5s, timeout: 1s, retries: 2, start_period: 20s}")
    )
    assert 3 * 60 + 30 == asks.patience(web("healthcheck: {test: 'true'}"))


def test_what_it_lives_in_comes_before_it() -> None:
    found = asks.depends(
        web(
            "network_mode: service:vpn\nvolumes_from: ['data:ro']\npid: container:pp\ndepends_on: {data: {restart: true}}"
        )
    )

    assert {
        "vpn": Dependency(restart=True),
        "pp": Dependency(restart=True),
        "data": Dependency(restart=True),
    } == found
    assert {"db": Dependency(), "cc": Dependency()} == asks.depends(
        web("links: [db:x]\nexternal_links: [cc]")
    )


def test_what_an_old_engine_would_leave_out_is_known() -> None:
    text = "annotations: {a: b}\nvolumes: [{type: volume, source: vv, target: /v, volume: {subpath: x}}]"

    assert {"annotations": "1.43", "volumes.volume.subpath": "1.45"} == asks.api_needed(web(text))
    assert {} == asks.api_needed(web(""))
