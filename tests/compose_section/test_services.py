"""What a service becomes: the entry of a container, in the words of the host."""

from __future__ import annotations

import pytest

from tests.compose_section.shop import entries, ids, refusal, resource, service, tree

SHOP = """\
services:
  web:
    image: registry.example.com/web:1.2
    ports: ["127.0.0.1:8080:80"]
    depends_on: [db]
    volumes: ["data:/srv"]
  db:
    image: db
    networks: [back]
networks:
  back: {internal: true}
  unused: {}
volumes:
  data:
  other:
"""


def test_a_file_stands_for_containers_networks_and_volumes() -> None:
    """What no service uses is not made, as with Compose."""
    assert [
        "container:shop-web",
        "container:shop-db",
        "network:shop_default",
        "network:shop_back",
        "volume:shop_data",
    ] == ids(tree(SHOP))


def test_a_part_has_its_place_in_the_compose_file() -> None:
    commit = tree(SHOP)

    assert "base/shop/compose.yaml:2" == resource(commit, "container:shop-web").origin
    assert "base/shop/compose.yaml:11" == resource(commit, "network:shop_back").origin
    assert "base/x.yaml:1" == resource(commit, "network:shop_default").origin


def test_a_container_is_as_its_service_says() -> None:
    web = entries(tree(SHOP), "containers")["shop-web"]
    labels = web.pop("labels")
    assert isinstance(labels, dict)
    digest = labels.pop("com.docker.compose.config-hash")

    assert {
        "image": "registry.example.com/web:1.2",
        "ports": ["127.0.0.1:8080:80"],
        "depends_on": {"shop-db": {"condition": "service_started"}},
        "volumes": ["shop_data:/srv"],
        "networks": {"shop_default": {"aliases": ["web"]}},
    } == web
    assert {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.project.working_dir": "/opt/compose/shop",
        "com.docker.compose.project.config_files": "/opt/compose/shop/compose.yaml",
    } == labels
    assert isinstance(digest, str)
    assert 64 == len(digest)


def test_networks_and_volumes_carry_what_compose_would_have_them_carry() -> None:
    commit = tree(SHOP)

    assert {
        "shop_default": {
            "labels": {"com.docker.compose.project": "shop", "com.docker.compose.network": "default"}
        },
        "shop_back": {
            "internal": True,
            "labels": {"com.docker.compose.project": "shop", "com.docker.compose.network": "back"},
        },
    } == entries(commit, "networks")
    assert {
        "shop_data": {"labels": {"com.docker.compose.project": "shop", "com.docker.compose.volume": "data"}}
    } == entries(commit, "volumes")


def test_the_name_of_the_entry_wins_over_the_name_in_the_file() -> None:
    assert ["container:shop-web", "network:shop_default"] == ids(
        tree("name: other\nversion: '3.8'\nservices: {web: {image: i}}\n")
    )


