"""A machine with packages to install."""

from __future__ import annotations

import pytest

from tests.host.machine.apt import Repository
from tests.host.machine.host import Host


@pytest.fixture
def supplied(managed: Host, packages: Repository) -> Host:
    """A managed machine whose apt knows the repository, and has read its index."""
    packages.add_to(managed.machine)
    return managed
