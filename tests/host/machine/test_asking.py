"""What a real systemd answers on the bus, and itself, is what its own commands say; to anybody, and while it begins anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.host.machine.machine import Machine
from tests.host.machine.python import CHECKOUT, COMMAND

ASK = """
import json, sys
from pathlib import Path
from agent.host.bus import asking
asking.WAYS = [way for way in asking.WAYS if way[0].endswith(sys.argv[1])]
asks, names = asking.Asking(Path("/")), json.loads(sys.argv[2])
for _ in range(int(sys.argv[3])):
    loaded = asks.loaded(names)
facts = asks.properties(names, general=("Id", "LoadState", "FragmentPath", "NeedDaemonReload"), own=("Result", "NRestarts"))
print(json.dumps([{name: [at.active, at.sub] for name, at in loaded.items()}, facts, asks.enabled(names)]))
"""
BUS, PRIVATE = "system_bus_socket", "private"
NAMES = (
    "ssh.service", "sshd.service", "systemd-journald.socket", "multi-user.target", "-.mount", "nothere.service",
    "systemd-tmpfiles-clean.timer", "dev-disk-by\\x2duuid-1.swap", "-.slice", "init.scope",
)  # fmt: skip


def asked(machine: Machine, way: str, *, user: str = "root", times: int = 1) -> Any:
    python = str(Path(COMMAND).parent / "python")
    words = (python, "-c", ASK, way, json.dumps(NAMES), str(times))
    done = machine.run("runuser", "-u", user, "--", *words, env={"PYTHONPATH": CHECKOUT}, check=False)
    assert done.code == 0, done.said
    return json.loads(done.stdout)


def shown(machine: Machine, name: str) -> dict[str, str]:
    words = "Id,LoadState,FragmentPath,NeedDaemonReload,Result,NRestarts,ActiveState,SubState"
    said = machine.run("systemctl", "show", f"--property={words}", "--", name).stdout
    return dict(line.split("=", 1) for line in said.splitlines())


def test_it_answers_what_systemctl_says(machine: Machine) -> None:
    loaded, facts, enabled = asked(machine, BUS)
    for name in NAMES:
        said = shown(machine, name)
        at = loaded.get(name, ["inactive", "dead"])
        if name == said["Id"]:
            assert at == [said["ActiveState"], said["SubState"]], name
        there = {key: _as_shown(value) for key, value in facts[name].items()}
        assert there == {key: said[key] for key in there}, name
        word = machine.run("systemctl", "is-enabled", "--", name, check=False).stdout.strip()
        assert enabled.get(name, "") == (word if said["FragmentPath"] else enabled.get(name, "")), name

    assert facts["sshd.service"]["Id"] == "ssh.service"
    assert enabled["sshd.service"] == "alias"


def test_it_answers_the_same_by_each_way_and_to_anybody(machine: Machine) -> None:
    by_bus = asked(machine, BUS)

    assert by_bus == asked(machine, PRIVATE)
    assert by_bus == asked(machine, BUS, user="nobody")


def test_it_answers_while_it_begins_anew(machine: Machine) -> None:
    """By one way or the other, once it is there again."""
    machine.run(
        "systemd-run",
        "--quiet",
        "--unit=anew",
        "sh",
        "-c",
        "for i in 1 2 3 4 5; do systemctl daemon-reexec; done",
    )
    loaded, _, _ = asked(machine, "", times=300)

    assert loaded["ssh.service"] == ["active", "running"]


def _as_shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
