"""When the loop looks, and when it asks Git."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.daemon import FEW, LATEST, LONGEST, QUIET, SOONEST, Alarm, delay
from agent.host.lock import cycle_lock
from tests.daemon.process import Child, address, told


@pytest.mark.parametrize(
    ("failures", "chance", "expected"),
    [
        (0, 0.0, 54.0),
        (0, 0.5, 60.0),
        (0, 1.0, 66.0),
        (1, 1.0, 120.0),
        (2, 1.0, 240.0),
        (3, 0.5, 240.0),
        (4, 1.0, 960.0),
        (5, 1.0, LONGEST),
        (3, 0.0, 54.0),  # never sooner than the usual
        (100_000, 1.0, LONGEST),
    ],
)
def test_a_wait_is_the_interval_and_grows_with_failures(
    failures: int, chance: float, expected: float
) -> None:
    """The interval within a tenth; after failures a random part of a doubling span, up to half an hour."""
    assert expected == pytest.approx(delay(60.0, failures, lambda: chance))


def test_a_long_interval_is_not_cut_by_the_limit() -> None:
    """Who looks every two hours does not ask more often because the repository is away."""
    assert 7200.0 == pytest.approx(delay(7200.0, 9, lambda: 0.5))


def test_a_burst_is_gathered_and_never_for_long() -> None:
    """Looks at what happens all the time come 50 ms apart for a few times, and half a second apart before long."""
    alarm, now, waits = Alarm(), 1000.0, []
    for _ in range(14):
        waits.append(alarm.after(now) - now)
        now = alarm.after(now)
        alarm.rang(now)

    assert [SOONEST] * FEW == pytest.approx(waits[:FEW])
    assert waits == pytest.approx(sorted(waits))
    assert LATEST == pytest.approx(waits[-1])


def test_what_was_heard_during_a_look_has_waited_that_long_already() -> None:
    """But never comes sooner than a moment after the look before it began."""
    alarm = Alarm()
    alarm.rang(1000.0)

    assert 1000.15 == pytest.approx(alarm.after(1000.3, heard=1000.1))
    assert 1000.05 == pytest.approx(alarm.after(1000.3, heard=1000.0))


def test_the_first_event_after_quiet_is_heard_at_once() -> None:
    alarm, now = Alarm(), 1000.0
    for _ in range(14):
        now = alarm.after(now)
        alarm.rang(now)
    now += QUIET + 0.1

    assert SOONEST == pytest.approx(alarm.after(now) - now)


def test_the_first_cycle_comes_at_once_and_the_next_by_the_interval(start: Callable[..., Child]) -> None:
    """A start does not wait an interval; after it there is one cycle an interval, each with a poll."""
    child = start("quiet", interval="0.25")
    child.hears("cycle poll=True")
    cycles = child.hear_for(0.9).count("cycle poll=True")

    assert 3 <= cycles <= 5


def test_hangup_asks_for_a_cycle_now(start: Callable[..., Child], manager: socket.socket) -> None:
    """SIGHUP wakes the loop, and is told to the service manager as a reload from begin to end."""
    child = start("quiet", NOTIFY_SOCKET=address(manager))
    told(manager, until="READY=1\nSTATUS=converged")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    child.send(signal.SIGHUP)
    child.hears("cycle poll=True", times=2)
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    reloading, *_, ready = told(manager, until="READY=1")

    begins, stamp = reloading.split("\n")
    assert "RELOADING=1" == begins
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= after
    assert "READY=1\nSTATUS=converged at 1a2b3c4, next look in 60 s" == ready


def test_what_happens_on_the_host_is_looked_at_without_asking_git(start: Callable[..., Child]) -> None:
    """An event is no reason to poll; and where one follows each look, they are gathered."""
    child = start("rousing", interval="60")
    child.hears("cycle poll=True")
    looks = child.hear_for(3.2).count("cycle poll=False")

    assert 8 <= looks <= 18  # eight at 0.05 s, then at 0.1, 0.2, 0.4 and 0.5: never as fast as it goes


def test_what_was_let_be_is_looked_at_when_that_is_over_and_once(start: Callable[..., Child]) -> None:
    """Long before the interval is over, and without asking Git."""
    child = start("letting_be", interval="60")
    child.hears("cycle poll=False again=True")

    assert ["True again=False", "False again=True"] == [
        line.partition("poll=")[2] for line in child.hear_for(0.5) if "cycle" in line
    ]


def test_a_look_at_what_was_let_be_that_breaks_off_is_not_made_again_and_again(
    start: Callable[..., Child],
) -> None:
    child = start("letting_be_in_vain", interval="60")
    child.hears("cycle again=True")

    assert ["cycle again=False", "cycle again=True"] == [
        line for line in child.hear_for(0.5) if "cycle" in line
    ]


def test_who_wakes_up_looks_at_everything_at_once_and_asks_git(start: Callable[..., Child]) -> None:
    """The interval does not go on where it was; and a clock that is set by a little is no reason to look."""
    child = start("suspended", interval="60")
    child.hears("cycle poll=True whole=True", times=2, within=5)

    assert 2 == sum("cycle" in line for line in child.hear_for(0.5))


def test_who_wakes_up_without_a_network_asks_again_soon(start: Callable[..., Child]) -> None:
    """Until it is there; what nobody hears is looked at each time, but not everything."""
    child = start("suspended_away", interval="60")
    child.hears("cycle poll=True whole=True", times=2, within=5)
    child.hears("cycle poll=True whole=False", times=3, within=5)

    assert 3 == child.hear_for(0.5).count("cycle poll=True whole=False")


def test_events_without_end_do_not_keep_git_from_being_asked(start: Callable[..., Child]) -> None:
    """The interval goes on while the host is looked at in between."""
    child = start("rousing", interval="0.5")
    child.hears("cycle poll=True", times=4)


def test_a_hangup_during_a_cycle_is_kept_for_after_it(start: Callable[..., Child]) -> None:
    """A push that arrives while a cycle is at work is not missed until the next interval."""
    child = start("steps")
    child.hears("begin 3")
    child.send(signal.SIGHUP)
    child.hears("begin 0", times=2)

    assert child.said.count("end 29") == 1


def test_a_reload_reads_the_settings_again(start: Callable[..., Child], tmp_path: Path) -> None:
    """A new interval holds from the next look on."""
    child = start("quiet", interval="60")
    child.hears("pushed")
    (tmp_path / "interval").write_text("0.3")
    child.send(signal.SIGHUP)

    child.hears("cycle poll=True", times=4)


def test_a_reload_of_broken_settings_keeps_the_old_ones(start: Callable[..., Child], tmp_path: Path) -> None:
    """The daemon says where the mistake is and goes on: nobody can walk up to restart it."""
    child = start("quiet", interval="0.3")
    child.hears("pushed")
    (tmp_path / "interval").write_text("often")
    child.send(signal.SIGHUP)
    child.hears("cycle poll=True", times=5)
    child.send(signal.SIGTERM)
    code, log = child.ends()

    expected = "the settings stay as they were: agent.yaml:1:1: interval: expected a duration, got 'often'\nhint: write 60s"
    assert expected in log
    assert 0 == code


def test_a_reload_cannot_move_the_state(start: Callable[..., Child], tmp_path: Path) -> None:
    """Its locks stand in the old folder, so another state_dir is refused and said."""
    child = start("quiet")
    child.hears("pushed")
    (tmp_path / "state_dir").write_text(str(tmp_path / "elsewhere"))
    child.send(signal.SIGHUP)
    child.hears("cycle poll=True", times=2)
    child.send(signal.SIGTERM)
    _, log = child.ends()

    assert "the settings stay as they were: state_dir is another one now, which takes a restart" in log
    assert not (tmp_path / "elsewhere").exists()


def test_the_daemon_waits_for_a_cycle_of_another_process(
    start: Callable[..., Child], tmp_path: Path
) -> None:
    """`trued apply` and the daemon never change the host at once."""
    with cycle_lock(tmp_path / "state").held():
        child = start("quiet")
        during = child.hear_for(0.6).copy()
    child.hears("cycle poll=True")

    assert [] == during


def test_a_second_daemon_does_not_start(start: Callable[..., Child], tmp_path: Path) -> None:
    """It says which process runs here, and ends with 1."""
    first = start("quiet")
    first.hears("pushed")
    code, log = start("quiet").ends()

    assert f"{tmp_path}/state/daemon.lock: another trued runs here (pid {first.process.pid})\n" == log
    assert 1 == code


def test_a_killed_daemon_leaves_no_lock(start: Callable[..., Child]) -> None:
    """After kill -9 the next one starts: the kernel frees the lock, and no file has to be removed."""
    first = start("quiet")
    first.hears("pushed")
    first.send(signal.SIGKILL)
    first.ends()

    start("quiet").hears("pushed")


def test_wrong_settings_at_the_start_end_it_with_78(start: Callable[..., Child]) -> None:
    """Without settings there is nothing to keep to."""
    code, log = start("quiet", interval="often").ends()

    assert (78, "agent.yaml:1:1: interval: expected a duration, got 'often'\n") == (code, log)


def test_an_unreachable_repository_is_asked_less_often_than_the_host_is_looked_at(
    start: Callable[..., Child],
) -> None:
    """Git is down: drift is still looked for each interval, polls become rare, the error is logged once."""
    child = start("unreachable", interval="0.12")
    child.hears("told", times=13)
    child.send(signal.SIGTERM)
    _, log = child.ends()
    cycles = [line for line in child.said if line.startswith("cycle")][:13]

    assert "cycle poll=True" == cycles[0]
    assert 3 <= cycles.count("cycle poll=True") <= 5
    assert "cycle poll=False" == cycles[-1]
    assert 1 == log.splitlines().count("https://git.example.com: no route to host")


def test_hangup_asks_a_repository_that_was_away(start: Callable[..., Child]) -> None:
    """Who has mended the network does not wait half an hour."""
    child = start("unreachable", interval="60")
    child.hears("pushed")
    child.send(signal.SIGHUP)

    child.hears("cycle poll=True", times=2)


def test_a_cycle_that_went_well_clears_the_count_of_bugs(start: Callable[..., Child]) -> None:
    """What fails now and then is no reason for a fresh process."""
    child = start("flaky", interval="0.05")
    child.hears("cycle poll=True", times=7)

    assert child.process.poll() is None


def test_five_bugs_in_a_row_end_the_process(start: Callable[..., Child]) -> None:
    """systemd gets the chance of a fresh process; the log has the way to the bug, and not what it quoted."""
    child = start("broken", interval="0.05")
    code, log = child.ends()

    assert 1 == code
    assert 5 == child.said.count("cycle")
    assert "a cycle ended in an unexpected error, 5 in a row" in log.splitlines()
    assert "tests/daemon/child.py" in log
    assert "hunter2" not in log


def test_an_idle_daemon_is_hardly_ever_woken(start: Callable[..., Child]) -> None:
    """Between two cycles the process sleeps: the kernel counts how often it gave the processor away, and CPU time."""
    child = start("quiet")
    child.hears("pushed")
    time.sleep(0.3)
    before = _switches(child.process.pid), _cpu(child.process.pid)
    time.sleep(1)
    after = _switches(child.process.pid), _cpu(child.process.pid)

    assert after[0] - before[0] <= 1
    assert after[1] == before[1]


def _switches(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)


def _cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
