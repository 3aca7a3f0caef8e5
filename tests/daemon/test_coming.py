"""What the loop does while something that is as declared is not well yet: a new commit does not wait behind it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.process import Child

NOT_YET = "c1: missing; not ready yet: 0 of 1 ready, good None"
GOOD = "c2: is c1, good c2"


@pytest.fixture(name="head")
def _head(tmp_path: Path) -> Path:
    head = tmp_path / "head"
    head.write_text("c1")
    return head


def test_a_new_commit_is_taken_up_while_an_old_one_is_not_well(
    start: Callable[..., Child], head: Path
) -> None:
    """At the next look at Git, which comes when the interval is over: not one interval after the wait."""
    child = start("rollout", interval="3")
    child.hears("follows c1")
    head.write_text("c2")
    child.hears(NOT_YET)
    began = time.monotonic()
    child.hears(GOOD)

    assert time.monotonic() - began < 2.0


def test_who_asks_for_a_look_is_heard_at_once(start: Callable[..., Child], head: Path) -> None:
    child = start("rollout", interval="60")
    child.hears("waits")
    head.write_text("c2")
    child.send(signal.SIGHUP)
    child.hears(GOOD, within=5.0)

    assert NOT_YET in child.said


def test_a_stop_does_not_wait(start: Callable[..., Child], head: Path) -> None:
    child = start("rollout", interval="60")
    child.hears("waits")
    child.send(signal.SIGTERM)
    code, _ = child.ends(within=5.0)

    assert 0 == code
    assert NOT_YET in child.said


def test_looks_follow_each_other_by_the_interval_while_it_is_waited_for(
    start: Callable[..., Child], head: Path
) -> None:
    """The wait is the interval: there is neither a pause after it, nor a look that comes sooner."""
    child = start("rollout", interval="1")
    child.hears("follows c1")
    looks = child.hear_for(4.4).count("follows c1")

    assert 4 <= looks <= 6
