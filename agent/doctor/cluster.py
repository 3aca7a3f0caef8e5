"""Checks that the API server of Kubernetes answers, is new enough, and lets this host do its work. Asks it; changes nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

from agent.doctor import Found, failed, ok, warning
from agent.host.kubernetes.client import Client
from agent.host.kubernetes.door import KUBECONFIG
from agent.host.kubernetes.kubeconfig import Kubeconfig
from agent.host.kubernetes.kubeconfig import is_there as kubeconfig_is_there
from agent.host.servers import ClusterError

OLDEST: Final = (1, 20)  # server-side apply as it is used here; older ones are not tried
REVIEW: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS: Final = ("get", "list", "patch", "create", "delete")


def is_there(kubeconfig: Path) -> bool:
    """Return whether a Kubernetes is to be expected: agent.yaml names a kubeconfig, or k3s has written one."""
    return kubeconfig != KUBECONFIG or kubeconfig_is_there(kubeconfig)


def cluster(kubeconfig: Path, context: str) -> Found:
    """Return which server answers, and what this host may do there; raises HostError where none is ready."""
    with closing(Client(Kubeconfig(kubeconfig, context))) as client:
        client.ready()
        version = client.ask("GET", "/version")
        forbidden = [verb for verb in VERBS if not _may(client, verb)]
        return judged(version, client.access.server, forbidden)


def judged(version: Any, server: str, forbidden: list[str]) -> Found:
    """Return what is to be said of a server, by its answer to GET /version and by what it does not allow everywhere."""
    text = f"Kubernetes {version.get('gitVersion')} at {server}"
    if _number(version) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return failed(f"{text}: expected {oldest} or newer", "install a newer one")
    if forbidden:
        return warning(
            f"{text}: this host may not {', '.join(forbidden)} every kind of object",
            "what is declared may be among what it may; else give it cluster-admin, as k3s's own kubeconfig has it",
        )
    return ok(text)


def _may(client: Client, verb: str) -> bool:
    """Return whether this host may do something with all objects (SelfSubjectAccessReview v1 authorization.k8s.io)."""
    attributes = {"verb": verb, "group": "*", "resource": "*"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    try:
        return bool(client.ask("POST", REVIEW, body=review)["status"]["allowed"])
    except ClusterError as error:
        if error.code == 403:
            return False
        raise


def _number(version: Any) -> tuple[int, ...]:
    """Return the two numbers of a version, as in 1.20+; what makes no sense is taken to be new."""
    digits = ("".join(filter(str.isdigit, str(version.get(key)))) for key in ("major", "minor"))
    try:
        return tuple(map(int, digits))
    except ValueError:
        return (1 << 30,)
