"""What a Compose file refers to: what is mounted, what an environment comes from, secrets and configs."""

from __future__ import annotations

import pytest

from agent.model import ResourceId
from tests.compose_section.shop import entries, ids, loaded, refusal, service, tree

OPT = "/opt/compose/shop"
FILES = {
    "shop/nginx.conf": "conf",
    "shop/site/index.html": "hello",
    "shop/site/deep/a": "a",
    "shop/web.env": "A=b",
    "shop/key": "secret",
}


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("./nginx.conf:/etc/nginx.conf:ro", f"{OPT}/nginx.conf:/etc/nginx.conf:ro"),
        ("./site:/srv", f"{OPT}/site:/srv"),
        ("././site/./deep:/srv", f"{OPT}/site/deep:/srv"),
        (".:/app", f"{OPT}:/app"),
        ("./none:/srv:rw,z", f"{OPT}/none:/srv:rw,z"),
        ("/var/log:/logs", "/var/log:/logs"),
        ("/just/a/volume", "/just/a/volume"),
        ("data:/data", "shop_data:/data"),
        ("named:/data:ro", "really.named:/data:ro"),
        ("outside:/data", "outside:/data"),
        ("${DIR:-./site}:/srv", f"{OPT}/site:/srv"),
    ],
)
def test_a_mount_is_by_what_the_host_calls_it(written: str, wanted: str) -> None:
    top = "volumes: {data: , named: {name: really.named}, outside: {external: true}}\n"

    assert [wanted] == service(f'image: i\nvolumes: ["{written}"]', files=FILES, top=top)["volumes"]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("{type: bind, source: ./site, target: /srv, read_only: true}", {"type": "bind", "source": f"{OPT}/site", "target": "/srv", "read_only": True}),
        ("{type: bind, source: site, target: /srv}", {"type": "bind", "source": f"{OPT}/site", "target": "/srv"}),
        ("{type: bind, source: /etc, target: /srv}", {"type": "bind", "source": "/etc", "target": "/srv"}),
        ("{type: volume, source: data, target: /srv, volume: {nocopy: true}}", {"type": "volume", "source": "shop_data", "target": "/srv", "volume": {"nocopy": True}}),
        ("{type: volume, target: /srv}", {"type": "volume", "target": "/srv"}),
        ("{type: tmpfs, target: /tmp}", {"type": "tmpfs", "target": "/tmp"}),
    ],
)  # fmt: skip
def test_a_mount_may_be_written_out(written: str, wanted: dict[str, object]) -> None:
    made = service(f"image: i\nvolumes: [{written}]", files=FILES, top="volumes: {data: }\n")

    assert [wanted] == made["volumes"]


def mounted(volumes: str) -> dict[str, object]:
    """Return the entries of `files` that mounts give."""
    return dict(entries(tree(f"services: {{web: {{image: i, volumes: {volumes}}}}}", files=FILES), "files"))


def test_what_is_mounted_comes_from_the_repository() -> None:
    assert {
        f"{OPT}/nginx.conf": {"source": "nginx.conf"},
        f"{OPT}/site": {"source": "site"},
    } == mounted('["./nginx.conf:/a", "./site:/b", "./site/:/c", "/etc/passwd:/d"]')


def test_what_is_mounted_and_not_there_is_a_folder() -> None:
    """Compose makes one, too; with create_host_path: false nobody does."""
    assert {f"{OPT}/data": {"directory": True}, f"{OPT}/more": {"directory": True}} == mounted(
        "['./data:/a', {type: bind, source: more, target: /b},"
        " {type: bind, source: less, target: /c, bind: {create_host_path: false}}]"
    )


def test_the_files_are_there_before_anything_else_is_done() -> None:
    state = loaded(
        tree("services: {web: {image: i, volumes: ['./site:/srv', './nginx.conf:/n']}}", files=FILES)
    )
    paths = {id_.name for id_, found in state.resources.items() if id_.kind == "file" and not found.implied}

    assert {f"{OPT}/site", f"{OPT}/site/index.html", f"{OPT}/site/deep", f"{OPT}/site/deep/a"} <= paths
    assert "base/shop/compose.yaml:1" == state.resources[ResourceId("file", f"{OPT}/nginx.conf")].origin


