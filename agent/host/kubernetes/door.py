"""
The way to the API server: nothing is read, and no connection opened, before it is asked. Acts.

What is kept from one look to the next: the connection, what kinds there are, and what was worked out from objects that have not
changed. The first two go when the connection breaks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.errors import HostError
from agent.host.servers import ApiKind, Cluster
from agent.model import AwaitCluster, ClusterStep, DeleteObject, ReplaceObject, ResourceId
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.host.kubernetes.client import Client
    from agent.host.kubernetes.discovery import Discovery
    from agent.host.kubernetes.look import Memory
    from agent.host.kubernetes.watch import Listener

KUBECONFIG: Final = Path("/etc/rancher/k3s/k3s.yaml")  # what k3s writes, and only root may read
PAUSE: Final = 0.5  # seconds between two questions whether a server is ready


def _nobody() -> None:
    return


@dataclass(slots=True)
class Door:
    """The Kubernetes of this host. `owner`: what this host is called on the objects that it keeps."""

    owner: str = ""
    kubeconfig: Path = KUBECONFIG
    context: str = ""  # "": the current one
    _client: Client | None = None
    _discovery: Discovery | None = None
    _memory: Memory | None = None  # since the first look
    _listener: Listener | None = None
    _wake: Callable[[frozenset[str]], None] | None = None

    def look(self, beat: Callable[[], None] = _nobody) -> Cluster:
        """Return fresh eyes; raises HostError where no API server is ready."""
        from agent.host.kubernetes.look import ClusterView, Memory  # noqa: PLC0415 - most hosts have no cluster
        from agent.host.kubernetes.objects import owner_of  # noqa: PLC0415

        if self._listener is not None:
            self._listener.begin()
        try:
            with self._noticing():
                client, discovery = self._connected()
                client.ready()
                discovery.begin()
        except HostError:
            if self._wake is not None:
                self._listening(self._wake).knock()
            raise
        if self._listener is not None:
            self._listener.let_in()
        self._memory = self._memory or Memory()
        self._memory.begin()
        return ClusterView(client, discovery, self._memory, owner_of(self.owner), beat, self._heed)

    def perform(self, step: ClusterStep, beat: Callable[[], None]) -> None:
        """Do one step; raises HostError."""
        from agent.host.kubernetes.acts import Acts  # noqa: PLC0415
        from agent.host.kubernetes.objects import owner_of  # noqa: PLC0415

        if isinstance(step, AwaitCluster):
            self._await(step, beat)
            return
        if self._listener is not None and isinstance(step, ReplaceObject | DeleteObject):
            self._listener.expect(step.uid)
        with self._noticing():
            client, discovery = self._connected()
            discovery.begin()
            Acts(client, discovery, owner_of(self.owner)).act(step, beat)

    def listen(self, wake: Callable[[frozenset[str]], None]) -> None:
        """From the first look on, have `wake` called (by another thread) with the kinds of which others change something."""
        self._wake = wake

    @property
    def hears(self) -> frozenset[str]:
        """The kinds of which nothing has happened unheard since the last look began."""
        return self._listener.hears if self._listener is not None else frozenset()

    def others(self, ids: Collection[ResourceId], since: float) -> bool:  # noqa: ARG002 - the ears' own shape
        """What happens in a cluster is no haste: its own controllers keep it going."""
        return False

    def close(self) -> None:
        self._drop()
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def _drop(self) -> None:
        """Let go of the connection; the next question opens a new one."""
        if self._client is not None:
            self._client.close()
        self._client = self._discovery = None

    def _heed(self, kind: ApiKind) -> None:
        if self._wake is not None:
            self._listening(self._wake).heed(kind)

    def _listening(self, wake: Callable[[frozenset[str]], None]) -> Listener:
        if self._listener is None:
            from agent.host.kubernetes.kubeconfig import Kubeconfig  # noqa: PLC0415
            from agent.host.kubernetes.objects import owner_of  # noqa: PLC0415
            from agent.host.kubernetes.watch import Listener  # noqa: PLC0415 - see wire.py

            kubeconfig = Kubeconfig(self.kubeconfig, self.context)
            self._listener = Listener(kubeconfig, owner_of(self.owner), wake)
        return self._listener

    def _await(self, step: AwaitCluster, beat: Callable[[], None]) -> None:
        """Ask until a server is ready. Before it first starts there is not even a kubeconfig."""
        end = time.monotonic() + step.patience
        while True:
            try:
                with self._noticing():
                    self._connected()[0].ready()
            except HostError as error:
                if time.monotonic() > end:
                    message = f"no API server is ready within {step.patience:.0f} s: {error}"
                    raise HostError(message, hint=error.hint) from error
            else:
                return
            time.sleep(PAUSE)
            beat()

    def _connected(self) -> tuple[Client, Discovery]:
        from agent.host.kubernetes.client import Client  # noqa: PLC0415
        from agent.host.kubernetes.discovery import Discovery  # noqa: PLC0415
        from agent.host.kubernetes.kubeconfig import Kubeconfig  # noqa: PLC0415

        if self._client is None or self._discovery is None:
            self._client = Client(Kubeconfig(self.kubeconfig, self.context))
            self._discovery = Discovery(self._client)
        self._client.begin()
        return self._client, self._discovery

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Drop the connection when something is wrong with it: the server that comes back may be another one."""
        from agent.host.kubernetes.trouble import SilentError  # noqa: PLC0415

        try:
            yield
        except SilentError:
            self._drop()
            raise
