"""Lends a release archive, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.install import release


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a release is made from: the work tree may change while tests run."""
    return release.copy(tmp_path_factory.mktemp("release") / "checkout")


@pytest.fixture(scope="session")
def archive(checkout: Path) -> Path:
    """The archive, for all Pythons that it is made for."""
    return release.build(checkout, checkout.parent / "dist", pythons="3.11 3.12 3.13")
