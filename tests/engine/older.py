"""
What docker-compose 1.29.2 makes of the Compose files of tests/compose, and where that is known to be otherwise.

It is older than some of the specification: what it refuses, and where it can be said in its own words, is said so.
https://github.com/docker/compose/blob/1.29.2/compose/config/compose_spec.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

Flat: TypeAlias = dict[str, Any]

SAID: Final[Mapping[str, Mapping[str, str]]] = {
    # It sends half a second as it stands, and the engine takes whole ones: those that are full count, as in Compose now.
    "commands": {"stop_grace_period: 500ms": "stop_grace_period: 0s"},
    # Unknown: `restart` and `required`.
    "depends": {
        "        restart: true\n": "",
        "      nobody:\n        condition: service_started\n        required: false\n": "",
    },
    # Unknown: `pids`.
    "deploy": {"services:\n  web:\n": "services:\n  web:\n    pids_limit: 50\n", ", pids: 50": ""},
    # Unknown: devices that are written out.
    "devices": {"{source: /dev/full, target: /dev/filled, permissions: r}": "/dev/full:/dev/filled:r"},
    # Unknown: `missing`, which is the default; and it wants to find what is built, though it need not be.
    "engine": {"    pull_policy: missing\n": "", "    build: {context: ./nowhere}\n": ""},
    # Unknown: `format` and `required`; it takes every file as it stands.
    "environment-list": {
        "- path: ./beside/raw.env\n        format: raw\n": "- ./beside/raw.env\n",
        "      - path: ./beside/none.env\n        required: false\n": "",
    },
    # It reads 1.10 as a number, and writes that without its last digit.
    "environment-map": {"FRACTION: 1.10": 'FRACTION: "1.10"'},
    # Unknown: `:+`, names inside of defaults, and the project's name.
    "interpolation": {
        "${GREETING:+given}": "given",
        "${NONE:+given}": "",
        "${NONE:-${ALSO_NONE:-${GREETING}}}": "$GREETING",
        "${COMPOSE_PROJECT_NAME}": "interpolation",
    },
    # Unknown: a project's name, `=` in a host's, and several addresses of one.
    "names": {
        "name: another-name-than-the-project\n": "",
        "six.example.org=": "six.example.org:",
        ", many.example.org: [10.0.0.6, 10.0.0.7]": "",
    },
    # Unknown: `uts`.
    "namespaces": {"    uts: host\n": ""},
    # Unknown: `host_ip`, `name`, `app_protocol`.
    "ports": {
        '- target: 80\n        published: "18046"\n        host_ip: 127.0.0.1\n        protocol: tcp\n'
        "        mode: host\n        name: web\n        app_protocol: http\n": '- "127.0.0.1:18046:80"\n',
        "- target: 91\n        host_ip: 127.0.0.1\n        published: 18047\n": '- "127.0.0.1:18047:91"\n',
    },
    # Unknown: `required`.
    "profiles": {"    depends_on:\n      debug: {condition: service_started, required: false}\n": ""},
    # It takes no truth value for a word.
    "restarts": {"restart: no\n": 'restart: "no"\n'},
    # Unknown: `environment` and `content`; these are the files that trued has put there.
    "secrets-and-configs": {
        "{environment: GREETING}": "{file: .secrets/greeting}",
        "{content: some text}": "{file: .secrets/of-a-user}",
        '    content: |\n      greeting="${GREETING}"\n': "    file: .configs/inline\n",
    },
    # Unknown: `create_host_path`, and the mode of a tmpfs.
    "volumes-long": {
        "- type: bind\n        source: made-by-bind\n        target: /made\n"
        "        bind: {create_host_path: true}\n": "- ./made-by-bind:/made\n",
        ", mode: 01777": "",
    },
}  # fmt: skip
# What it cannot say at all, by file; `service: key`, as `told` has them.
UNKNOWN: Final[Mapping[str, frozenset[str]]] = {
    "names": frozenset({"asks: HostConfig.ExtraHosts"}),
    "namespaces": frozenset({"host: HostConfig.UTSMode"}),
    # Configs are for Swarm, and left out with a warning.
    "secrets-and-configs": frozenset({"web: Mounts./app.conf", "web: Mounts./etc/inline.conf"}),
    "volumes-long": frozenset({"web: HostConfig.Tmpfs"}),
}
# As trued and docker-compose each have them, on purpose.
_OWN: Final = {
    "Config.Volumes",  # docker-compose has volumes without a name here, trued among the mounts; they are in Mounts
    "HostConfig.Binds",  # what comes of these two is in Mounts
    "HostConfig.Mounts",
}
_LABELS: Final = ("com.docker.compose.", "io.trued.")
_ENDPOINT: Final = ("IPAMConfig", "Links", "Aliases", "DriverOpts")
_MOUNT: Final = ("Type", "Name", "Source", "Driver", "RW", "Propagation")


def rewritten(name: str, text: str) -> str:
    """Return a file of tests/compose in words that docker-compose knows."""
    for known, older in SAID.get(name, {}).items():
        assert known in text, f"{name}.yaml no longer says {known!r}"
        text = text.replace(known, older)
    return text


def told(inspected: Mapping[str, Any]) -> Flat:
    """Return what `docker inspect` says of containers, by service, without what no two containers have alike."""
    names: dict[str, str] = {}
    for service, one in inspected.items():
        names |= dict.fromkeys((one["Id"], one["Id"][:12], one["Name"].removeprefix("/")), f"<{service}>")
    text = json.dumps(inspected)
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return {
        f"{service}: {key}": value
        for service, one in json.loads(text).items()
        for key, value in _told(f"<{service}>", one)
    }


def _told(own: str, one: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    config, host = dict(one["Config"]), dict(one["HostConfig"])
    config["Labels"] = {key: value for key, value in config["Labels"].items() if not key.startswith(_LABELS)}
    config["Env"] = dict(line.split("=", 1) for line in config["Env"])
    host["RestartPolicy"]["Name"] = host["RestartPolicy"]["Name"] or "no"
    host["SecurityOpt"] = [
        re.sub(r"(?<=seccomp)[=:]|(?<=privileges)[=:]|\s", "", opt) for opt in host["SecurityOpt"] or ()
    ]
    host["VolumesFrom"] = [each.removesuffix(":rw") for each in host["VolumesFrom"] or ()]
    host["Tmpfs"] = host.get("Tmpfs") or [
        each for each in host.get("Mounts") or () if each["Type"] == "tmpfs"
    ]
    networks = one["NetworkSettings"]["Networks"]
    whole = {
        "Config": config,
        "HostConfig": host,
        "Mounts": {each["Destination"]: dict(_mount(each)) for each in one["Mounts"]},
        "Networks": {name: dict(_endpoint(own, each)) for name, each in networks.items()},
    }
    yield from ((key, value) for key, value in _flat(whole) if key not in _OWN)


def _mount(mount: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what matters; a volume without a name has a random one."""
    for key in _MOUNT:
        if value := mount.get(key):
            yield key, re.sub("[0-9a-f]{64}", "<random>", value) if isinstance(value, str) else value


def _endpoint(own: str, endpoint: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what matters; each is known by its own name, and docker-compose gives numbered names to links as well."""
    for key in _ENDPOINT:
        value = endpoint.get(key)
        if key == "Aliases":
            value = sorted({*value} - {own}) if value else value
        if key == "Links":
            value = sorted(link for link in value or () if not re.search(r":(<.*>|.*_1)$", link))
        yield key, value


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is said, key by key; nothing, false and 0 are not said."""
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from _flat(child, f"{key}.{name}".removeprefix("."))
    elif value:
        yield key, value


def differences(name: str, ours: Flat, theirs: Flat) -> list[str]:
    """Return in what two readings of a file differ that are to be alike."""
    unknown = tuple(UNKNOWN.get(name, ()))
    return [
        f"{key}: {ours.get(key)} by trued, {theirs.get(key)} by docker-compose"
        for key in sorted({*ours, *theirs})
        if ours.get(key) != theirs.get(key) and not key.startswith(unknown)
    ]
