"""What a daemon does about a cluster that others change, and about an API that goes, comes back, or takes other certificates."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli.assemble import assembled
from agent.cycle import run_cycle
from agent.host.kubernetes.client import Client
from agent.looks import Occasion
from tests.fleet import Fleet
from tests.kube.server import Kube
from tests.kube.workloads import MERGE, became, declare, deployment, settings, thing
from tests.waiting import until

COLOR = {"data": {"color": "red"}}


def maps(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def color(kube: Kube, namespace: str, name: str) -> str:
    found = kube.get(maps(namespace, name))
    return str(found["data"]["color"]) if found else ""


def converged(fleet: Fleet) -> bool:
    return bool(fleet.reports()) and fleet.report()["result"] == "converged"


def resident() -> int:
    """Return the bytes of memory that this process has, proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def story(fleet: Fleet) -> str:
    """Return all that the status branch says; what stands in columns there is one space apart."""
    return " ".join(" ".join(fleet.reports()).split())


def test_what_a_person_does_with_kubectl_is_taken_back_and_told(
    kube: Kube, kube_fleet: Fleet, namespace: str
) -> None:
    """Edited, deleted, scaled."""
    objects = [settings(namespace, name, color="blue") for name in ("edited", "deleted")]
    declare(kube_fleet, *objects, deployment(namespace, replicas=1), wait="0s")
    web = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    with kube_fleet.service() as service:
        until(lambda: converged(kube_fleet))
        kube.kubectl("patch", "configmap", "edited", "-n", namespace, "-p", '{"data": {"color": "red"}}')
        kube.kubectl("delete", "configmap", "deleted", "-n", namespace)
        kube.kubectl("scale", "deployment", "web", "-n", namespace, "--replicas=3")
        service.look()
        until(lambda: [color(kube, namespace, name) for name in ("edited", "deleted")] == ["blue", "blue"])
        until(lambda: kube.get(web)["spec"]["replicas"] == 1)
        names = {name: f"manifest:ConfigMap/{namespace}/{name}" for name in ("edited", "deleted")}
        until(
            lambda: (
                f"{names['edited']} drift: differs: data.color (set by kubectl-patch)" in story(kube_fleet)
            )
        )
        until(lambda: f"{names['deleted']} drift: object is missing" in story(kube_fleet))
        until(
            lambda: (
                f"manifest:apps/Deployment/{namespace}/web drift: differs: spec.replicas"
                in story(kube_fleet)
            )
        )
    assert "failed" not in story(kube_fleet)


def test_drift_can_be_only_told_or_not_even_that(kube: Kube, kube_fleet: Fleet, namespace: str) -> None:
    """As an entry says, for each of its objects."""
    entries = {way: {"source": f"manifests/{way}.yaml", "drift": way} for way in ("report", "ignore")}
    texts = {
        f"base/manifests/{way}.yaml": json.dumps(settings(namespace, way, color="blue")) for way in entries
    }
    kube_fleet.declare({"manifests": entries}, texts)
    kube_fleet.apply()
    for way in entries:
        kube.request("PATCH", maps(namespace, way), COLOR, content_type=MERGE)

    report = kube_fleet.apply(code=3)

    assert ["red", "red"] == [color(kube, namespace, way) for way in entries]
    assert ("held", "drift is only reported: differs: data.color (set by tests.kube)") == became(
        report, "/report"
    )
    assert "unchanged" == became(report, "/ignore")[0]


def test_an_api_that_is_away_holds_up_nothing_else(
    kube: Kube, kube_fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """And is found again by the next look after it is back."""
    file = tmp_path / "file"
    declare(kube_fleet, settings(namespace, color="blue"))
    with kube_fleet.service() as service:
        until(lambda: converged(kube_fleet))
        kube.api.kill()
        declare(kube_fleet, settings(namespace, color="red"), files={str(file): {"content": "x\n"}})
        service.look()
        until(file.exists)
        away = f"the API server at https://127.0.0.1:{kube.port} cannot be reached: Connection refused"
        # A look that its end has woken may have met the connection that it broke off.
        until(lambda: became(kube_fleet.report(), "/settings")[1].startswith(away))
        assert "blocked" == became(kube_fleet.report(), "/settings")[0]
        assert "failed" == kube_fleet.report()["result"]
        kube.start()
        service.look()
        until(lambda: color(kube, namespace, "settings") == "red", seconds=60)
        until(lambda: converged(kube_fleet))


def test_a_new_kubeconfig_is_taken_up(
    kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str, tmp_path: Path
) -> None:
    """k3s writes new certificates when it starts."""
    kubeconfig = tmp_path / "k3s.yaml"
    kubeconfig.write_bytes(kube.kubeconfig.read_bytes())
    fleet = kube_fleet_of(kubeconfig=kubeconfig)
    declare(fleet, settings(namespace, color="blue"))
    with fleet.service() as service:
        until(lambda: converged(fleet))
        fresh = tmp_path / "fresh"
        fresh.write_bytes(kube.kubeconfig_for("renewed", ["system:masters"]).read_bytes())
        fresh.replace(kubeconfig)
        since = kube.mark()
        kube.request("PATCH", maps(namespace, "settings"), COLOR, content_type=MERGE)
        service.look()
        until(lambda: color(kube, namespace, "settings") == "blue")
    assert {"renewed"} == {write.user for write in kube.writes(since, by="trued")}


def test_a_look_that_finds_nothing_to_do_asks_for_one_list_of_each_kind(
    kube_fleet: Fleet, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a hundred of them leave nothing in memory."""
    objects = [settings(namespace, f"map-{n}", color="blue") for n in range(25)]
    objects += [
        thing("v1", "Service", f"front-{n}", namespace, spec={"ports": [{"port": 80}]}) for n in range(25)
    ]
    declare(kube_fleet, *objects)
    asked: list[str] = []
    ask = Client.ask

    def counted(self: Client, method: str, path: str, *more: Any, **words: Any) -> Any:
        asked.append(f"{method} {path}")
        return ask(self, method, path, *more, **words)

    monkeypatch.setattr(Client, "ask", counted)
    with assembled(kube_fleet.config) as parts:
        assert {"changed"} == {one.result for one in run_cycle(parts.agent).resources.values()}
        for _ in range(10):
            run_cycle(parts.agent)
        before = resident()
        for _ in range(100):
            asked.clear()
            assert "converged" == run_cycle(parts.agent, occasion=Occasion(poll=False)).result

    assert sorted(asked) == ["GET /api/v1/configmaps", "GET /api/v1/services"]
    assert resident() - before < 10 << 20
