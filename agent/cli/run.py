"""`trued run`: the daemon. Lends the loop an agent, a new one each time agent.yaml is to be read again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent import daemon
from agent.cli.assemble import assemble, make_teller, settings_of
from agent.cli.screen import Screen
from agent.config import Reboot
from agent.cycle import run_cycle
from agent.daemon.rounds import Rounds
from agent.host.bus.ear import UnitEar
from agent.host.clock import clock_ear
from agent.host.ears import Ears
from agent.host.heap import give_back, keep_apart
from agent.host.journal import setup_logging
from agent.host.lock import cycle_lock, daemon_lock
from agent.host.notify import Notifier
from agent.host.reboot import uptime
from agent.host.watch import Watcher
from agent.looks import Occasion
from agent.model import Report
from agent.outfit import Pulse
from agent.rebooting import Rebooter
from agent.reconcile.attention import Attention
from agent.spare import keep_spare


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Run cycles until asked to stop; raises TruedError when the start fails."""
    setup_logging(verbose=screen.verbose)
    keep_apart()
    resident = Resident(args.config)
    try:
        return daemon.run(resident.assemble, notifier=Notifier(), rounds=Rounds(ear=clock_ear()))
    finally:
        resident.close()


class Resident:
    """The agent of a daemon, put together anew at each reload."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._open = ExitStack()
        self._told: Report | None = None

    def close(self) -> None:
        """Let go of what is open: the ledger is one file then, without a log beside it."""
        self._open.close()

    def assemble(self) -> daemon.Work:
        """Return what the loop may go round with; raises ConfigError. Nothing is opened, or let go, before it listens."""
        parts = assemble(settings_of(self._config))
        teller = make_teller(parts.settings)
        units = UnitEar(parts.settings.root)
        ears = Ears(Watcher(parts.settings.root), units)
        agent = replace(parts.agent, attention=Attention(ears, (*parts.ears, units)))

        def cycle(pulse: Pulse, occasion: Occasion) -> Report:
            well = False
            keep_spare(parts.settings.state_dir)
            try:
                report = run_cycle(agent, pulse, occasion=occasion)
                well = not report.exit_code
            finally:
                agent.attention.end(well=well)
            return report

        def listen(wake: Callable[[frozenset[str]], None]) -> None:
            """The loop has taken this up: what it went round with until now is let go."""
            self._open.close()
            for close in (parts.close, teller.close, ears.close):
                self._open.callback(close)
            parts.listen(wake)
            ears.listen(wake)

        def tell(report: Report, pulse: Pulse) -> None:
            teller.tell(report, pulse.interruptible, soon=pulse.roused)
            self._tidy(report)

        rebooter = Rebooter(parts.agent.host, parts.settings.state_dir, now=parts.agent.now, uptime=uptime)
        wanted = parts.settings.reboot is Reboot.WHEN_REQUIRED
        return daemon.Work(
            cycle=cycle,
            tell=tell,
            reboot=rebooter.consider if wanted else lambda _: None,
            listen=listen,
            interval=parts.settings.interval,
            verify_interval=parts.settings.verify_interval,
            state_dir=parts.settings.state_dir,
            alone=daemon_lock(parts.settings.state_dir),
            turn=cycle_lock(parts.settings.state_dir),
            again=agent.recall.patience.ends,
        )

    def _tidy(self, report: Report) -> None:
        """Give memory back after a cycle that had more to do than to look: a quiet one has the last one's standings."""
        if self._told is None or report.resources is not self._told.resources:
            give_back()
        self._told = report
