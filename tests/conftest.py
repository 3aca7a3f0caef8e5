"""
Says to which layer the tests of a whole folder belong, leaves out what this user or machine cannot do, and
lends the real Git servers.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers.faults import FaultProxy
from tests.servers.git import Bare, GitServer, missing_tools

pytest_plugins = ("tests.engine.fixtures", "tests.host.machine.fixtures", "tests.kube.fixtures")

WHOLE_FOLDERS = ("e2e", "demo")
PACKAGES = Path(__file__).parent / "servers" / "packages.txt"


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if folder in WHOLE_FOLDERS:
            item.add_marker(folder)
        if "machines" in getattr(item, "fixturenames", ()):
            item.add_marker("machine")
        if "cell" in getattr(item, "fixturenames", ()) or "engine_slot" in getattr(item, "fixturenames", ()):
            item.add_marker("engine")
        if "kube_server" in getattr(item, "fixturenames", ()):
            item.add_marker("kube")
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
    # What takes long starts first, and others run beside it.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs servers where they cannot run; in CI nothing may be left out."""
    if item.get_closest_marker("servers") is None or not (missing := missing_tools()):
        return
    reason = f"missing: {', '.join(missing)}; install the packages of {PACKAGES}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A new folder for Unix sockets, whose paths have hardly a hundred bytes (unix(7)): `tmp_path` grows with the name of the test."""
    with TemporaryDirectory(prefix="short-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def git_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """The Git servers; https and ssh start when first asked for."""
    with GitServer(tmp_path_factory.mktemp("git-server")) as server:
        yield server


@pytest.fixture
def bare(git_server: GitServer) -> Bare:
    """An empty repository of its own for one test, as a well-equipped forge has it, without a guard."""
    return git_server.create()


@pytest.fixture
def guarded(git_server: GitServer) -> Bare:
    """The same, where only the administrator may touch anything but to add to refs/heads/status/*."""
    return git_server.create(guard=True)


@pytest.fixture
def faulty_https(git_server: GitServer) -> Iterator[FaultProxy]:
    """A proxy before the web server that fails as told; `faulty_https.url(bare.https)` leads through it."""
    with FaultProxy(git_server.https_port) as proxy:
        yield proxy


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let what a test has logged travel: a worker of xdist dies of a file name that is not Unicode."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
