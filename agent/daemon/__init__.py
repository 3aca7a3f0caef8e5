"""
The loop around the cycle: when to look, when to ask Git, when to stop. One thread decides, and it mostly sleeps.

Acts on signals, and speaks to the service manager and the log; what a cycle does is not its business.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import field
from pathlib import Path
from typing import Protocol, TypeAlias

from agent.daemon.heart import Heart, Interrupted, Notifier
from agent.daemon.logs import headline, log_report
from agent.daemon.rounds import Rounds
from agent.errors import BusyError, LedgerError, SourceError, TruedError
from agent.looks import Occasion
from agent.model import Report
from agent.outfit import Pulse
from agent.values import dataclass

log = logging.getLogger(__name__)

LONGEST = 1800.0  # seconds between two polls of a repository that cannot be reached
ENOUGH = 5  # cycles in a row that end in a bug, before systemd is asked for a fresh process
SOONEST = 0.05  # seconds between two looks at what happens on the host; the first one comes at once
FEW = 8  # of which so many may follow each other that soon; then it takes twice as long each time,
LATEST = 0.5  # and at most this, while it goes on and on
QUIET = 2.0  # seconds in which nothing happened, after which the next look comes at once again
PATIENCE = 60.0  # seconds to wait for another process's cycle
AWAKE = 120.0  # seconds after time has moved, as in a suspend, in which the network may not be there yet,
EAGER = 10.0  # and seconds until a repository that cannot be reached is asked again then

Wake: TypeAlias = Callable[[frozenset[str]], None]
"""Takes the paths at which something happened ("/…"), and the kinds to all of which it may have; none: to anything."""


class Cycle(Protocol):
    """One pass over the host, or over what an occasion asks for."""

    def __call__(self, pulse: Pulse, occasion: Occasion, /) -> Report: ...


class Lock(Protocol):
    """What one process at a time may have; `agent/host/lock.py` has the real ones."""

    def held(self, *, wait: float = ..., tick: Callable[[], object] = ...) -> AbstractContextManager[None]:
        """Hold it; raises BusyError after `wait` seconds, LedgerError when it can't be had at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the loop goes round with, as agent.yaml says at this moment."""

    cycle: Cycle
    tell: Callable[[Report, Pulse], None]  # spools and pushes; a failing push is its own business
    reboot: Callable[[Report], None]  # considers whether now is the time for one
    listen: Callable[[Wake], None]  # has what it is given called when something happens on the host
    interval: float  # seconds between two looks at Git, and at what no ear hears
    verify_interval: float  # seconds between two looks at everything
    state_dir: Path
    alone: Lock  # held by one daemon for as long as it runs
    turn: Lock  # held for one cycle and the telling of it, by whoever runs one
    again: Callable[[float], float] = lambda _: math.inf  # the first time after one to try what was let be


def run(
    assemble: Callable[[], Work],
    *,
    notifier: Notifier,
    rounds: Rounds | None = None,
    chance: Callable[[], float] = random.random,
) -> int:
    """
    Run cycles until SIGTERM or SIGINT, and return the exit code: 0, or 1 when a new process has to try.

    `assemble` is called at the start, and again at each SIGHUP; `chance` gives numbers from 0 to 1. Raises
    TruedError when the start fails: agent.yaml is wrong, or another daemon runs here. Main thread only (signal(7)).
    """
    work = assemble()
    with work.alone.held(), Heart(notifier).listening() as heart:
        loop = Loop(
            work=work,
            assemble=assemble,
            heart=heart,
            notifier=notifier,
            chance=chance,
            rounds=rounds or Rounds(),
        )
        # Ready means: takes signals, and will look. Git may be away for hours, and boot must not wait for it.
        notifier.send("READY=1", "STATUS=looking for the first time")
        log.info("started, looks every %.0f s", work.interval)
        code, ending = loop.until_stopped()
        notifier.send("STOPPING=1", f"STATUS={ending}")
        return code


@dataclass(slots=True)
class Alarm:
    """How soon what happens on the host may end a sleep: at once, and a little later while it goes on and on."""

    spacing: float = SOONEST  # seconds between two looks
    last: float = -math.inf  # monotonic seconds
    rings: int = 0  # without quiet between them

    def after(self, now: float, heard: float = math.inf) -> float:
        """
        Return from when on a sleep may be ended. A moment in any case: what happens comes in bursts.

        `heard`: since when something waits, if something has happened during the look that is over.
        """
        if self.rings <= FEW or self._is_calm(now):
            return max(min(now, heard), self.last) + SOONEST
        return max(now + SOONEST, self.last + self.spacing)

    def rang(self, now: float) -> None:
        calm = self._is_calm(now)
        self.rings = 1 if calm else self.rings + 1
        self.spacing = min(LATEST, self.spacing * 2) if self.rings > FEW else SOONEST
        self.last = now

    def _is_calm(self, now: float) -> bool:
        return now - self.last > QUIET


