"""Holds an agent as the daemon does, runs a cycle for each line on stdin, and answers what that cost as JSON."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import measure

from agent.cli.assemble import assembled, make_teller
from agent.cycle import run_cycle


def main(config: Path) -> None:
    with assembled(config) as parts, closing(make_teller(parts.settings)) as teller:
        parts.listen(lambda _: None)  # as the loop does; here each line wakes

        def cycle() -> None:
            report = run_cycle(parts.agent)
            teller.tell(report)
            assert report.exit_code == 0, report.error

        for _ in sys.stdin:
            print(json.dumps(asdict(measure.piece(cycle))), flush=True)


main(Path(sys.argv[1]))
