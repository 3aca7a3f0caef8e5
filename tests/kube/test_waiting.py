"""What waits for objects that become well only later, and what does not; and the way back from a bad commit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.fleet import Fleet
from tests.kube.kubelet import Kubelet, waiting
from tests.kube.server import Kube
from tests.kube.workloads import became, declare, deployment, meanwhile, pods, set_status, settings
from tests.servers.repo import git
from tests.waiting import until


def beside(folder: Path) -> dict[str, Any]:
    """Return files: one that needs the manifest, one that does not."""
    return {
        str(folder / "after"): {"content": "x\n", "needs": ["manifest:web"]},
        str(folder / "beside"): {"content": "x\n"},
    }


def test_what_needs_a_manifest_comes_once_that_is_well(
    kube_fleet: Fleet, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    """And what does not need it comes before."""
    declare(kube_fleet, deployment(namespace), files=beside(tmp_path))
    seen = []

    def node() -> None:
        until(lambda: (tmp_path / "beside").exists() and kubelet.pods("web"))
        seen.append((tmp_path / "after").exists())
        kubelet.make_ready("web")

    with meanwhile(node):
        report = kube_fleet.apply()

    assert [False] == seen
    assert (tmp_path / "after").exists()
    assert "converged" == report["result"]


def test_what_needs_a_manifest_that_does_not_come_is_blocked_and_the_rest_goes_on(
    kube_fleet: Fleet, namespace: str, tmp_path: Path
) -> None:
    """Also at the next cycle, which has nothing to do about the manifest."""
    name = f"manifest:apps/Deployment/{namespace}/web"
    declare(kube_fleet, deployment(namespace), files=beside(tmp_path), wait="1s")

    for _ in range(2):
        report = kube_fleet.apply(code=3)
        assert "failed" == became(report, "/web")[0]
        assert ("blocked", f"needs {name}, which failed") == became(report, "/after")
        assert became(report, "/beside")[0] in {"changed", "unchanged"}
        assert not (tmp_path / "after").exists()
    assert (tmp_path / "beside").exists()


def test_all_are_waited_for_together(kube_fleet: Fleet, namespace: str) -> None:
    """Twenty that never come take the time of one."""
    declare(kube_fleet, *(deployment(namespace, f"web-{n}") for n in range(20)), wait="3s")
    began = time.monotonic()

    report = kube_fleet.apply(code=3)

    assert time.monotonic() - began < 40
    assert ["failed"] * 20 == [one["result"] for one in report["resources"].values()]


def test_who_ends_the_daemon_does_not_wait(kube_fleet: Fleet, namespace: str, kubelet: Kubelet) -> None:
    declare(kube_fleet, deployment(namespace), wait="1h")
    with kube_fleet.service() as service:
        until(lambda: kubelet.pods("web"))
        began = time.monotonic()
        service.process.terminate()
        assert 0 == service.process.wait(timeout=20)

    assert time.monotonic() - began < 15


def test_a_new_commit_does_not_wait_for_what_an_old_one_waits_for(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    first = declare(kube_fleet, deployment(namespace), wait="1h")
    with kube_fleet.service():
        until(kube_fleet.reports)
        report = kube_fleet.report()
        assert (first, None) == (report["commit"], report["good"])
        assert became(report, "/web")[1].endswith("not ready yet: 0 of 1 replicas are available")
        declare(kube_fleet, deployment(namespace), settings(namespace, color="blue"), wait="1h")
        until(lambda: kube.get(f"/api/v1/namespaces/{namespace}/configmaps/settings"))
        kubelet.make_ready("web")
        until(lambda: kube_fleet.report()["result"] == "converged")


def test_a_commit_with_a_bad_image_is_taken_back_by_the_next(
    kube: Kube, kube_fleet: Fleet, namespace: str, kubelet: Kubelet
) -> None:
    """The host says which commit was the last good one, and the status branch tells the story."""
    good = declare(kube_fleet, deployment(namespace), wait="3s")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    with kubelet.working():
        kube_fleet.apply()
    bad = declare(kube_fleet, deployment(namespace, template=pods("web", "web:bad")), wait="3s")

    def node() -> None:
        until(lambda: any(image(pod) == "web:bad" for pod in kubelet.pods("web")))
        (new,) = (pod for pod in kubelet.pods("web") if image(pod) == "web:bad")
        place = f"/api/v1/namespaces/{namespace}/pods/{new['metadata']['name']}"
        set_status(kube, place, waiting(new, "ImagePullBackOff", "no such image"))

    with meanwhile(node):
        report = kube_fleet.apply(code=3)

    assert (bad, good, "failed") == (report["commit"], report["good"], report["result"])
    assert became(report, "/web")[1].endswith(": ImagePullBackOff: no such image")
    assert 1 == kube.get(path)["status"]["availableReplicas"]
    work = kube_fleet.fleet.path
    git("revert", "--no-edit", bad, cwd=work)
    kube_fleet.fleet.push(kube_fleet.url)
    report = kube_fleet.apply()
    assert ("converged", report["commit"]) == (report["result"], report["good"])
    found = kube.get(path)
    assert "web:1" == found["spec"]["template"]["spec"]["containers"][0]["image"]
    assert 1 == found["status"]["availableReplicas"]
    subjects = [message.splitlines()[0] for message in kube_fleet.reports()]
    assert [
        f"{kube_fleet.host}: converged at {report['commit'][:7]}, 1 changed",
        f"{kube_fleet.host}: failed at {bad[:7]}",
        f"{kube_fleet.host}: converged at {good[:7]}, 1 changed",
    ] == [subject.removesuffix(", 1 failed") for subject in subjects]


def image(pod: Any) -> str:
    return str(pod["spec"]["containers"][0]["image"])