def test_the_hash_changes_with_what_the_container_is_made_of() -> None:
    def digest(keys: str) -> object:
        labels = entries(tree(f"services: {{web: {{image: i, {keys}}}}}"), "containers")["shop-web"][
            "labels"
        ]
        assert isinstance(labels, dict)
        return labels["com.docker.compose.config-hash"]

    assert digest("user: a") == digest("user: a, restart: always, mem_limit: 20m")
    assert digest("user: a") != digest("user: b")


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("{A: b, x.y: 1}", {"A": "b", "x.y": 1}),
        ("[A=b, C]", {"A": "b", "C": None}),
        ("[a=b=c]", {"a": "b=c"}),
    ],
)
def test_labels_are_kept_in_either_form(written: str, wanted: dict[str, object]) -> None:
    labels = entries(tree(f"services: {{web: {{image: i, labels: {written}}}}}"), "containers")["shop-web"][
        "labels"
    ]
    assert isinstance(labels, dict)

    assert wanted == {key: value for key, value in labels.items() if not key.startswith("com.docker.")}
    assert "shop" == labels["com.docker.compose.project"]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        # what passes as it is
        ("image: i\ncommand: [sh, -c, 'sleep 1']", {"image": "i", "command": ["sh", "-c", "sleep 1"]}),
        ("image: i\nhealthcheck: {test: [CMD, 'true'], interval: 5s}", {"image": "i", "healthcheck": {"test": ["CMD", "true"], "interval": "5s"}}),
        ("image: i\nrestart: no", {"image": "i", "restart": "no"}),
        ("image: i\nports: ['80:80', {target: 5, published: '6'}]", {"image": "i", "ports": ["80:80", {"target": 5, "published": "6"}]}),
        # what is left out
        ("image: i\nattach: false\ndevelop: {watch: []}\nprofiles: []", {"image": "i"}),
        ("image: i\nbuild: .", {"image": "i"}),
        ("image: i\nscale: 1", {"image": "i"}),
        ("image: i\nx-note: hello\nhealthcheck: {x-why: y, test: t}", {"image": "i", "healthcheck": {"test": "t"}}),
        ("image: i\ndeploy: {placement: {}, replicas: 1}", {"image": "i"}),
        ("image: i\ndeploy:", {"image": "i"}),
        # deploy
        ("image: i\ndeploy: {mode: global, resources: {limits: {cpus: '0.5', memory: 20M}}}", {"image": "i", "deploy": {"resources": {"limits": {"cpus": "0.5", "memory": "20M"}}}}),
        ("image: i\ndeploy: {restart_policy: {condition: any}}", {"image": "i", "restart": "always"}),
        ("image: i\ndeploy: {restart_policy: {condition: none}}", {"image": "i", "restart": "no"}),
        ("image: i\ndeploy: {restart_policy: {condition: on-failure, max_attempts: 3}}", {"image": "i", "restart": "on-failure:3"}),
        ("image: i\nrestart: always\ndeploy: {restart_policy: {condition: none}}", {"image": "i", "restart": "always"}),
        # names of other services
        ("image: i\ndepends_on: [db, cache]", {"image": "i", "depends_on": {"shop-db": {"condition": "service_started"}, "shop-cache": {"condition": "service_started"}}}),
        ("image: i\ndepends_on: {db: {condition: service_healthy, restart: true}}", {"image": "i", "depends_on": {"shop-db": {"condition": "service_healthy", "restart": True}}}),
        ("image: i\ndepends_on: {nobody: {condition: service_started, required: false}}", {"image": "i"}),
        ("image: i\nlinks: [db, 'cache:redis']", {"image": "i", "links": ["shop-db:db", "shop-cache:redis"], "depends_on": {"shop-db": {"condition": "service_started", "restart": True}, "shop-cache": {"condition": "service_started", "restart": True}}}),
        ("image: i\ndepends_on: {db: {condition: service_healthy}}\nlinks: [db]", {"image": "i", "links": ["shop-db:db"], "depends_on": {"shop-db": {"condition": "service_healthy"}}}),
        ("image: i\nnetwork_mode: 'service:db'", {"image": "i", "network_mode": "container:shop-db", "depends_on": {"shop-db": {"condition": "service_started", "restart": True}}}),
        ("image: i\nnetwork_mode: host\npid: 'container:other'\nipc: shareable", {"image": "i", "network_mode": "host", "pid": "container:other", "ipc": "shareable"}),
        ("image: i\npid: 'service:db'\nipc: 'service:db'", {"image": "i", "pid": "container:shop-db", "ipc": "container:shop-db", "depends_on": {"shop-db": {"condition": "service_started", "restart": True}}}),
        ("image: i\nvolumes_from: ['db:ro', 'container:other:rw']", {"image": "i", "volumes_from": ["container:shop-db:ro", "container:other:rw"], "depends_on": {"shop-db": {"condition": "service_started"}}}),
    ],
)  # fmt: skip
def test_a_key_of_a_service(keys: str, wanted: dict[str, object]) -> None:
    assert wanted == service(keys)