def test_a_project_may_have_a_folder_of_its_own_choice() -> None:
    commit = tree(
        "services: {web: {image: i, volumes: ['./site:/srv', './:/all']}}",
        document="compose: {shop: {source: shop/compose.yaml, directory: '/srv/${host}'}}",
        files=FILES,
    )
    web = entries(commit, "containers")["shop-web"]
    labels = web["labels"]

    assert ["/srv/edge-01/site:/srv", "/srv/edge-01:/all"] == web["volumes"]
    assert {"/srv/edge-01": {"source": "."}} == entries(commit, "files")  # the folder brings what is in it
    assert isinstance(labels, dict)
    assert "/srv/edge-01" == labels["com.docker.compose.project.working_dir"]


def test_a_link_is_a_link_on_the_host() -> None:
    commit = tree(
        "services: {web: {image: i, volumes: ['./now:/srv']}}", files=FILES, links={"shop/now": "site"}
    )

    assert f"file:{OPT}/now" in ids(commit)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("web.env", [f"{OPT}/web.env"]),
        ("[./web.env, /etc/web.env]", [f"{OPT}/web.env", "/etc/web.env"]),
        ("[{path: web.env, format: raw}]", [{"path": f"{OPT}/web.env", "format": "raw"}]),
        ("{path: web.env}", [{"path": f"{OPT}/web.env"}]),
        ("[web.env, {path: none.env, required: false}]", [f"{OPT}/web.env"]),
        ("[{path: none.env, required: false}]", None),
    ],
)
def test_an_environment_may_come_from_files(written: str, wanted: object) -> None:
    assert wanted == service(f"image: i\nenv_file: {written}", files=FILES).get("env_file")


def test_a_file_of_an_environment_is_for_nobody_else_to_read() -> None:
    commit = tree(
        "services: {web: {image: i, env_file: [web.env, {path: no, required: false}]}}", files=FILES
    )

    assert {f"{OPT}/web.env": {"source": "web.env", "mode": "0600"}} == entries(commit, "files")


@pytest.mark.parametrize("written", ["seccomp:./profile.json", "seccomp=profile.json"])
def test_a_profile_beside_the_file_is_put_in_place(written: str) -> None:
    commit = tree(
        f"services: {{web: {{image: i, security_opt: ['no-new-privileges:true', '{written}', seccomp=unconfined]}}}}",
        files={"shop/profile.json": "{}"},
    )

    assert ["no-new-privileges:true", f"seccomp={OPT}/profile.json", "seccomp=unconfined"] == (
        entries(commit, "containers")["shop-web"]["security_opt"]
    )
    assert {f"{OPT}/profile.json": {"source": "profile.json", "mode": "0644"}} == entries(commit, "files")


