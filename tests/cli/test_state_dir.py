"""The folder in which trued remembers: made when it is missing, and nobody else's business."""

from __future__ import annotations

import stat

from tests.cli.fleet import Box


def test_all_that_is_made_is_for_its_owner_alone(box: Box) -> None:
    """Every folder, also those on the way to `state_dir`, and every file."""
    box.state = box.folder / "var/lib/state"
    box.configure()
    box.push(motd="one\n")

    said = box.trued("apply")

    made = {path: stat.S_IMODE(path.stat().st_mode) for path in (box.folder / "var").rglob("*")}
    assert (0, "") == (said.code, said.err)
    assert {"ledger.db", "git", "status"} <= {path.name for path in box.state.iterdir()}
    assert {} == {path: mode for path, mode in made.items() if mode != (0o700 if path.is_dir() else 0o600)}
    assert 0o700 == stat.S_IMODE((box.folder / "var").stat().st_mode)
