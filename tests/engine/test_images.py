"""Images on real engines: pulled as somebody whom the registry knows, kept up with a tag, and gone when nothing uses them."""

from __future__ import annotations

import base64
import io
import json
import random
import tarfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.cli import assemble
from agent.host.engine.registry import Registries
from agent.kinds.image import LEFT_OVER
from tests.engine.docker import Docker
from tests.engine.fixtures import Engine
from tests.engine.images import Image
from tests.engine.registry import PASSWORD, USER, Registry
from tests.engine.test_containers import assert_quiet, inspect, names, outcomes
from tests.fleet import Fleet
from tests.servers.faults import Fault

FleetOf = Callable[..., Fleet]

ONE, TWO = "trued-test/box:1", "trued-test/box:2"
WRONG = "not-the-pull-secret"


def declared(image: str, **web: Any) -> Mapping[str, Any]:
    return {"containers": {"web": {"image": image, **web}}}


def image_of(engine: Engine, name: str = "web") -> str:
    """Return which of the stock images a container was made from: its mark."""
    return str(
        engine.api.inspect_image(inspect(engine, name)["Image"])["Config"]["Labels"]["trued.test.mark"]
    )


def has(engine: Engine, image: str) -> bool:
    return any(
        image in (*(one["RepoTags"] or ()), *(one["RepoDigests"] or ())) for one in engine.api.images()
    )


