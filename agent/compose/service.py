"""One service of a Compose file into the entry of a container (05-services.md). Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Final

from agent.compose import grants, mounts
from agent.compose.context import LABEL, Context
from agent.compose.links import dependencies, links, networks, shared, volumes_from
from agent.compose.nodes import Draft, expected, is_nothing, mapping, pairs_of, text_of, yes
from agent.documents.nodes import Map, Node, Place, Scalar, Seq, text_scalar, to_plain

# Keys that mean something only elsewhere: to the command line of Compose, to swarm.
_DROPPED: Final = ("attach", "container_name", "develop", "profiles")
_REFUSED: Final[Mapping[str, str]] = {
    "extends": "trued takes a file by itself; write out what it extends, or use an anchor and <<",
    "provider": "nothing but containers can be run; take the service away",
    "models": "trued runs no models; take it away",
    **dict.fromkeys(
        ("needs", "keep", "drift"),
        "it belongs to the entry under compose in the document, not into the file",
    ),
}
# What the engine can change in a container as it is, and what only orders: no reason to make it anew, so not in its hash.
_LIGHT: Final = frozenset(
    {
        *(
            "blkio_config",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpu_shares",
            "cpus",
        ),
        *(
            "cpuset",
            "deploy",
            "mem_limit",
            "mem_reservation",
            "memswap_limit",
            "oom_kill_disable",
            "pids_limit",
        ),
        *("depends_on", "networks", "pull_policy", "restart"),
    }
)


def container(context: Context, name: str, service: Map) -> Map:
    """Return the entry of `containers` that a service stands for; problems go to the findings."""
    path = f".services.{name}"
    draft = Draft.of(service)
    for key, reason in _REFUSED.items():
        if key in draft.entries:
            context.findings.add(draft.keys[key], f"{path}.{key}", f"cannot be taken: {reason}")
            draft.drop(key)
    _build(context, draft, path)
    _deploy(context, draft, path)
    for key, rewrite in _REWRITES.items():
        rewrite(context, draft, f"{path}.{key}")
    networks(context, name, draft, f"{path}.networks")
    draft.drop(*_DROPPED)
    if name in context.awaited and "restart" not in draft.entries:
        draft.put("restart", text_scalar(draft.place, "no"))
    _labels(context, name, draft, f"{path}.labels")
    if context.project.adopt:
        draft.put("adopt", yes(context.project.place))
    return draft.node()


def _build(context: Context, draft: Draft, path: str) -> None:
    if "build" in draft.entries and is_nothing(draft.get("image")):
        message = "cannot be taken: trued builds nothing; build it elsewhere, push it, and name it by image"
        context.findings.add(draft.keys["build"], f"{path}.build", message)
    draft.drop("build")


def _deploy(context: Context, draft: Draft, path: str) -> None:
    """Keep what of `deploy` concerns one container (deploy.md); the rest is for swarm, as it is to Compose."""
    _one(context, draft.get("scale"), f"{path}.scale")
    draft.drop("scale")
    deploy = draft.get("deploy")
    if not isinstance(deploy, Map):
        if is_nothing(deploy):
            draft.drop("deploy")
        return
    _one(context, deploy.entries.get("replicas"), f"{path}.deploy.replicas")
    policy = deploy.entries.get("restart_policy")
    if isinstance(policy, Map) and "restart" not in draft.entries:
        draft.put("restart", text_scalar(policy.place, _restart(policy)))
    draft.drop("deploy")
    if (resources := deploy.entries.get("resources")) is not None:
        draft.put("deploy", mapping(deploy.place, {"resources": resources}))


def _one(context: Context, node: Node | None, path: str) -> None:
    if node is not None and not is_nothing(node) and text_of(node) != "1":
        expected(node, "1, since a service is one container here", path, context.findings)


def _restart(policy: Map) -> str:
    """Return the word for it, as getRestartPolicy in pkg/compose/create.go of Compose finds it."""
    condition = text_of(policy.entries.get("condition")) or "any"
    most = text_of(policy.entries.get("max_attempts"))
    if condition == "on-failure" and most:
        return f"on-failure:{most}"
    return {"any": "always", "none": "no"}.get(condition, condition)


def _environment(context: Context, draft: Draft, path: str) -> None:
    """Give names that stand without a value the one that is known."""
    node = draft.get("environment")
    if isinstance(node, Map):
        every = {
            key: _known(context, key, node.keys[key], f"{path}.{key}") if is_nothing(child) else child
            for key, child in node.entries.items()
        }
        draft.put("environment", node._replace(entries=every))
    elif isinstance(node, Seq):
        items = tuple(_pair(context, item, f"{path}[{at}]") for at, item in enumerate(node.items))
        draft.put("environment", node._replace(items=items))


def _pair(context: Context, item: Node, path: str) -> Node:
    text = text_of(item)
    if not text or "=" in text:
        return item
    return text_scalar(item.place, f"{text}={_known(context, text, item.place, path).text}")


def _known(context: Context, key: str, place: Place, path: str) -> Scalar:
    if (value := context.project.values.get(key)) is None:
        message = (
            f"{key} has no value here, and there is no variable {key}; give it in environment of the compose entry,"
            f' in vars or in .env, or say here that it is empty: ""'
        )
        context.findings.add(place, path, message)
    return text_scalar(place, value or "")


def _labels(context: Context, name: str, draft: Draft, path: str) -> None:
    """Add what Compose itself would: `docker compose -p … ps` and `logs` find the containers by it."""
    if (labels := pairs_of(draft.get("labels"), path, context.findings)) is None:
        return
    project = context.project
    own = {
        "project": project.name,
        "service": name,
        "oneoff": "False",
        "container-number": "1",
        "project.working_dir": project.directory,
        "project.config_files": f"{project.directory}/{project.source.name}",
        "config-hash": _hash(draft.node()),
    }
    labels.place = labels.place if labels.entries else draft.place
    for key, value in own.items():
        labels.put(f"{LABEL}.{key}", text_scalar(draft.place, value))
    draft.put("labels", labels.node())


def _hash(service: Map) -> str:
    said = {key: to_plain(node) for key, node in service.entries.items() if key not in _LIGHT}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


_REWRITES: Final[Mapping[str, Callable[[Context, Draft, str], None]]] = {
    "depends_on": dependencies,
    "links": links,
    "network_mode": shared("network_mode"),
    "pid": shared("pid"),
    "ipc": shared("ipc"),
    "volumes_from": volumes_from,
    "volumes": mounts.volumes,
    "env_file": mounts.env_file,
    "security_opt": mounts.security_opt,
    "environment": _environment,
    "secrets": grants.secrets,
    "configs": grants.configs,
}
