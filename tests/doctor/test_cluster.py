"""The check of Kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.doctor import Grade
from agent.doctor.cluster import cluster, is_there, judged
from agent.errors import HostError
from tests.kube.server import Kube

SERVER = "https://127.0.0.1:6443"


@pytest.mark.parametrize(
    ("major", "minor", "forbidden", "grade", "text"),
    [
        ("1", "20", [], Grade.OK, "Kubernetes v1.20.1 at https://127.0.0.1:6443"),
        ("1", "36+", [], Grade.OK, "Kubernetes v1.36.1 at https://127.0.0.1:6443"),
        (
            "1",
            "19",
            ["list"],
            Grade.FAILED,
            "Kubernetes v1.19.1 at https://127.0.0.1:6443: expected 1.20 or newer",
        ),
        ("", "", [], Grade.OK, "Kubernetes v.1 at https://127.0.0.1:6443"),
        (
            "1",
            "30",
            ["list", "patch"],
            Grade.WARNING,
            "Kubernetes v1.30.1 at https://127.0.0.1:6443: this host may not list, patch every kind of object",
        ),
    ],
)
def test_a_server_is_new_enough_or_not(
    major: str, minor: str, forbidden: list[str], grade: Grade, text: str
) -> None:
    name = ".".join(part.rstrip("+") for part in (major, minor) if part)
    found = judged({"major": major, "minor": minor, "gitVersion": f"v{name}.1"}, SERVER, forbidden)

    assert (grade, text) == (found.grade, found.text)


def test_a_kubernetes_is_expected_where_a_kubeconfig_is_named(tmp_path: Path) -> None:
    assert is_there(tmp_path / "none")
    with pytest.raises(HostError, match="there is no kubeconfig"):
        cluster(tmp_path / "none", "")


def test_the_administrator_may_do_all_and_a_visitor_nothing(kube: Kube) -> None:
    assert (Grade.OK, f"Kubernetes v1.20.2 at https://127.0.0.1:{kube.port}") == graded(kube.kubeconfig)
    grade, text = graded(kube.kubeconfig_for("somebody"))

    assert Grade.WARNING is grade
    assert "may not get, list, patch, create, delete every" in text
    with pytest.raises(HostError, match="Unauthorized") as error:
        cluster(kube.expired(), "")
    assert "has expired" in error.value.hint


def graded(kubeconfig: Path) -> tuple[Grade, str]:
    found = cluster(kubeconfig, "")
    return found.grade, found.text


def test_the_kubernetes_of_this_host_is_told(kube_fleet: Any, kube_fleet_of: Callable[..., Any]) -> None:
    assert ("ok", "Kubernetes v1.20.2 at ") == checked(kube_fleet)
    missing = kube_fleet_of(host="edge-02", kubeconfig=Path("/nowhere/k3s.yaml"))
    assert ("failed", "there is no kubeconfig") == checked(missing)


def checked(fleet: Any) -> tuple[str, str]:
    fleet.declare({"files": {}})
    (found,) = (one for one in fleet.json("doctor")["checks"] if one["name"] == "cluster")
    return found["result"], found["found"][:22]