@dataclass(slots=True, kw_only=True)
class Loop:
    """What one look leaves behind for the next one."""

    work: Work
    assemble: Callable[[], Work]
    heart: Heart
    notifier: Notifier
    chance: Callable[[], float]
    last: Report | None = None
    broken: int = 0  # cycles in a row that ended in a bug
    unreached: int = 0  # polls in a row that did not reach the repository
    poll_at: float = 0.0  # monotonic seconds
    owing: bool = False  # a look that came to nothing, and what was heard before it
    alarm: Alarm = field(default_factory=Alarm)
    rounds: Rounds = field(default_factory=Rounds)
    eager_until: float = -math.inf  # monotonic seconds

    def until_stopped(self) -> tuple[int, str]:
        """Return the exit code and the last words."""
        self.work.listen(self.heart.rouse)
        try:
            with suppress(Interrupted):
                if gave_up := self._go_round():
                    return 1, gave_up
        except LedgerError as error:
            log.error("%s", error.full)  # noqa: TRY400 - meant for a person, who needs no traceback
            return 1, f"stopped: {error}"
        log.info("asked to stop: stopped")
        return 0, "stopped"

    def _go_round(self) -> str:
        """Return why to give up, or nothing when asked to stop. Raises Interrupted and LedgerError."""
        asked, roused, due, again = True, False, 0.0, math.inf
        while not self.heart.stopping:
            # What happens on the host is no reason to ask Git, and none to ask it later than usual.
            if not roused:
                due = time.monotonic() + delay(self.work.interval, self.broken, self.chance)
            self.heart.expect(due)
            began = time.monotonic()
            said = self._look(self._occasion(asked=asked, roused=roused, again=began >= again))
            if self.broken >= ENOUGH:
                log.error(
                    "%d cycles in a row ended in an unexpected error: making room for a new process", ENOUGH
                )
                return said
            if not roused and not self.heart.hurried:
                due = time.monotonic() + self._pause()
            # READY=1 ends a reload, and a first one that was lost is made good.
            self.notifier.send(
                "READY=1", f"STATUS={said}, next look in {max(0.0, due - time.monotonic()):.0f} s"
            )
            # An end that a look has come by is over, whatever became of that look: no end is slept until twice.
            again = self.work.again(began)
            sound = self.alarm.after(time.monotonic(), self.heart.roused_at)
            if self.heart.sleep(min(due, again), soundly=sound, rounds=self.rounds):
                self.alarm.rang(time.monotonic())
            asked = self.heart.asked()
            # What happens all the time does not put off what is due.
            roused = not (asked or self.rounds.moved()) and time.monotonic() < due
            if asked:
                self._reload()
        return ""

    def _occasion(self, *, asked: bool, roused: bool, again: bool) -> Occasion:
        """
        Return what to look at now. `asked`: by the start, or a signal; `roused`: before it is due.

        `again`: something was let be for long enough.
        """
        heard, jumped = self.heart.heard(), self.rounds.jumped()
        if jumped:
            log.info("%s: everything is looked at", jumped)
            self.eager_until = time.monotonic() + AWAKE
        return Occasion(
            poll=asked or bool(jumped) or (not roused and time.monotonic() >= self.poll_at),
            whole=asked or self.owing or heard is None or bool(jumped) or (not roused and self.rounds.due()),
            heard=heard or frozenset(),
            due=not roused,
            again=again,
        )

    def _look(self, occasion: Occasion) -> str:
        """Run one cycle; return what to say of it. Raises LedgerError."""
        self.owing = True
        try:
            report = self._take_turn(occasion)
        except BusyError as error:
            log.warning("%s: left this look to it", error)
            return "another cycle was at work"
        except LedgerError:
            raise
        except Exception:
            self.broken += 1
            log.exception("a cycle ended in an unexpected error, %d in a row", self.broken)
            return "the last cycle ended in an unexpected error"
        self.last, self.broken, self.owing = report, 0, False
        if occasion.whole:
            self.rounds.gone(delay(self.work.verify_interval, 0, self.chance))
        if occasion.poll:
            self._space_polls(report)
        return headline(report)

    def _take_turn(self, occasion: Occasion) -> Report:
        with ExitStack() as held:
            with self.heart.interruptible():
                held.enter_context(self.work.turn.held(wait=PATIENCE, tick=self.heart.beat))
            self.heart.beat()
            report = self.work.cycle(self.heart, occasion)
            log_report(report, self.last)
            self.work.tell(report, self.heart)
            self.work.reboot(report)
        return report

    def _space_polls(self, report: Report) -> None:
        """An unreachable repository is asked ever less often; the host is looked at all the same."""
        away = report.exit_code == SourceError.exit_code
        if not away:
            self.eager_until = -math.inf
        self.unreached = self.unreached + 1 if away and not self._is_eager else 0
        wait = delay(self.work.interval, self.unreached, self.chance) if self.unreached else 0.0
        self.poll_at = time.monotonic() + wait

    @property
    def _is_eager(self) -> bool:
        """Whether the repository could not be reached because the machine has only just come to."""
        return time.monotonic() < self.eager_until

    def _pause(self) -> float:
        usual = delay(self.work.interval, self.broken, self.chance)
        return min(usual, delay(EAGER, 0, self.chance)) if self._is_eager and not self.broken else usual

    def _reload(self) -> None:
        """Read agent.yaml again; one that cannot be used changes nothing."""
        self.notifier.reloading()
        try:
            work = self.assemble()
        except TruedError as error:
            log.error("the settings stay as they were: %s", error.full)  # noqa: TRY400 - as above
            return
        if work.state_dir != self.work.state_dir:
            log.error("the settings stay as they were: state_dir is another one now, which takes a restart")
            return
        self.work = work
        self.work.listen(self.heart.rouse)
        log.info("reloaded, looks every %.0f s", work.interval)


def delay(interval: float, failures: int, chance: Callable[[], float]) -> float:
    """
    Return the seconds to wait: `interval` within a tenth, or after failures up to ever more.

    The tenth keeps a fleet from asking all at once. After failures it is a random part of a span that doubles each
    time, up to LONGEST ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
    but never less than the usual.
    """
    usual = interval * (0.9 + 0.2 * chance())
    if not failures:
        return usual
    span = min(interval * 2.0 ** min(failures, 32), max(LONGEST, interval))
    return max(usual, span * chance())
