"""An entry with the keys of a Compose service: what is read of it, and what is told of what makes no sense."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from agent.documents.fields import fields
from agent.documents.schema import schema
from agent.errors import DocumentError
from agent.kinds._service.health import Dependency, dependencies
from agent.kinds._service.mounts import BindOptions, Mount, VolumeOptions
from agent.kinds._service.networks import attachments, hosts
from agent.kinds._service.spec import ContainerSpec
from agent.kinds._service.values import listed, mapped
from tests.kinds.services import ONE_OF_EACH, read, web

PAGE = Path(__file__).parents[2] / "docs/kinds/container.md"


def problem(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return str(caught.value)


def web_problem(text: str) -> str:
    return problem(f"image: web\n{text}")


def test_there_is_an_example_of_each_key() -> None:
    assert set(fields(ContainerSpec)) - {"state", "image"} == set(ONE_OF_EACH)


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_each_key_is_read_and_is_valid_by_the_schema(key: str) -> None:
    text = f"image: web\n{key}: {ONE_OF_EACH[key]}\n"

    assert web("state: present") != read(text)
    assert [] == list(Draft202012Validator(schema(ContainerSpec)).iter_errors(yaml.safe_load(text)))


def test_a_fingerprint_is_plain_and_tells_declarations_apart() -> None:
    specs = [web(f"{key}: {text}") for key, text in ONE_OF_EACH.items()]
    specs += [
        read("state: absent"),
        web("environment: {A: ''}"),
        web("environment: [A]"),
        web("command: []"),
    ]

    for one, other in combinations(specs, 2):
        assert one != other
        assert one.fingerprint() != other.fingerprint()
    for one in specs:
        assert json.loads(json.dumps(one.fingerprint())) == one.fingerprint()


def test_what_is_said_alike_has_one_fingerprint() -> None:
    one = web("mem_limit: 64m\nhealthcheck: {interval: 1m}\nvolumes: ['/a/:/b/', 'vv:/c']")
    other = read(
        "{image: web, mem_limit: 67108864, healthcheck: {interval: 60s},"
        " volumes: [{type: bind, source: /a, target: /b}, {type: volume, source: vv, target: /c}]}"
    )

    assert one == other
    assert one.fingerprint() == other.fingerprint()


def test_what_a_document_may_hold_of_secrets_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(web("environment: {A: hunter2}\nlabels: {b: hunter2}\ncommand: x hunter2"))


def test_a_command_is_a_line_or_a_list_or_nothing_at_all() -> None:
    assert ("a", "b c") == web("command: a 'b c'").command
    assert ("a", "b c") == web("command: [a, b c]").command
    assert () == web("command: ''").command
    assert () == web("command: []").command
    assert web("").command is None


def test_variables_are_a_list_or_a_mapping() -> None:
    assert {"A": "1", "B": "", "C": None} == mapped(web("environment: [A=1, B=, C]").environment)
    assert {"A": "1.10", "B": "true", "C": "no"} == mapped(
        web("environment: {A: 1.10, B: true, C: no}").environment
    )


def test_one_thing_may_stand_for_a_list() -> None:
    assert ("10.0.0.1",) == listed(web("dns: 10.0.0.1").dns)
    assert ("a", "b") == listed(web("dns_search: [a, b]").dns_search)


def test_dependencies_are_a_list_or_a_mapping() -> None:
    assert {"db": Dependency()} == dependencies(web("depends_on: [db]").depends_on)
    assert {"db": Dependency(condition="service_healthy")} == dependencies(
        web("depends_on: {db: {condition: service_healthy}}").depends_on
    )


def test_networks_go_by_priority_and_then_by_name() -> None:
    text = "networks: {alpha: {}, beta: {priority: 2}, gamma: {priority: 2}}"

    assert ["beta", "gamma", "alpha"] == list(attachments(web(text).networks))
    assert ["trued_default"] == list(attachments(web("networks: [default]").networks))
    assert ["trued_default"] == list(attachments(web("networks: []").networks))


def test_hosts_are_a_list_or_a_mapping() -> None:
    expected = {"a": ("10.0.0.1", "10.0.0.2"), "b": ("::1",)}

    assert expected == hosts(web("extra_hosts: [a=10.0.0.1, 'a:10.0.0.2', 'b=[::1]']").extra_hosts)
    assert expected == hosts(web("extra_hosts: {a: [10.0.0.1, 10.0.0.2], b: '::1'}").extra_hosts)


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/data", Mount(type="volume", target="/data")),
        ("data:/data", Mount(type="volume", source="data", target="/data")),
        (
            "data:/data:ro,nocopy",
            Mount(
                type="volume",
                source="data",
                target="/data",
                read_only=True,
                volume=VolumeOptions(nocopy=True),
            ),
        ),
        ("/a:/b", Mount(type="bind", source="/a", target="/b")),
        (
            "/a:/b/:ro,Z,rslave",
            Mount(
                type="bind",
                source="/a",
                target="/b",
                read_only=True,
                bind=BindOptions(selinux="Z", propagation="rslave"),
            ),
        ),
    ],
)
def test_a_short_volume_is_a_long_one(text: str, mount: Mount) -> None:
    assert (mount,) == web(f"volumes: ['{text}']").volumes


PROBLEMS: Mapping[str, str] = {
    "image: web\nimagee: x": "2:1: imagee: unknown key; did you mean 'image'?",
    "{}": "1:1: key 'image' is missing",
    "image: Web": "1:8: image: expected an image, as in registry.example.com/web:1.2 or nginx@sha256:…,"
    " got 'Web'; names of images are in small letters",
    "image: web\nbuild: .": "2:1: build: not supported: trued builds no images: build it elsewhere, push it to a registry,"
    " and name it in image",
    "image: web\ndeploy: {replicas: 2}": "2:10: deploy.replicas: not supported: an entry is one container: write one for each",
    "image: web\nports: ['8080:http']": "2:9: ports[0]: expected a port,",
    "image: web\nports: ['90-80']": "2:9: ports[0]: expected a range that goes up, got '90-80'",
    "image: web\nports: [{published: 1}]": "2:9: ports[0]: key 'target' is missing",
    "image: web\nports: ['80:80', '80:81']": "1:1: port 80/tcp of the host is given out twice",
    "image: web\nvolumes: [./a:/b]": "2:11: volumes[0]: expected an absolute path of the host for the source of a bind,"
    " got './a'; a container has no folder to start from: put the file in place with `files`, and name it from /",
    "image: web\nvolumes: ['~/a:/b']": "2:11: volumes[0]: expected an absolute path of the host",
    "image: web\nvolumes: ['aa:b']": "2:11: volumes[0]: expected an absolute path for the target, got 'b'",
    "image: web\nvolumes: ['/a:/b:rx']": "2:11: volumes[0]: expected Z, private,",
    "image: web\nvolumes: ['/a:/']": "2:11: volumes[0]: a mount cannot be at / of the container",
    "image: web\nvolumes: [{type: bind, source: a, target: /b}]": "2:11: volumes[0]: expected an absolute path of the host",
    "image: web\nvolumes: [{type: tmpfs, source: a, target: /b}]": "2:11: volumes[0]: a tmpfs has no source",
    "image: web\nvolumes: [{type: image, source: a, target: /b}]": "2:18: volumes[0].type: expected one of bind, volume, tmpfs",
    "image: web\nvolumes: [{type: bind, source: /a, target: /b, tmpfs: {}}]": "2:11: volumes[0]: a mount of type bind has no"
    " 'tmpfs'",
    "image: web\nvolumes: ['aa:/b', '/c:/b']": "1:1: two things are mounted at '/b'",
    "image: web\nvolumes: ['aa:/b/../c']": "2:11: volumes[0]: expected a path without '..' for the target",
    "image: web\nenv_file: env": "2:11: env_file: expected an absolute path of the host for a file, got 'env';",
    "image: web\nsecrets: [token]": "2:11: secrets[0]: expected an absolute path of the host for a file, got 'token';",
    "image: web\nsecrets: [{source: /a, mode: 0400}]": "2:24: secrets[0].mode: not supported: a file of the host is mounted"
    " as it is: say owner and mode where it is declared, in `files`",
    "image: web\nnetworks: [aa]\nnetwork_mode: host": "1:1: expected one of networks and network_mode, got both",
    "image: web\nnetworks: [aa, aa]": "1:1: a network is named twice",
    "image: web\nnetworks: {aa: {ipv4_address: '::1'}}": "2:16: networks.aa: expected an IPv4 address for ipv4_address",
    "image: web\nnetworks: {aa: {gw_priority: 1}}": "2:17: networks.aa.gw_priority: not supported: it takes API 1.48",
    "image: web\nnetwork_mode: front": "1:1: expected host, none, bridge, container:NAME for network_mode, got 'front';"
    " networks by name go into networks",
    "image: web\nnetwork_mode: host\nports: ['80:80']": "1:1: with network_mode: host there can be no ports",
    "image: web\nnetwork_mode: service:db\nhostname: x": "1:1: with network_mode: service:db there can be no hostname",
    "image: web\nextra_hosts: [db]": "2:15: extra_hosts[0]: expected \"name=address\", got 'db'",
    "image: web\nextra_hosts: [db=there]": "1:1: expected an IP address or host-gateway in extra_hosts, got 'there'",
    "image: web\nhealthcheck: {test: [wget]}": "2:14: healthcheck: expected NONE, CMD or CMD-SHELL first in the list of a"
    " test, got 'wget'",
    "image: web\nhealthcheck: {test: a, disable: true}": "2:14: healthcheck: expected one of test and disable, got both",
    "image: web\nhealthcheck: {start_interval: 1s}": "2:14: healthcheck: start_interval needs a start_period",
    "image: web\nhealthcheck: {interval: 30}": "2:25: healthcheck.interval: expected a span of time with its units, as in 30s"
    " or 1h30m, got '30'",
    "image: web\nmem_limit: -1": "1:1: expected 0 or more for mem_limit, got -1",
    "image: web\nmem_limit: lots": "2:12: mem_limit: expected a number of bytes, as in 64m, 1gb or 512, got 'lots'",
    "image: web\nmem_limit: 2g\nmemswap_limit: 1g": "1:1: expected memswap_limit, which is memory and swap together,",
    "image: web\nmem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}": "1:1: mem_limit and"
    " deploy.resources.limits.memory say different things",
    "image: web\ncpus: 1\ncpu_quota: 1000": "1:1: expected one of cpus and cpu_quota with cpu_period, got both",
    "image: web\noom_score_adj: 2000": "1:1: expected -1000 to 1000 for oom_score_adj, got 2000",
    "image: web\nblkio_config: {weight: 5}": "2:15: blkio_config: expected a weight from 10 to 1000, got 5",
    "image: web\nulimits: {nofile: {soft: 2, hard: 1}}": "2:19: ulimits.nofile: expected soft up to hard, or -1",
    "image: web\nrestart: maybe": "2:10: restart: expected no, always, unless-stopped or on-failure:3, got 'maybe'",
    "image: web\nlabels: {io.trued.x: y}": "1:1: labels that begin with io.trued. are trued's own, got 'io.trued.x'",
    "image: web\nsecurity_opt: [seccomp=a.json]": "1:1: expected seccomp=unconfined or an absolute path of the host,",
    "image: web\ndepends_on: [a b]": "1:1: expected a name of 2 to 128 letters",
    "image: web\nworking_dir: srv": "1:1: expected an absolute path for working_dir, got 'srv'",
    "image: web\nplatform: arm 64": "1:1: expected os/arch or os/arch/variant for platform, got 'arm 64'",
    "{state: absent, image: web}": "1:1: what is absent has no 'image'",
    "{state: absent, ports: [80]}": "1:1: what is absent has no 'ports'",
    "{state: gone}": "1:9: state: expected one of present, absent, found text 'gone'",
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_what_makes_no_sense_is_told_with_its_place(text: str) -> None:
    line, _, more = problem(text).partition("\n")

    assert line.startswith(f"f.yaml:{PROBLEMS[text]}")
    assert not more


@pytest.mark.parametrize(
    "text", ["environment: [' A=hunter2']", "environment: ['=hunter2']", "labels: [' a=hunter2']"]
)
def test_what_may_be_a_secret_is_not_told(text: str) -> None:
    assert "hunter2" not in web_problem(text)


def test_what_compose_has_and_trued_has_not_is_told_for_all_of_it() -> None:
    assert not set(ContainerSpec.REFUSED) & set(fields(ContainerSpec))
    for key in ContainerSpec.REFUSED:
        assert web_problem(f"{key}: x").startswith(f"f.yaml:2:1: {key}: not supported: ")


COMPOSE = """
annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count cpu_percent
cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy develop
device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose extends external_links
extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links logging mac_address mem_limit
mem_reservation mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform
ports post_start pre_start pre_stop privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale
secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user
userns_mode uts volumes volumes_from working_dir
"""


def test_every_key_of_compose_is_known_or_refused_and_on_the_page() -> None:
    """As schema/compose-spec.json of the Compose specification lists them, and pre_start of compose-go."""
    ours = {"state", "adopt", "reload_signal"}
    page = PAGE.read_text("utf-8")

    assert set(COMPOSE.split()) <= set(fields(ContainerSpec)) | set(ContainerSpec.REFUSED)
    assert set(fields(ContainerSpec)) == set(COMPOSE.split()) - set(ContainerSpec.REFUSED) | ours
    assert [] == [key for key in (*COMPOSE.split(), *ours) if f"`{key}`" not in page]


def test_the_page_says_no_of_just_what_is_refused() -> None:
    rows = [line.split(" | ", 1) for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    refused = {
        key for keys, says in rows if says.startswith("no: ") for key in re.findall("`([a-z_]+)`", keys)
    }

    assert refused == set(ContainerSpec.REFUSED) & set(COMPOSE.split())


def test_what_is_absent_is_just_so() -> None:
    assert "absent" == read("state: absent").state
