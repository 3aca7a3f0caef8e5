"""Secrets and configs of a Compose file: files of the host, and who may read them."""

from __future__ import annotations

from agent.model import Mode, ResourceId
from tests.compose_section.shop import entries, loaded, refusal, sections, tree
from tests.compose_section.test_files import FILES, OPT

GRANTS = """\
secrets:
  key: {file: ./key}
  token: {environment: TOKEN}
  there: {file: /etc/ssl/key.pem}
  unused: {file: nowhere}
configs:
  conf: {file: nginx.conf}
  text: {content: "site=${site}, $$x\\n"}
  beyond: {external: true}
"""


def granted(keys: str) -> tuple[object, dict[str, object]]:
    """Return the mounts and files of a service with secrets or configs."""
    commit = tree(
        f"services: {{web: {{image: i, {keys}}}}}\n{GRANTS}",
        files=FILES,
        variables="TOKEN: t$$oken\nsite: berlin\n",
    )
    made = dict(sections(commit))
    files = made.get("files", {})
    assert isinstance(files, dict)
    return entries(commit, "containers")["shop-web"].get("volumes"), dict(files)


def bind(source: str, target: str) -> dict[str, object]:
    return {
        "type": "bind",
        "source": source,
        "target": target,
        "read_only": True,
        "bind": {"create_host_path": False},
    }


def test_a_secret_is_a_file_that_is_mounted() -> None:
    mounts, files = granted("secrets: [key, token, there], volumes: ['/a:/b']")

    assert [
        "/a:/b",
        bind(f"{OPT}/key", "/run/secrets/key"),
        bind(f"{OPT}/.secrets/token", "/run/secrets/token"),
        bind("/etc/ssl/key.pem", "/run/secrets/there"),
    ] == mounts
    assert {
        f"{OPT}/key": {"source": "key", "mode": "0400"},
        f"{OPT}/.secrets/token": {"content": "t$oken", "mode": "0400"},
    } == files


def test_a_config_is_a_file_that_is_mounted() -> None:
    mounts, files = granted(
        "configs: [conf, {source: text, target: /etc/text}, {source: text, target: more}]"
    )

    assert [
        bind(f"{OPT}/nginx.conf", "/conf"),
        bind(f"{OPT}/.configs/text", "/etc/text"),
        bind(f"{OPT}/.configs/text", "/more"),
    ] == mounts
    assert {
        f"{OPT}/nginx.conf": {"source": "nginx.conf", "mode": "0444"},
        f"{OPT}/.configs/text": {"content": "site=berlin, $x\n", "mode": "0444"},
    } == files


def test_the_service_says_who_may_read_it() -> None:
    mounts, files = granted("secrets: [{source: key, target: k, uid: '33', gid: '34', mode: 0440}, key]")

    assert [bind(f"{OPT}/key", "/run/secrets/k"), bind(f"{OPT}/key", "/run/secrets/key")] == mounts
    assert {f"{OPT}/key": {"source": "key", "mode": "0440", "owner": "33", "group": "34"}} == files


def test_a_secret_that_is_mounted_as_well_stays_one() -> None:
    files = granted("secrets: [key], volumes: ['./key:/k']")[1]

    assert {f"{OPT}/key": {"source": "key", "mode": "0400"}} == files


def test_the_mode_of_a_secret_is_understood_by_the_kind() -> None:
    state = loaded(
        tree(
            f"services: {{web: {{image: i, secrets: [key]}}}}\n{GRANTS}",
            files=FILES,
            variables="site: x\nTOKEN: t\n",
        )
    )

    assert Mode(0o400) == getattr(state.resources[ResourceId("file", f"{OPT}/key")].spec, "mode", None)


def test_a_value_of_a_secret_is_never_told() -> None:
    commit = tree(
        "services: {web: {image: i, secrets: [token]}}\nsecrets: {token: {environment: TOKEN}}",
        document="compose: {shop: {source: shop/compose.yaml, directory: /x, environment: {TOKEN: hush}}}\nfiles: {/x/.secrets/token: {content: y}}",
    )

    assert "hush" not in "".join(refusal(commit))