@pytest.mark.parametrize(
    ("networks", "wanted"),
    [
        ("[a]", {"shop_a": {"aliases": ["web"]}}),
        ("[a, outside]", {"shop_a": {"aliases": ["web"]}, "outside": {"aliases": ["web"]}}),
        ("{a: , b: {ipv4_address: 10.0.0.9, aliases: [www, web]}}", {"shop_a": {"aliases": ["web"]}, "named": {"ipv4_address": "10.0.0.9", "aliases": ["web", "www"]}}),
        ("[old]", {"really": {"aliases": ["web"]}}),
        ("[]", {"shop_default": {"aliases": ["web"]}}),
        ("{}", {"shop_default": {"aliases": ["web"]}}),
    ],
)  # fmt: skip
def test_networks_go_by_their_names_on_the_host(networks: str, wanted: dict[str, object]) -> None:
    commit = tree(f"""\
        services: {{web: {{image: i, networks: {networks}}}}}
        networks:
          a:
          b: {{name: named}}
          outside: {{external: true}}
          old: {{external: {{name: really}}}}
        """)

    assert wanted == entries(commit, "containers")["shop-web"]["networks"]
    assert {name for name in wanted if name not in {"outside", "really"}} == set(entries(commit, "networks"))


def test_a_container_name_is_the_name_everywhere() -> None:
    commit = tree("services: {web: {image: i, depends_on: [db]}, db: {image: d, container_name: the.db}}")

    assert ["container:shop-web", "container:the.db", "network:shop_default"] == ids(commit)
    assert {"the.db"} == set(entries(commit, "containers")["shop-web"]["depends_on"] or ())  # type: ignore[call-overload] # a mapping
    assert "container_name" not in entries(commit, "containers")["the.db"]


def test_what_ends_by_itself_is_not_started_again() -> None:
    """Somebody waits for its end: with any other policy it would never come."""
    commit = tree("""\
        services:
          web: {image: i, depends_on: {init: {condition: service_completed_successfully}}}
          late: {image: i, depends_on: {other: {condition: service_completed_successfully}}}
          init: {image: j}
          other: {image: j, restart: on-failure}
        """)
    made = entries(commit, "containers")

    assert ["no", "on-failure"] == [made["shop-init"]["restart"], made["shop-other"]["restart"]]
    assert "restart" not in made["shop-web"]


def test_services_with_profiles_are_left_out() -> None:
    commit = tree("""\
        services:
          web: {image: i, depends_on: {debug: {condition: service_started, required: false}}}
          debug: {image: "${UNKNOWN}", profiles: [debug], networks: [x]}
        networks: {x: }
        """)

    assert ["container:shop-web", "network:shop_default"] == ids(commit)


def test_anchors_and_merge_keys_work() -> None:
    commit = tree("""\
        x-usual: &usual
          restart: always
          logging: &log {driver: local}
        services:
          web: {<<: *usual, image: i}
          db:
            <<: [*usual, {read_only: true}]
            image: d
            restart: "no"
            labels: &labels {a: b}
          last: {image: l, logging: *log, labels: {<<: *labels, c: d}}
        """)
    made = entries(commit, "containers")

    assert ("always", {"driver": "local"}) == (made["shop-web"]["restart"], made["shop-web"]["logging"])
    assert ("no", True) == (made["shop-db"]["restart"], made["shop-db"]["read_only"])
    assert {"driver": "local"} == made["shop-last"]["logging"]
    assert made["shop-last"]["labels"].items() >= {"a": "b", "c": "d"}.items()  # type: ignore[union-attr] # a mapping


