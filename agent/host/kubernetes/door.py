"""The way to the API server: nothing is read, and no connection opened, before it is asked. Acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import HostError
from agent.host import Cluster
from agent.model import ClusterStep

KUBECONFIG: Final = Path("/etc/rancher/k3s/k3s.yaml")  # what k3s writes, and only root may read


def _nobody() -> None:
    return


@dataclass(slots=True)
class Door:
    """The Kubernetes of this host. `owner`: what this host is called on the objects that it keeps."""

    owner: str = ""
    kubeconfig: Path = KUBECONFIG
    context: str = ""  # "": the current one

    def look(self, beat: Callable[[], None] = _nobody) -> Cluster:  # noqa: ARG002
        """Return fresh eyes; raises HostError where no API server is ready."""
        raise HostError("no Kubernetes answers on this host")

    def perform(self, step: ClusterStep, beat: Callable[[], None]) -> None:  # noqa: ARG002
        """Do one step; raises HostError."""
        raise HostError("no Kubernetes answers on this host")

    def close(self) -> None:
        return
