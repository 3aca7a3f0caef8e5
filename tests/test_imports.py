"""
What a process loads at its start, and what it must not: each is memory of a daemon, and time of a command.

What is not listed may be loaded. Where a test fails after a change: import it where it is used, or give it its line here, with a reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox
from tests.servers.repo import bare

TOP = Path(__file__).parents[1]
# Libraries of others, parts of the standard library that are as heavy, and rooms that only some hosts need.
HEAVY = frozenset(
    {
        "_ssl", "agent.compose.translate", "agent.desired.templates", "agent.doctor", "agent.documents.manifests",
        "agent.documents.schema", "agent.enroll", "agent.host.engine.look", "agent.host.kubernetes.client",
        "agent.kinds.container", "agent.kinds.manifest", "agent.kinds.package", "agent.kinds.unit",
        "agent.reconcile.apply", "asyncio", "chardet", "charset_normalizer", "concurrent.futures", "ctypes", "difflib", "docker",
        "dulwich", "http", "jinja2",
        "multiprocessing", "rich", "sqlite3", "ssl", "subprocess", "urllib.request", "urllib3", "yaml",
    }
)  # fmt: skip
PLAN = {"sqlite3", "subprocess", "yaml"}  # the ledger, the signature of a commit, documents
DAEMON = PLAN | {"ctypes", "agent.reconcile.apply"}  # for inotify; what may be to carry out
LIST = "import json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"


def loaded(code: str, *arguments: str) -> set[str]:
    """Return which heavy modules are there once this has run."""
    done = subprocess.run(
        (sys.executable, "-c", f"{code}\n{LIST}", *arguments),
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return HEAVY & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def host(tmp_path: Path) -> Sandbox:
    """A host with files only, whose repository is a path, and which is as declared."""
    url = bare(tmp_path / "remote.git").removeprefix("file://")
    made = Sandbox(tmp_path / "host", url)
    made.push({"base/base.yaml": "files: {/etc/motd: {content: hello}}\n"})
    made.trued("apply", code=0)
    return made


@pytest.mark.parametrize("code", ["import agent.cli", "from agent.cli import main; main(['--version'])"])
def test_what_every_verb_begins_with_is_light(code: str) -> None:
    """The command itself, and its version, need nothing of what verbs need."""
    assert set() == loaded(code)


def test_a_plan_for_files_loads_what_files_need(host: Sandbox) -> None:
    """No other kind, no TLS for a path, no template engine without a template, nothing that publishes."""
    code = "import sys; from agent.cli import main; assert main(sys.argv[1:]) == 0"

    assert loaded(code, "plan", "--config", str(host.config)) <= PLAN


def test_a_daemon_that_goes_round_loads_no_more(host: Sandbox) -> None:
    """Between the news it holds what a plan loads, and inotify: nothing that publishes."""
    code = """
import sys
from pathlib import Path
from agent.cli.run import Resident
from agent.outfit import Quiet
from agent.looks import Occasion
work = Resident(Path(sys.argv[1])).assemble()
work.listen(lambda *_: None)
for _ in range(3):
    report = work.cycle(Quiet(), Occasion())
    work.tell(report, Quiet())
    assert not report.exit_code
"""

    assert loaded(code, str(host.config)) <= DAEMON


def test_the_engine_s_library_comes_without_the_one_that_guesses_character_sets() -> None:
    """It is 2 MiB, and requests does without it; whoever imports it for something else afterwards gets it."""
    found = loaded("import agent.host.engine.sdk")
    later = loaded("import agent.host.engine.sdk, charset_normalizer")

    assert "docker" in found
    assert not found & {"chardet", "charset_normalizer"}
    assert "charset_normalizer" in later


def test_an_older_library_that_must_have_it_gets_it(tmp_path: Path) -> None:
    """requests before 2.32 cannot be imported without one that guesses, and a host may have such."""
    older = tmp_path / "requests/__init__.py"
    older.parent.mkdir()
    older.write_text(
        "import charset_normalizer, pathlib, docker\n"
        "real = pathlib.Path(docker.__file__).parents[1] / 'requests'\n"
        "__path__ = [str(real)]\n"
        "exec((real / '__init__.py').read_text())\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import agent.host.engine.sdk as it; assert it.APIClient"

    assert loaded(code) >= {"docker", "charset_normalizer"}
