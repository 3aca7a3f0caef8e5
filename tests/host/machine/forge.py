"""The Git servers of the tests, real nginx and sshd, as a machine sees them: at server.test, through a faulty network."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path

from tests.host.machine.host import Host
from tests.host.machine.network import Network
from tests.servers.faults import FaultProxy
from tests.servers.git import Bare, GitServer

FOLDER = "/etc/trued"  # where a host has what it gets in with


class Forge:
    """Leads from the machines' network to the servers on the loopback; `https_faults.fault` is what goes wrong."""

    def __init__(self, server: GitServer, network: Network) -> None:
        self.server, self.network = server, network
        self._open = contextlib.ExitStack()

    @cached_property
    def https_faults(self) -> FaultProxy:
        return self._lead(self.server.https_port)

    @cached_property
    def ssh_faults(self) -> FaultProxy:
        return self._lead(self.server.ssh.port)

    def https_url(self, bare: Bare) -> str:
        """Return the repository's URL for a machine; opens the way there."""
        assert self.https_faults.port
        return _inside(bare.https)

    def ssh_url(self, bare: Bare) -> str:
        assert self.ssh_faults.port
        return _inside(bare.ssh)

    def lend_https(self, host: Host, *, guard: bool = True) -> Bare:
        """Make a repository and let the host follow it over https with a token, as agent.yaml says."""
        bare = self.server.create(guard=guard)
        host.remote = bare.path
        host.configure(
            url=self.https_url(bare),
            token_file=_give(host, self.server.token_file),
            ca_file=_give(host, self.server.tls.ca),
        )
        return bare

    def lend_ssh(self, host: Host, *, guard: bool = True) -> Bare:
        """Make a repository and let the host follow it over ssh with a deploy key."""
        bare = self.server.create(guard=guard)
        host.remote = bare.path
        host.configure(
            url=self.ssh_url(bare),
            ssh_key=_give(host, self.server.ssh.key),
            known_hosts=_give(host, self.server.ssh.known_hosts),
        )
        return bare

    def close(self) -> None:
        self._open.close()

    def _lead(self, port: int) -> FaultProxy:
        return self._open.enter_context(FaultProxy(port, listener=self.network.listen(port)))


def _inside(url: str) -> str:
    return url.replace("127.0.0.1", "server.test")


def _give(host: Host, file: Path) -> str:
    """Copy a file into the machine; return where it is there."""
    place = f"{FOLDER}/{file.name}"
    host.machine.put(place, file.read_bytes(), mode=0o600)
    return place
