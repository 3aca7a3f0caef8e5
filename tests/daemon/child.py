"""
The real loop around a small cycle, as a process of its own: what the tests send signals to.

Usage: python -m tests.daemon.child CYCLE FOLDER. FOLDER/interval is read at the start and at each reload.
"""

from __future__ import annotations

import itertools
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from agent import daemon
from agent.daemon import Wake, Work, run
from agent.daemon.rounds import Rounds
from agent.errors import ConfigError, LedgerError, TruedError
from agent.host.journal import setup_logging
from agent.host.lock import cycle_lock, daemon_lock
from agent.host.notify import Notifier
from agent.looks import Occasion
from agent.model import Report, Verdict
from agent.outfit import Pulse
from tests.daemon.rollout import rollout

COUNT, POLLS = itertools.count(), itertools.count()


def say(words: str) -> None:
    print(words, flush=True)


def report(*, error: str = "", exit_code: int = 0) -> Report:
    now = datetime.now(UTC)
    return Report(
        host="edge-01",
        started=now,
        finished=now,
        result=Verdict.CONVERGED,
        commit="1a2b3c4d" * 5,
        error=error,
        exit_code=exit_code,
    )


def quiet(pulse: Pulse, occasion: Occasion) -> Report:
    say(f"cycle poll={occasion.poll}")
    return report()


def unreachable(pulse: Pulse, occasion: Occasion) -> Report:
    say(f"cycle poll={occasion.poll}")
    return report(error="https://git.example.com: no route to host", exit_code=6)


def steps(pulse: Pulse, occasion: Occasion) -> Report:
    """Thirty steps of 0.03 seconds, each of which is finished or not begun."""
    for number in range(30):
        if pulse.stopping:
            break
        say(f"begin {number}")
        time.sleep(0.03)
        say(f"end {number}")
        pulse.beat()
    return report()


def waiting(pulse: Pulse, occasion: Occasion) -> Report:
    """Read from a server that never answers."""
    near, far = socket.socketpair()
    with near, far, pulse.interruptible():
        say("waiting")
        near.recv(1)
    return report()


def swallowing(pulse: Pulse, occasion: Occasion) -> Report:
    """The same, in code that believes in catching everything."""
    try:
        return waiting(pulse, occasion)
    except Exception:
        say("swallowed")
        return report()


def hanging(pulse: Pulse, occasion: Occasion) -> Report:
    say("hanging")
    time.sleep(60)
    return report()


def broken(pulse: Pulse, occasion: Occasion) -> Report:
    say("cycle")
    raise ValueError("password=hunter2")


def flaky(pulse: Pulse, occasion: Occasion) -> Report:
    """Every other cycle ends in a bug."""
    if next(COUNT) % 2 == 0:
        raise ValueError
    return quiet(pulse, occasion)


def unreadable(pulse: Pulse, occasion: Occasion) -> Report:
    raise LedgerError("/var/lib/trued/ledger.json: not JSON", hint="move it away")


def rousing(pulse: Pulse, occasion: Occasion) -> Report:
    """Something happens on the host all the time, also while it is looked at."""
    WAKE[0](frozenset({"/etc/motd"}))
    return quiet(pulse, occasion)


def letting_be(pulse: Pulse, occasion: Occasion) -> Report:
    say(f"cycle poll={occasion.poll} again={occasion.again}")
    return report()


def letting_be_in_vain(pulse: Pulse, occasion: Occasion) -> Report:
    """Whatever was let be, the look at it breaks off."""
    say(f"cycle again={occasion.again}")
    raise ValueError


END: list[float] = []


class Suspended:
    """What a machine knows of a suspend of eight hours, half a second after the first look; before it the clock is set a little."""

    def __init__(self) -> None:
        self.asleep = 0.0
        self._heard = os.eventfd(0, os.EFD_CLOEXEC)

    def boottime(self) -> float:
        return time.monotonic() + self.asleep

    def wall(self) -> float:
        return time.time() + self.asleep

    def fileno(self) -> int:
        return self._heard

    def heed(self) -> None:
        os.eventfd_read(self._heard)

    def begin(self) -> None:
        threading.Thread(target=self._sleep, daemon=True).start()

    def _sleep(self) -> None:
        for asleep in (0.1, 8 * 3600.0):
            time.sleep(0.25)
            self.asleep = asleep
            os.eventfd_write(self._heard, 1)


SUSPENDED = Suspended()


def suspended(pulse: Pulse, occasion: Occasion) -> Report:
    if next(COUNT) == 0:
        SUSPENDED.begin()
    say(f"cycle poll={occasion.poll} whole={occasion.whole}")
    return report()


def suspended_away(pulse: Pulse, occasion: Occasion) -> Report:
    """The network comes back when Git has been asked three times in vain."""
    suspended(pulse, occasion)
    asked = next(POLLS) if occasion.poll else 0
    return unreachable(pulse, occasion) if 0 < asked < 4 else report()


def never(after: float) -> float:
    return math.inf


def again(after: float) -> float:
    """Something is let be from the first cycle on, for a quarter of a second."""
    if not END:
        END.append(time.monotonic() + 0.25)
    return END[0] if END[0] > after else math.inf


WAKE: list[Wake] = [lambda _: None]
CYCLES: Mapping[str, Callable[..., Report]] = {
    made.__name__: made
    for made in (quiet, unreachable, steps, waiting, swallowing, hanging, broken, flaky, unreadable, rousing)
} | {made.__name__: made for made in (letting_be, letting_be_in_vain, suspended, suspended_away)}


def tell(said: Report, pulse: Pulse) -> None:
    """Spool, which is never left half done; then push, which may be broken off."""
    say("told")
    with pulse.interruptible():
        say("pushed")


def assemble(cycle: str, folder: Path) -> Work:
    written = (folder / "interval").read_text().strip()
    if not written.replace(".", "").isdigit():
        raise ConfigError(
            f"agent.yaml:1:1: interval: expected a duration, got {written!r}", hint="write 60s"
        )
    state = Path((folder / "state_dir").read_text()) if (folder / "state_dir").exists() else folder / "state"
    return Work(
        cycle=rollout(folder) if cycle == "rollout" else CYCLES[cycle],
        reboot=lambda _: None,
        tell=tell,
        listen=partial(WAKE.__setitem__, 0),
        interval=float(written),
        verify_interval=3600.0,
        state_dir=state,
        alone=daemon_lock(state),
        turn=cycle_lock(state),
        again=again if cycle.startswith("letting_be") else never,
    )


def main() -> int:
    cycle, folder = sys.argv[1], Path(sys.argv[2])
    setup_logging()
    daemon.EAGER = 0.1
    rounds = Rounds(boottime=SUSPENDED.boottime, wall=SUSPENDED.wall, ear=SUSPENDED)
    try:
        return run(lambda: assemble(cycle, folder), notifier=Notifier(), rounds=rounds, chance=lambda: 0.5)
    except TruedError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
