"""Says to which layer the tests of a whole folder belong, and leaves out what this user may not do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

WHOLE_FOLDERS = ("e2e", "demo")


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if folder in WHOLE_FOLDERS:
            item.add_marker(folder)
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
