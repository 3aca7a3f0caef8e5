"""What was declared, key by key: what only a new container can have otherwise, and what is never shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.errors import HostError
from agent.kinds._service.payload import effective
from tests.kinds.services import ONE_OF_EACH, made, read

NOT_PART_OF_IT = {"adopt", "reload_signal", "pull_policy", "container_name", "depends_on", "service"}
"""What says something about a container, but is no part of what the engine makes."""

LIVE = {
    "restart",
    "networks",
    "links",
    "external_links",
    "deploy",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "cpus",
    "cpu_shares",
    "cpu_quota",
    "cpu_period",
    "cpuset",
    "pids_limit",
}
"""What can change in a container that runs."""


@pytest.mark.parametrize("key", sorted(set(ONE_OF_EACH) - LIVE - NOT_PART_OF_IT))
def test_what_only_a_new_container_can_have_is_among_what_was_declared(key: str) -> None:
    found = made(f"{key}: {ONE_OF_EACH[key]}").declared
    kinds = {name.split(".")[0] for name in found} - {"image"}

    assert {"environment" if key == "env_file" else key} == kinds


@pytest.mark.parametrize("key", sorted((LIVE | NOT_PART_OF_IT) - {"service"}))
def test_what_can_change_in_a_container_that_runs_is_not(key: str) -> None:
    whole = made(f"{key}: {ONE_OF_EACH[key]}")

    assert {"image": "web:latest"} == whole.declared
    plain = made("")
    if key in LIVE - {"pids_limit"}:  # -1 is the default, said aloud
        assert (plain.tunable, plain.endpoints) != (whole.tunable, whole.endpoints)
    elif key in NOT_PART_OF_IT - {"container_name"}:
        assert plain == whole


@pytest.mark.parametrize("key", sorted(set(ONE_OF_EACH) - {"network_mode"}))
def test_two_that_are_declared_alike_are_asked_for_alike(key: str) -> None:
    """Nothing that the engine is asked for is missing from what is compared."""
    one, other = made(f"{key}: {ONE_OF_EACH[key]}"), made("")
    compared = [(each.declared, each.tunable, each.endpoints) for each in (one, other)]
    asked = [
        {name: part for name, part in each.config.items() if name != "MacAddress"} for each in (one, other)
    ]

    if compared[0] == compared[1]:
        assert {**asked[0], "HostConfig": None} == {**asked[1], "HostConfig": None}
        assert asked[0]["HostConfig"] == asked[1]["HostConfig"]


DECLARED: Mapping[str, Mapping[str, str]] = {
    "environment: {LOG: info, A: ''}": {"environment.LOG": "info", "environment.A": ""},
    "environment: [A]": {"environment.A": "(unset)"},
    "ports: ['8080:80', '127.0.0.1:81:81/udp', 90]": {"ports": "127.0.0.1:81:81/udp, 8080:80/tcp, 90/tcp"},
    "ports: ['[::1]:80:80']": {"ports": "[::1]:80:80/tcp"},
    "command: a 'b c'": {"command": '["a", "b c"]'},
    "labels: {x: y}": {"labels.x": "y"},
    "volumes: ['data:/d:ro', '/a:/b:z', '/c']": {
        "volumes./d": "data (ro)",
        "volumes./b": "/a, selinux z",
        "volumes./c": "volume",
    },
    "tmpfs: /run:size=1m": {"tmpfs./run": "size=1m"},
    "secrets: [/etc/key]": {"secrets./run/secrets/key": "/etc/key"},
    "healthcheck: {test: a b, interval: 1s}": {
        "healthcheck": '{"interval": 1000000000, "test": ["CMD-SHELL", "a b"]}'
    },
    "ulimits: {nproc: 65}": {"ulimits.nproc": "65:65"},
    "extra_hosts: [b=10.0.0.1, 'b=[::1]']": {"extra_hosts.b": "10.0.0.1, ::1"},
    "stop_grace_period: 1m30s": {"stop_grace_period": "90s"},
    "init: false": {"init": "false"},
    "network_mode: service:db": {"network_mode": "container:db"},
}


@pytest.mark.parametrize("text", DECLARED)
def test_what_was_declared_is_told_key_by_key(text: str) -> None:
    assert {"image": "web:latest", **DECLARED[text]} == made(text).declared


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            "ports: ['8080-8081:80-81']",
            "ports: [{target: 81, published: 8081}, {target: 80, published: 8080}]",
        ),
        ("environment: [B=2, A=1]", "environment: {A: 1, B: 2}"),
        (
            "volumes: ['/a:/b']",
            "volumes: [{type: bind, source: /a, target: /b/, bind: {create_host_path: true}}]",
        ),
        ("command: a b", "command: [a, b]"),
        ("healthcheck: {disable: true}", "healthcheck: {test: [NONE]}"),
        ("extra_hosts: ['a:10.0.0.1']", "extra_hosts: {a: 10.0.0.1}"),
        ("devices: [/dev/null]", "devices: [{source: /dev/null, target: /dev/null}]"),
        ("network_mode: service:db", "network_mode: container:db"),
        ("mem_limit: 64m", "deploy: {resources: {limits: {memory: 67108864}}}"),
        ("networks: [default]", ""),
        ("", "ports: []"),
    ],
)
def test_two_spellings_of_one_thing_are_no_difference(short: str, long: str) -> None:
    """A container is not made anew because somebody wrote its entry more nicely."""
    one, other = made(short), made(long)

    assert one.declared == other.declared
    assert one.tunable == other.tunable
    assert one.endpoints == other.endpoints


def test_files_with_variables_come_first_and_none_of_their_values_is_shown() -> None:
    whole = made(
        "env_file: [/etc/web/env, {path: /nowhere, required: false}]\nenvironment: {LOG: info, X: y}"
    )

    assert ["DB_URL=postgres://u:hunter2@db/x", "LOG=info", "X=y"] == whole.config["Env"]
    assert {"environment.DB_URL"} == whole.secret
    assert {"environment.LOG", "environment.DB_URL"} == made("env_file: /etc/web/env").secret
    assert "hunter2" not in repr(whole)


def test_a_file_with_variables_that_is_not_there_is_told() -> None:
    with pytest.raises(HostError) as caught:
        made("env_file: /nowhere")
    assert "/nowhere is not there, and env_file names it" == str(caught.value)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (
            "environment: {DB_PASSWORD: x, API_KEY: x, LOG: info}",
            {"environment.DB_PASSWORD", "environment.API_KEY"},
        ),
        ("environment: {URL: 'https://u:p@h/', OTHER: 'https://h/'}", {"environment.URL"}),
        ("labels: {traefik.auth.users: x, a: b}", {"labels.traefik.auth.users"}),
        ("command: serve --token=x", {"command"}),
        ("command: [serve, --password, x]", {"command"}),
        ("command: serve --port 80", set()),
        ("logging: {driver: splunk, options: {splunk-token: x}}", {"logging.options.splunk-token"}),
        ("healthcheck: {test: 'curl http://u:p@localhost/'}", {"healthcheck"}),
        ("volumes: ['/etc/keys:/keys:z']", set()),
        ("container_name: keycloak", set()),
    ],
)
def test_what_looks_like_a_secret_is_not_to_be_shown(text: str, secret: set[str]) -> None:
    assert secret == made(text).secret


def test_an_image_is_shown_whatever_its_name() -> None:
    assert frozenset() == effective("web", read("image: quay.io/keycloak/keycloak:22"), {}).secret