def said(fleet: Fleet, tmp_path: Path) -> str:
    """Return all that trued has said anywhere: reports, its state, its output."""
    kept = (path for path in (fleet.path / "state").rglob("*") if path.is_file())
    return "".join(path.read_bytes().decode(errors="replace") for path in kept) + "".join(fleet.reports())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a registry have seconds to answer, not minutes."""
    monkeypatch.setattr(assemble, "Registries", partial(Registries, patience=3.0, silence=3.0))


@pytest.fixture
def host(fleet_of: FleetOf, docker: Docker, registry: Registry) -> Fleet:
    """A host with Docker Engine that the registry knows."""
    return fleet_of(docker, registries=registry.access)


def test_an_image_is_pulled_by_its_tag(
    fleet_of: FleetOf, engine: Engine, docker: Docker, registry: Registry
) -> None:
    registry.push(docker.api, ONE, "shop/web:1")
    fleet = fleet_of(engine, registries=registry.access)
    image = f"{registry.host}/shop/web:1"
    fleet.declare(declared(image))
    changed = outcomes(fleet.apply())

    assert {f"image:{image}", "container:web", "network:trued_default"} == changed.keys()
    assert "changed" == changed[f"image:{image}"][0]
    assert "1" == image_of(engine)
    assert_quiet(fleet)


def test_an_image_is_pulled_by_its_digest(
    fleet_of: FleetOf, engine: Engine, docker: Docker, registry: Registry
) -> None:
    """And once only: it is what it is, though its tag moves on."""
    digest = registry.push(docker.api, ONE, "web:1")
    fleet = fleet_of(engine, registries=registry.access)
    fleet.declare(declared(f"{registry.host}/web@{digest}", pull_policy="always"))
    fleet.apply()
    registry.push(docker.api, TWO, "web:1")

    assert "1" == image_of(engine)
    assert_quiet(fleet)


def test_docker_login_is_known(
    fleet_of: FleetOf, docker: Docker, registry: Registry, tmp_path: Path
) -> None:
    registry.push(docker.api, ONE, "web:1")
    login = tmp_path / "config.json"
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    login.write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    fleet = fleet_of(docker, engine={"socket": str(docker.socket), "docker_config": str(login)})
    fleet.declare(declared(f"{registry.host}/web:1"))
    fleet.apply()

    assert "1" == image_of(docker)


LOGINS = {
    "no JSON": ("not-the-pull-secret", "expected JSON"),
    "no base64": ('{"auths": {"HOST": {"auth": "not-the-pull-secret"}}}', "makes no sense: docker login"),
    "a list": ("[1]", "makes no sense"),
}


@pytest.mark.parametrize("broken", LOGINS)
def test_a_login_that_makes_no_sense_is_told_without_what_it_says(
    fleet_of: FleetOf, docker: Docker, registry: Registry, tmp_path: Path, broken: str
) -> None:
    text, words = LOGINS[broken]
    login = tmp_path / "config.json"
    login.write_text(text.replace("HOST", registry.host))
    fleet = fleet_of(docker, engine={"socket": str(docker.socket), "docker_config": str(login)})
    image = f"{registry.host}/web:1"
    fleet.declare(declared(image))
    failed = outcomes(fleet.apply(code=3))[f"image:{image}"]

    assert "failed" == failed[0]
    assert str(login) in failed[2]
    assert words in failed[2]
    assert WRONG not in fleet.run("apply", "--verbose").said


def test_a_wrong_password_is_told_and_not_shown(
    fleet_of: FleetOf, engine: Engine, docker: Docker, registry: Registry, tmp_path: Path
) -> None:
    registry.push(docker.api, ONE, "web:1")
    wrong = tmp_path / "wrong"
    wrong.write_text(f"{WRONG}\n")
    fleet = fleet_of(engine, registries={registry.host: {"username": USER, "password_file": str(wrong)}})
    image = f"{registry.host}/web:1"
    fleet.declare(declared(image))
    everything = fleet.run("plan").said + fleet.run("apply", "--verbose").said + fleet.run("status").said
    failed = outcomes(fleet.apply(code=3))

    assert "failed" == failed[f"image:{image}"][0]
    assert f"asked as {USER}" in failed[f"image:{image}"][2]
    assert (
        "uthentication required" in failed[f"image:{image}"][2]
        or "nauthorized" in failed[f"image:{image}"][2]
    )
    assert "blocked" == failed["container:web"][0]
    everything += said(fleet, tmp_path)
    assert WRONG not in everything
    assert base64.b64encode(WRONG.encode()).decode().rstrip("=") not in everything


def test_a_tag_that_is_not_there_is_told(
    fleet_of: FleetOf, engine: Engine, docker: Docker, registry: Registry
) -> None:
    registry.push(docker.api, ONE, "web:1")
    fleet = fleet_of(engine, registries=registry.access)
    image = f"{registry.host}/web:2"
    fleet.declare(declared(image))
    failed = outcomes(fleet.apply(code=3))

    assert "failed" == failed[f"image:{image}"][0]
    assert "cannot be pulled" in failed[f"image:{image}"][2]
    assert "unknown" in failed[f"image:{image}"][2]


def test_a_tag_that_has_gone_is_told_and_what_runs_goes_on(
    host: Fleet, docker: Docker, registry: Registry
) -> None:
    registry.push(docker.api, ONE, "web:1")
    image = f"{registry.host}/web:1"
    host.declare(declared(image, pull_policy="always"))
    host.apply()
    registry.delete("web:1")
    told = outcomes(host.apply(code=3))

    assert {f"image:{image}"} == told.keys()
    assert told[f"image:{image}"][2].endswith("its registry says: manifest unknown")
    assert inspect(docker)["State"]["Running"]


def test_a_plan_shows_the_digest_of_what_would_be_pulled(
    host: Fleet, docker: Docker, registry: Registry
) -> None:
    digest = registry.push(docker.api, ONE, "web:1")
    host.declare(declared(f"{registry.host}/web:1"))

    assert digest[:19] in host.trued("plan", code=2)


def test_a_tag_that_moved_is_pulled_and_its_container_made_anew(
    host: Fleet, docker: Docker, registry: Registry
) -> None:
    """The plan says what it stands for now; the image comes before anything is stopped."""
    registry.push(docker.api, ONE, "web:1")
    image = f"{registry.host}/web:1"
    host.declare(declared(image, pull_policy="always"))
    host.apply()
    digest = registry.push(docker.api, TWO, "web:1")
    plan = host.trued("plan", code=2)
    events = docker.api.events(decode=True)
    changed = outcomes(host.apply())

    assert digest[:19] in plan
    assert {f"image:{image}", "container:web"} == changed.keys()
    new = docker.api.inspect_image(image)["Id"]
    assert f"{image} is another image now: " in changed["container:web"][2]
    assert changed["container:web"][2].endswith(new[:19])
    seen = _until(events, "destroy")
    assert seen.index("pull") < seen.index("die")
    assert "2" == image_of(docker)
    assert_quiet(host)


def _until(events: Any, last: str) -> list[str]:
    seen: list[str] = []
    for event in events:
        seen.append(event["Action"])
        if seen[-1] == last:
            break
    events.close()
    return seen


def test_what_may_never_be_pulled_and_is_not_here_is_told(
    host: Fleet, docker: Docker, registry: Registry
) -> None:
    registry.push(docker.api, ONE, "web:1")
    image = f"{registry.host}/web:1"
    host.declare(declared(image, pull_policy="never"))
    told = outcomes(host.apply(code=3))

    assert "blocked" == told[f"image:{image}"][0]
    assert "declared never to be pulled" in told[f"image:{image}"][2]
    assert not has(docker, image)


def test_a_host_has_only_what_it_allows(
    fleet_of: FleetOf, docker: Docker, registry: Registry, box: str
) -> None:
    """By the ids of containers and of the images that follow from them."""
    registry.push(docker.api, TWO, "web:1")
    image = f"{registry.host}/web:1"
    allow = {"containers": ["web"], "networks": ["*"], "images": [f"{registry.host}/*"]}
    fleet = fleet_of(docker, registries=registry.access, allow=allow)
    fleet.declare({"containers": {"web": {"image": image}, "db": {"image": box}}})
    told = outcomes(fleet.apply(code=3))

    assert {"container:db"} == {name for name, (result, *_) in told.items() if result == "held"}
    assert {"web"} == names(docker)


@pytest.mark.parametrize("fault", ["refuse", "hang"])
@pytest.mark.usefixtures("impatient")
def test_a_registry_that_is_away_stops_nothing(
    host: Fleet, docker: Docker, registry: Registry, box: str, tmp_path: Path, fault: str
) -> None:
    """What runs goes on and is kept true, and so is the rest of the host; that it is away is told."""
    registry.push(docker.api, ONE, "web:1")
    kept, new = f"{registry.faulty}/web:1", f"{registry.faulty}/new:1"
    state = {"containers": {"web": {"image": kept, "pull_policy": "always"}, "db": {"image": box}}}
    host.declare(state)
    host.apply()
    registry.faults.fault = Fault(**{fault: True})
    docker.api.remove_container("web", force=True)
    motd = {str(tmp_path / "motd"): {"content": "welcome\n"}}
    more = {name: {"image": f"{registry.faulty}/{name}:1"} for name in ("new", "newer")}
    host.declare({"files": motd, "containers": {**state["containers"], **more}})
    told = outcomes(host.apply(code=3))

    assert ("changed", "drift", "is missing") == told["container:web"]
    assert "changed" == told[f"file:{tmp_path}/motd"][0]
    assert "the registry cannot be asked for a newer one" in told[f"image:{kept}"][2]
    assert "failed" == told[f"image:{new}"][0]
    assert "container engine" not in told[f"image:{new}"][2]
    assert "(a moment ago)" in told[f"image:{registry.faulty}/newer:1"][2] or fault == "refuse"
    assert "blocked" == told["container:new"][0]
    assert {"web", "db"} == names(docker)


@pytest.mark.usefixtures("impatient")
def test_a_pull_that_is_cut_off_leaves_the_container_that_runs(
    host: Fleet, docker: Docker, registry: Registry
) -> None:
    publish_heavy(docker, registry, "web:1")
    host.declare(declared(ONE))
    host.apply()
    before = inspect(docker)["Id"]
    registry.faults.fault = Fault(blackhole_after=100_000)
    image = f"{registry.faulty}/web:1"
    host.declare(declared(image))
    cut = outcomes(host.apply(code=3))

    assert "failed" == cut[f"image:{image}"][0]
    assert "cannot be pulled: nothing" in cut[f"image:{image}"][2]
    assert (before, True) == (inspect(docker)["Id"], inspect(docker)["State"]["Running"])
    registry.heal()
    host.apply()
    assert image == inspect(docker)["Config"]["Image"]


def test_an_image_that_nothing_uses_any_more_goes_if_that_is_declared(
    host: Fleet, docker: Docker, registry: Registry, box: str
) -> None:
    """What trued did not pull stays, and so does what somebody else's container uses."""
    first, second, kept = (f"{registry.host}/{name}:1" for name in ("first", "second", "kept"))
    for name in ("first", "second", "kept"):
        publish(docker, registry, name, f"{name}:1")
    three = {"a1": {"image": first}, "b1": {"image": second}, "c1": {"image": kept}}
    host.declare({"images": {"prune": True}, "containers": three})
    host.apply()
    docker.api.create_container(kept, name="stranger")
    host.declare({"images": {"prune": True}, "containers": {"a1": {"image": box}}})
    gone = outcomes(host.apply("--allow-removals"))

    assert {f"image:{first}", f"image:{second}"} <= gone.keys()
    assert (False, False, True) == (has(docker, first), has(docker, second), has(docker, kept))
    assert has(docker, box)
    assert_quiet(host)