@pytest.mark.parametrize(
    ("compose", "lines"),
    [
        ("services: {web: {image: i, extends: x}}", ["1:28: services.web.extends: cannot be taken: trued takes a file by itself; write out what it extends, or use an anchor and <<"]),
        ("services: {web: {provider: {type: x}}}", ["1:18: services.web.provider: cannot be taken: nothing but containers can be run; take the service away"]),
        ("services: {web: {image: i, models: [m]}}", ["1:28: services.web.models: cannot be taken: trued runs no models; take it away"]),
        ("include: [a.yaml]\nservices: {web: {image: i}}", ["1:1: include: cannot be taken: trued takes one file; give the other one an entry of its own under compose"]),
        ("models: {}\nservices: {web: {image: i}}", ["1:1: models: cannot be taken: trued runs no models; take it away"]),
        ("services: {web: {build: .}}", ["1:18: services.web.build: cannot be taken: trued builds nothing; build it elsewhere, push it, and name it by image"]),
        ("services: {web: {image: i, scale: 3}}", ["1:35: services.web.scale: expected 1, since a service is one container here, found the number '3'"]),
        ("services: {web: {image: i, deploy: {replicas: 2}}}", ["1:47: services.web.deploy.replicas: expected 1, since a service is one container here, found the number '2'"]),
        ("services: {web: {image: i, keep: true}}", ["1:28: services.web.keep: cannot be taken: it belongs to the entry under compose in the document, not into the file"]),
        ("service: {}", ["1:1: service: unknown key in a Compose file; did you mean 'services'?"]),
        ("services: {web: i}", ["1:17: services.web: expected a mapping, found text 'i'"]),
        ("services: [web]", ["1:11: services: expected a mapping, found a list"]),
        ("services:", ["1:1: expected services, found none"]),
        ("# nothing", ["1:1: expected services, found nothing"]),
        ("[]", ["1:1: expected a mapping with services, found a list"]),
        ("services: {web: {image: i, depends_on: [dbs]}, db: {image: d}}", ["1:41: services.web.depends_on.dbs: there is no service 'dbs' in this file; did you mean 'db'?"]),
        ("services: {web: {image: i, depends_on: [d]}, d: {image: d, profiles: [p]}}", ["1:41: services.web.depends_on.d: service 'd' has profiles, and services with profiles are left out"]),
        ("services: {web: {image: i, depends_on: db}, db: {image: d}}", ["1:40: services.web.depends_on: expected a list, found text 'db'"]),
        ("services: {web: {image: i, links: [x]}}", ["1:36: services.web.links[0]: there is no service 'x' in this file"]),
        ("services: {web: {image: i, pid: 'service:x'}}", ["1:33: services.web.pid: there is no service 'x' in this file"]),
        ("services: {web: {image: i, networks: [bak]}}\nnetworks: {back: }", ["1:39: services.web.networks.bak: there is no 'bak' under networks in this file; did you mean 'back'?"]),
        ("services: {web: {image: i, networks: {a: 1}}}\nnetworks: {a: }", ["1:42: services.web.networks.a: expected a mapping, found the number '1'"]),
        ("services: {web: {image: i}}\nnetworks: {default: {external: true, driver: x}}", ["2:38: networks.default.driver: what is external is made by others, and has nothing here but a name"]),
        ("services: {web: {image: i, labels: x}}", ["1:36: services.web.labels: expected a mapping, or a list of key=value, found text 'x'"]),
        ("services: {web: {image: i, container_name: cc}, b: {image: i, container_name: cc}}", ["1:49: services.b: container cc is given twice, first at base/shop/compose.yaml:1:12"]),
        ("services: {web: {image: i, container_name: '-x'}}", ["1:12: containers.-x: expected a name of 2 to 128 letters, digits, '_', '.' and '-', that begins with a letter or digit, got '-x'"]),
        ("services: {web: {image: !reset i}}", ["1:25: services.web.image: expected plain YAML, found the tag '!reset'; remove it"]),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told_with_its_place(compose: str, lines: list[str]) -> None:
    assert [f"base/shop/compose.yaml:{line}" for line in lines] == refusal(tree(compose))


def test_all_that_is_wrong_is_told_at_once() -> None:
    lines = refusal(tree("services: {a: {image: '${X}', links: [b]}, c: {image: '$Y', volumes: [d:/e]}}"))

    assert 2 == len(lines)  # variables first: what is written with them is not known before
    assert 2 == len(refusal(tree("services: {a: {image: x, links: [b]}, c: {image: y, volumes: [d:/e]}}")))
