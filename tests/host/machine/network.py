"""
The network of the machines: a switch in a namespace of its own, network_namespaces(7). Nothing of it is on the outer
machine, and no way leads out: what a machine can reach is what its test serves it.
"""

from __future__ import annotations

import ctypes
import socket
import threading
from pathlib import Path

from tests.host.machine.slot import Slot
from tests.host.machine.tools import call

CLONE_NEWNET = 0x40000000


class Network:
    """10.77.N.0/24; the test is 10.77.N.1 and named `server.test`, machines come from .10 on."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.outside = f"{slot.prefix}net"
        self.server = f"10.77.{slot.number}.1"
        self._numbers = 9
        call("ip", "netns", "add", self.outside)
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "switch", "type", "bridge")
        self._ip("address", "add", f"{self.server}/24", "dev", "switch")
        self._ip("link", "set", "switch", "up")

    def listen(self, port: int = 0) -> socket.socket:
        """Return a socket that listens at the test's address, where the machines see it."""
        return listen(self.outside, self.server, port)

    def plug(self) -> Plug:
        """Return a new place in the network, connected."""
        self._numbers += 1
        return Plug(self, self._numbers)

    def _ip(self, *words: str) -> None:
        call("ip", "-n", self.outside, *words)


class Plug:
    """The namespace of one machine and its cable. `host0` is its interface, as nspawn would name it."""

    def __init__(self, network: Network, number: int) -> None:
        self.network, self.number = network, number
        self.namespace = f"{network.slot.prefix}{number}"
        self.address = f"{network.server.removesuffix('.1')}.{number}"
        self._port = f"port{number}"
        # With another address at each boot the neighbours would look for the old one for a while.
        mac = f"02:77:00:00:{network.slot.number:02x}:{number:02x}"
        call("ip", "netns", "add", self.namespace)
        self._outside(
            "link",
            "add",
            self._port,
            "type",
            "veth",
            "peer",
            "host0",
            "address",
            mac,
            "netns",
            self.namespace,
        )
        self._outside("link", "set", self._port, "master", "switch", "up")
        self._inside("link", "set", "lo", "up")
        self._inside("address", "add", f"{self.address}/24", "dev", "host0")
        self._inside("link", "set", "host0", "up")

    @property
    def path(self) -> Path:
        return Path("/run/netns", self.namespace)

    def cut(self) -> None:
        """Pull the cable: what is under way is lost, and nobody says so."""
        self._outside("link", "set", self._port, "nomaster")

    def restore(self) -> None:
        self._outside("link", "set", self._port, "master", "switch")

    def remove(self) -> None:
        call("ip", "netns", "delete", self.namespace)

    def _outside(self, *words: str) -> None:
        call("ip", "-n", self.network.outside, *words)

    def _inside(self, *words: str) -> None:
        call("ip", "-n", self.namespace, *words)


def listen(namespace: str, address: str, port: int) -> socket.socket:
    """Return a listening socket of a network namespace: a socket stays in the one it was made in (setns(2))."""
    made: list[socket.socket | OSError] = []

    def make() -> None:
        try:
            enter(namespace)
            made.append(socket.create_server((address, port), backlog=64))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make)  # which alone enters, and ends
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def enter(namespace: str) -> None:
    """Move this thread into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open() as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