def test_what_a_tag_stood_for_before_goes_with_prune(
    host: Fleet, docker: Docker, registry: Registry
) -> None:
    """Once the container is another one; not what a container of somebody else was made from, though it does not run."""
    image = f"{registry.host}/web:1"
    state = {"images": {"prune": True}, **declared(image, pull_policy="always")}
    digests = []
    for mark in ("first", "second", "third"):
        digests.append(f"{registry.host}/web@{publish(docker, registry, mark, 'web:1')}")
        if mark == "first":
            host.declare(state)
        host.apply()
        if mark == "first":
            docker.api.create_container(image, name="stranger")
    gone = outcomes(host.apply())

    assert {f"image:{digests[1]}": ("changed", "drift", LEFT_OVER)} == gone
    assert [True, False, True] == [has(docker, digest) for digest in digests]
    assert "third" == image_of(docker)
    assert_quiet(host)


def test_images_stay_without_prune(host: Fleet, docker: Docker, registry: Registry, box: str) -> None:
    """What a tag stood for before, as well as what no container is declared with any more."""
    first = f"{registry.host}/web@{publish(docker, registry, 'first', 'web:1')}"
    host.declare(declared(f"{registry.host}/web:1", pull_policy="always"))
    host.apply()
    publish(docker, registry, "second", "web:1")
    host.apply()
    host.declare(declared(box))
    host.apply()

    assert has(docker, first)
    assert has(docker, f"{registry.host}/web:1")


def publish(docker: Docker, registry: Registry, mark: str, name: str) -> str:
    """Make an image that this engine does not keep, and push it; return its digest."""
    made = Image(name="made/here:1", mark=mark)
    docker.load(made)
    digest = registry.push(docker.api, made.name, name)
    docker.api.remove_image(made.name)
    return digest


def publish_heavy(docker: Docker, registry: Registry, name: str, size: int = 300_000) -> None:
    """Push an image with a layer of so many bytes that this engine does not keep, and that no compression makes less of."""
    made = docker.api.create_container(ONE)["Id"]
    data, archive = random.Random(1).randbytes(size), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("heavy")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    docker.api.put_archive(made, "/", archive.getvalue())
    docker.api.commit(made, repository="made/here", tag="1")
    docker.api.remove_container(made)
    registry.push(docker.api, "made/here:1", name)
    docker.api.remove_image("made/here:1")