def test_a_volume_may_be_a_folder_beside_the_file() -> None:
    commit = tree("""\
        services: {web: {image: i, volumes: ['a:/a', 'b:/b']}}
        volumes:
          a: {driver: local, driver_opts: {type: none, o: bind, device: ./data}}
          b: {driver_opts: {type: nfs, o: addr=10.0.0.1, device: ":/x"}}
        """)
    made = entries(commit, "volumes")

    assert {"type": "none", "o": "bind", "device": f"{OPT}/data"} == made["shop_a"]["driver_opts"]
    assert {"type": "nfs", "o": "addr=10.0.0.1", "device": ":/x"} == made["shop_b"]["driver_opts"]
    assert {f"{OPT}/data": {"directory": True}} == entries(commit, "files")


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("volumes: ['../x:/y']", "1:38: services.web.volumes[0]: expected a path below the Compose file's own folder, without '..', got '../x'"),
        ("volumes: ['./a/../../x:/y']", "1:38: services.web.volumes[0]: expected a path below the Compose file's own folder, without '..', got './a/../../x'"),
        ("volumes: [{type: bind, source: ../x, target: /y}]", "1:59: services.web.volumes[0].source: expected a path below the Compose file's own folder, without '..', got '../x'"),
        ("volumes: ['~/x:/y']", "1:38: services.web.volumes[0]: expected an absolute path, or one that begins with ./; there is no home folder here"),
        ("volumes: ['date:/y']", "1:38: services.web.volumes[0]: there is no 'date' under volumes in this file; did you mean 'data'?"),
        ("volumes: ['x/y:/y']", "1:38: services.web.volumes[0]: there is no 'x/y' under volumes in this file; a path begins with / or ./"),
        ("volumes: x", "1:37: services.web.volumes: expected a list, found text 'x'"),
        ("env_file: none.env", "1:38: services.web.env_file: there is no file base/shop/none.env in the repository"),
        ("env_file: ../x", "1:38: services.web.env_file: expected a path below the Compose file's own folder, without '..', got '../x'"),
        ("env_file: site", "1:38: services.web.env_file: there is no file base/shop/site in the repository"),
        ("env_file: [{path: none.env}]", "1:46: services.web.env_file[0]: there is no file base/shop/none.env in the repository"),
        ("security_opt: ['seccomp:no.json']", "1:43: services.web.security_opt[0]: there is no file base/shop/no.json in the repository"),
        ("secrets: [kye]", "1:38: services.web.secrets[0]: there is no 'kye' under secrets in this file; did you mean 'key'?"),
        ("configs: [key]", "1:38: services.web.configs[0]: there is no 'key' under configs in this file"),
        ("secrets: key", "1:37: services.web.secrets: expected a list, found text 'key'"),
        ("secrets: [{source: key, mod: 0400}]", "1:52: services.web.secrets[0].mod: unknown key; did you mean 'mode'?"),
        ("secrets: [{target: key}]", "1:38: services.web.secrets[0]: expected a name of secrets, or a mapping with a source, found a mapping"),
        ("secrets: [{source: key, mode: 440}]", "1:58: services.web.secrets[0].mode: expected a mode of three octal digits after a 0, as in 0440, found the number '440'"),
        ("secrets: [{source: key, mode: 0400}, {source: key, mode: 0444}]", "1:85: services.web.secrets[1].mode: mode 0444 for /opt/compose/shop/key, and 0400 at base/shop/compose.yaml:1:58; one file has one"),
        ("secrets: [gone]", "8:16: secrets.gone.file: there is no file base/shop/nowhere in the repository"),
        ("secrets: [up]", "9:14: secrets.up.file: expected a path below the Compose file's own folder, without '..', got '../key'"),
        ("secrets: [token]", "4:24: secrets.token.environment: unknown variable 'TOKEN'"),
        ("secrets: [nothing]", "10:3: secrets.nothing: expected one of file, content, environment"),
        ("secrets: [swarm]", "11:3: secrets.swarm: cannot be taken: a secret that is external is kept by swarm; give it as file, content or environment"),
        ("configs: [beyond]", "14:3: configs.beyond: cannot be taken: a config that is external is kept by swarm; give it as file, content or environment"),
        ("configs: [both]", "15:3: configs.both: expected one of file, content, environment"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told_with_its_place(service: str, line: str) -> None:
    top = """\
volumes: {data: }
secrets:
  token: {environment: TOKEN}
  key: {file: ./key}
  unused: {file: not-there-either}

  gone: {file: nowhere}
  up: {file: ../key}
  nothing: {}
  swarm: {external: true}

configs:
  beyond: {external: true, name: x}
  both: {content: a, file: nginx.conf}
"""
    commit = tree(f"services: {{web: {{image: i, {service}}}}}\n{top}", files=FILES)

    assert [f"base/shop/compose.yaml:{line}"] == refusal(commit)
