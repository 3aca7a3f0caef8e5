"""
Hosts with a container engine: `engine` in a case says what it has, `engine: false` that none answers.

    engine:
      api: "1.41"        the version of the API that is spoken with it
      images: {"web:1": {digest: sha256:…, Env: [A=1], tags: [web:latest]}}      what is here; all keys may be left out
      registry: {"web:1": {digest: sha256:…}, "db:1": {error: no route to host}}  what registries have
      networks: {front: {Internal: true, declared: {internal: "true"}}}           as in POST /networks/create
      volumes: {data: {Driver: nfs, declared: {driver: nfs}}}                     as in POST /volumes/create
      containers:                                                                 as in POST /containers/create
        web: {Image: "web:1", networks: {front: {Aliases: [web]}}, State: {Status: exited}, RestartCount: 2, declared: {…}}
      ends: {job: 0}     containers that come to an end when started, with their exit code
      sick: [db]         containers that never get healthy
      logs: {db: out of memory}
      lacking: {BlkioWeight: "no such thing"}    limits that it is known to leave out, with its words

`declared` is what trued declared when it made the thing, key by key: it becomes the label. A container's image is here
even if `images` does not say so. A container runs, unless State says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.host import Answer
from agent.kinds._engine.declared import digests
from agent.kinds._engine.names import DECLARED
from tests.fake_engine import FakeEngine, full, untagged
from tests.fakes import FakeHost
from tests.inspected import Body, container, endpoint, image, network, number, volume

INSPECTED = ("Id", "State", "RestartCount", "Mounts", "Created")  # of a container, and no part of a request


def furnish(host: FakeHost, case: Mapping[str, Any]) -> None:
    host.commands["sleep"] = lambda _argv, _stdin: Answer(0, "", "")
    host.engine = made(case.get("engine") or {}) if case.get("engine", True) is not False else None


def made(given: Mapping[str, Any]) -> FakeEngine:
    """Return an engine that has what is given."""
    engine = FakeEngine(
        api=given.get("api", "1.45"),
        nets={name: network(name, **labelled(said)) for name, said in given.get("networks", {}).items()},
        stores={name: volume(name, **labelled(said)) for name, said in given.get("volumes", {}).items()},
        registry={name: dict(said) for name, said in given.get("registry", {}).items()},
        ends=dict(given.get("ends", {})),
        sick=set(given.get("sick", ())),
        logs=dict(given.get("logs", {})),
        lacking=dict(given.get("lacking", {})),
    )
    for reference, said in given.get("images", {}).items():
        add_image(engine, reference, said or {})
    for name, said in given.get("containers", {}).items():
        add_container(engine, name, said)
    return engine


def labelled(given: Mapping[str, Any] | None) -> Body:
    """Return what was asked of the engine, with the label that says what was declared."""
    asked = dict(given or {})
    if "declared" in asked:
        asked["Labels"] = {**asked.get("Labels", {}), DECLARED: digests(asked.pop("declared"))}
    return asked


def add_image(engine: FakeEngine, reference: str, given: Mapping[str, Any]) -> Body:
    """Have an image as it is after a pull."""
    asked = dict(given)
    name, at, digest = reference.partition("@")
    digest = asked.pop("digest", digest or f"sha256:{number('digest', reference)}")
    tags = (
        *asked.pop("tags", ()),
        *(() if at else (name if ":" in name.rpartition("/")[2] else f"{name}:latest",)),
    )
    found = image(digest, tags=tags, **asked)
    found["RepoDigests"] = [f"{untagged(reference)}@{digest}"]
    engine.pulled[found["Id"]] = found
    return found


def add_container(engine: FakeEngine, name: str, given: Mapping[str, Any]) -> Body:
    """Have a container as it is once it was made and started."""
    asked = {key: value for key, value in labelled(given).items() if key not in (*INSPECTED, "networks")}
    asked.setdefault("Image", "app:1")
    made_from = engine.image(asked["Image"]) or add_image(engine, asked["Image"], {})
    found = container(name, asked, made_from=made_from)
    found["State"] |= {"Status": "running", "Running": True, "Pid": 4711}
    found |= {key: given[key] for key in INSPECTED if key in given and key != "State"}
    found["State"] |= _state(given.get("State", {}))
    for net, settings in given.get("networks", {}).items():
        engine.nets.setdefault(net, network(net))
        found["NetworkSettings"]["Networks"][net] = endpoint(found, engine.nets[net]["Id"], settings or {})
    engine.has[name] = found
    return found


def _state(given: Mapping[str, Any]) -> Mapping[str, Any]:
    status = given.get("Status", "running")
    return {"Running": status in {"running", "paused", "restarting"}, "Paused": status == "paused"} | dict(
        given
    )


__all__ = ["add_container", "add_image", "full", "furnish", "made"]
