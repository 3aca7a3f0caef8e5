"""The fixtures of a Kubernetes, for every folder of tests. `tests/kube/__init__.py` says what they are for."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Fleet
from tests.kube import binaries
from tests.kube.kubelet import Kubelet
from tests.kube.server import Kube
from tests.waiting import until

TOOLS = ("git", "openssl", "setpriv")
PACKAGES = Path(__file__).parents[1] / "servers/packages.txt"


def missing() -> str:
    """Return why no Kubernetes can be started here, or nothing."""
    if tools := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"missing: {', '.join(tools)}; the packages are in {PACKAGES}"
    if not binaries.built():
        return "kube-apiserver has not been built yet: `python -m tests.kube` does it, in some minutes"
    return ""


@pytest.fixture(scope="session")
def kube_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """The Kubernetes of this run; tests ask for `kube`."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    server = Kube(tmp_path_factory.mktemp("kube"), binaries.folder())
    try:
        server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(server.folder / "etcd.data", ignore_errors=True)  # 130 MB


@pytest.fixture
def kube(kube_server: Kube) -> Iterator[Kube]:
    """A Kubernetes that runs and answers, without nodes."""
    kube_server.heal()
    yield kube_server
    kube_server.heal()
    kube_server.clean()


@pytest.fixture
def namespace(kube: Kube) -> str:
    """A namespace of its own, in which a pod may be made at once."""
    name, path = f"test-{secrets.token_hex(4)}", "/api/v1/namespaces"
    kube.request("POST", path, {"metadata": {"name": name}})
    kube.cleanup(f"{path}/{name}")
    account = f"{path}/{name}/serviceaccounts/default"
    # Where the test before has restarted the API, its controllers come back ever later.
    until(lambda: (kube.get(account) or {}).get("secrets"), seconds=90)
    return name


@pytest.fixture
def kubelet(kube: Kube, namespace: str) -> Kubelet:
    """Who says of the pods of this namespace that they run."""
    return Kubelet(kube, namespace)


def new_host() -> str:
    """Return a name that no other test has: with a new ledger, trued takes all objects for its own that bear its host's."""
    return f"edge-{secrets.token_hex(4)}"


@pytest.fixture
def kube_fleet(kube: Kube, tmp_path: Path) -> Fleet:
    """A host that trued keeps true, with this Kubernetes and no engine; its name is new in this Kubernetes."""
    return Fleet.of(tmp_path, None, host=new_host(), kubernetes={"kubeconfig": str(kube.kubeconfig)})


@pytest.fixture
def kube_fleet_of(kube: Kube, tmp_path: Path) -> Callable[..., Fleet]:
    """
    Make such a host: kube_fleet_of(kubeconfig=…, host="edge-…"), with further keys of agent.yaml.

    Each name is a host of its own, with a repository of its own, at the same Kubernetes.
    """

    def make(*, kubeconfig: Path | None = None, host: str = "", **more: Any) -> Fleet:
        host = host or new_host()
        kubernetes = {"kubeconfig": str(kubeconfig or kube.kubeconfig)}
        return Fleet.of(tmp_path / host, None, host=host, **{"kubernetes": kubernetes, **more})

    return make
