"""The kind `unit`: what the real systemd-analyze says before a unit file is put in place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.local import Local
from agent.kinds.unit import KIND
from agent.kinds.unit.spec import UnitSpec
from agent.kinds.unit.state import UnitState
from agent.model import Stale, WriteFile
from tests.fakes import FakeTree

UNIT_FILE = "/etc/systemd/system/kiosk.service"
VERIFIED = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def install(root: Path, text: str) -> Path:
    """Carry out the writing of a unit file below a folder, with the check of the real systemd."""
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / UNIT_FILE[1:]).write_text("old\n")
    ((_, want),) = KIND.expand("kiosk.service", UnitSpec(content=text), FakeTree())
    local = Local(root, root / "state")
    (write,) = (
        step
        for step in KIND.steps("kiosk.service", want, UnitState(), stale=Stale.NO)
        if isinstance(step, WriteFile)
    )
    local.perform(write)
    return root / UNIT_FILE[1:]


@VERIFIED
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[Service]\nExecStart=a/b\n",
            r"kiosk.service:2: Neither a valid executable name nor an absolute path: a/b",
        ),
        (
            "[Service]\nExecStart=/bin/true\nExecStart=/bin/true\n",
            r"Service has more than one ExecStart= setting",
        ),
        ("[Service]\nType=simple\n", r"Service has no ExecStart="),
    ],
)
def test_a_unit_file_that_systemd_cannot_load_leaves_the_old_one(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(HostError, match=said) as caught:
        install(tmp_path, text)
    assert str(caught.value).startswith(
        f"{UNIT_FILE}: left as it was: `systemd-analyze --man=no verify '{{}}:kiosk.service'`"
    )
    assert "/tmp/" not in str(caught.value)
    assert "old\n" == (tmp_path / UNIT_FILE[1:]).read_text()


@VERIFIED
@pytest.mark.parametrize(
    "text",
    [
        "[Service]\nExecStart=/usr/bin/comes-later\n",
        "[Unit]\nRequires=comes-later.service\n[Service]\nExecStart=/bin/true\n",
        "[Service]\nExecStart=/bin/true\nOfAnotherVersion=yes\n",
    ],
)
def test_what_is_not_there_yet_is_no_fault_of_a_unit_file(tmp_path: Path, text: str) -> None:
    assert text == install(tmp_path, text).read_text()
