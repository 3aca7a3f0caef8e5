"""An API that comes with the same plan: it is waited for where something that it stands on changes, and only there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fleet import Fleet
from tests.kube.declared import written
from tests.kube.server import Kube
from tests.kube.workloads import became, declare, settings
from tests.waiting import until


def planned(plan: Any) -> dict[str, str]:
    """Return what a plan does, by the last part of the names."""
    return {entry["id"].rpartition("/")[2]: entry["what"] for entry in plan["entries"]}


def test_a_first_start_and_what_runs_there_are_one_plan(
    kube: Kube, kube_fleet_of: Callable[..., Fleet], namespace: str, tmp_path: Path
) -> None:
    """On a new host there is not even a kubeconfig: k3s writes it when it has started."""
    kubeconfig, file = tmp_path / "k3s.yaml", tmp_path / "config"
    fleet = kube_fleet_of(kubeconfig=kubeconfig)
    declare_on(fleet, file, settings(namespace, color="blue"))
    kube.api.kill()

    assert {"config": "create", "settings": "create"} == planned(fleet.plan(code=2))
    process = fleet.process("apply")
    until(file.exists, seconds=60)
    kube.start()
    shutil.copy(kube.kubeconfig, kubeconfig)
    assert 0 == process.wait(timeout=60), (fleet.path / "process.log").read_text()

    found = kube.get(f"/api/v1/namespaces/{namespace}/configmaps/settings")
    assert {"color": "blue"} == found["data"]
    assert "done first: the API server is ready" in fleet.reports()[0]


def test_an_api_that_starts_anew_is_waited_for(
    kube: Kube, kube_fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """What it stands on changes while it is away: what can be told only by it is told as to be made."""
    file = tmp_path / "config"
    declare(kube_fleet, settings(namespace, color="blue"))
    kube_fleet.apply()
    declare_on(kube_fleet, file, settings(namespace, color="blue"), settings(namespace, "more", color="red"))
    since = kube.mark()
    kube.api.kill()

    plan = planned(kube_fleet.plan(code=2))
    assert {"config": "create", "settings": "create", "more": "create"} == plan
    process = kube_fleet.process("apply")
    until(file.exists, seconds=60)
    kube.start()
    assert 0 == process.wait(timeout=60), (kube_fleet.path / "process.log").read_text()

    assert "converged" == kube_fleet.report()["result"]
    assert [f"patch /api/v1/namespaces/{namespace}/configmaps/more"] == written(kube, since)


def declare_on(fleet: Fleet, file: Path, *objects: dict[str, Any]) -> None:
    """Declare objects that need a file, which stands for the configuration of k3s."""
    declare(fleet, *objects, files={str(file): {"content": "x\n"}}, needs=[f"file:{file}"])


def test_an_api_that_nothing_starts_is_not_waited_for(
    kube: Kube, kube_fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """What is declared is blocked at once, with the way out; what does not need it is done."""
    file = tmp_path / "file"
    declare(kube_fleet, settings(namespace, color="blue"), files={str(file): {"content": "x\n"}})
    kube.api.kill()
    began = time.monotonic()

    assert {"file": "create", "settings": "blocked"} == planned(kube_fleet.plan(code=3))
    report = kube_fleet.apply(code=3)

    assert time.monotonic() - began < 30
    assert file.exists()
    result, reason = became(report, "/settings")
    assert "blocked" == result
    assert "cannot be reached: Connection refused; see systemctl status k3s" in reason
