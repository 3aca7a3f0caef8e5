"""What takes time to become well: only what needs it waits, all of it in the same time, and never longer than it may."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest

from agent.model import Cause, Ownership
from tests.reconcile.cluster import NEVER, PATIENCE, Cluster, Cycle, desired, pod, resource
from tests.reconcile.world import PowerCut


def test_what_needs_nothing_does_not_wait(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 10.0, "b": 20.0}
    told = slowly.told(desired(resource("a"), resource("b"), resource("c")))

    assert {"a": 0.0, "b": 0.0, "c": 0.0} == {name: cluster.at("set", name) for name in "abc"}
    assert dict.fromkeys("abc", ("changed", "missing")) == told
    assert ["c", "a", "b"] == list(told), "each is told as soon as it is well"
    assert 1020.0 <= cluster.now < 1022.5


def test_what_needs_it_waits_until_it_is_well(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"crd": 3.0, "object": 4.0}
    told = slowly.told(desired(resource("crd"), resource("object", needs=["crd"]), resource("z-else")))

    assert 3.0 <= cluster.at("set", "object") < 5.5
    assert ["crd", "object"] == [name for name in told if name != "z-else"]
    assert {"changed"} == {result for result, _ in told.values()}


def test_what_does_not_need_it_has_its_turn_meanwhile(slowly: Cycle, cluster: Cluster) -> None:
    """Also what comes after something that waits; and each goes on as soon as what it needs is well."""
    cluster.takes = {"a": NEVER, "c": 10.0}
    told = slowly.told(
        desired(
            resource("a"),
            resource("b", needs=["a"]),
            resource("c"),
            resource("d", needs=["c"]),
            resource("e", needs=["d"]),
            resource("z"),
        )
    )

    assert 0.0 == cluster.at("set", "z")
    assert 10.0 <= cluster.at("set", "d") <= cluster.at("set", "e") < 13.0
    assert ["a", "b"] == [name for name, (result, _) in told.items() if result != "changed"]


def test_what_goes_does_so_when_what_is_declared_is_there(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("old"), resource("base")))
    cluster.takes = {"a": 10.0}
    slowly.run(desired(resource("base"), resource("a"), resource("new", needs=["a"]), commit="c2"))

    assert 10.0 <= cluster.at("set", "new") <= cluster.at("delete", "old")


def test_a_group_is_made_only_of_those_whose_needs_are_well(slowly: Cycle, cluster: Cluster) -> None:
    """They are of one kind that decides late, and would otherwise go in one."""
    cluster.takes = {"a": 5.0, "c": 5.0}
    slowly.run(desired(resource("a"), resource("b", needs=["a"]), resource("c"), resource("d", needs=["c"])))

    assert cluster.at("set", "a") == 0.0
    assert cluster.at("set", "b") >= 5.0
    assert cluster.at("set", "d") >= cluster.at("set", "c") + 5.0


def test_thirty_that_never_become_well_fail_in_the_time_of_one(slowly: Cycle, cluster: Cluster) -> None:
    names = [f"pod-{at:02}" for at in range(30)]
    cluster.takes = dict.fromkeys(names, NEVER)
    told = slowly.told(desired(*map(resource, names)))

    assert {("failed", "not well within 5m: 0 of 1 ready")} == set(told.values())
    assert PATIENCE <= cluster.now - 1000.0 <= PATIENCE + 2.0


def test_a_look_is_one_reading_and_they_become_fewer(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 60.0, "b": 60.0, "c": 1.0}
    slowly.run(desired(resource("a"), resource("b"), resource("c")))
    waits = cluster.looks[2:]  # after those of the plan and of the late decision
    pauses = [after - before for (before, _), (after, _) in pairwise(waits)]

    assert 0.5 == waits[1][0] - waits[0][0]
    assert sorted(pauses[:-1]) == pauses[:-1]
    assert max(pauses) <= 2.0
    assert ("a", "b") == waits[-1][1], "what is well is looked at no more"
    assert len(waits) < 40
    assert cluster.beats >= 60.0 / 0.5, "the watchdog sees life in all that time"


def test_what_cannot_become_well_fails_at_once_and_is_as_declared(slowly: Cycle, cluster: Cluster) -> None:
    cluster.hopeless = {"a"}
    state = desired(resource("a"), resource("b", needs=["a"]), resource("c"))

    assert {
        "a": ("failed", "crashes"),
        "b": ("blocked", "needs pod:a, which failed"),
        "c": ("changed", "missing"),
    } == slowly.told(state)
    assert 1000.0 == cluster.now
    assert {pod("a"): "crashes"} == slowly.plan(state).ailing
    assert pod("a") not in slowly.memory.load().unfinished


def test_what_fails_while_it_is_waited_for_blocks_what_needs_it(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 60.0}
    cluster.meanwhile = lambda: cluster.hopeless.add("a") if cluster.now > 1010.0 else None
    told = slowly.told(desired(resource("a"), resource("b", needs=["a"])))

    assert {"a": ("failed", "crashes"), "b": ("blocked", "needs pod:a, which failed")} == told
    assert cluster.now < 1013.0


def test_what_is_changed_by_another_while_it_is_waited_for_has_failed(
    slowly: Cycle, cluster: Cluster
) -> None:
    cluster.takes = {"a": 60.0}
    cluster.meanwhile = lambda: cluster.has("a", value="2")

    assert {"a": ("failed", "done, and it is still not so: is 2")} == slowly.told(desired(resource("a")))


def test_a_look_that_fails_is_no_reason_to_give_up(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 20.0}

    def away() -> None:
        cluster.deaf = 1002.0 < cluster.now < 1015.0

    cluster.meanwhile = away

    assert {"a": ("changed", "missing")} == slowly.told(desired(resource("a")))


def test_an_api_that_stays_away_is_waited_for_no_longer_than_for_a_pod(
    slowly: Cycle, cluster: Cluster
) -> None:
    cluster.takes = {"a": 20.0}
    cluster.meanwhile = lambda: setattr(cluster, "deaf", True)

    assert {"a": ("failed", "not well within 5m: the API does not answer")} == slowly.told(
        desired(resource("a"))
    )
    assert cluster.now <= 1000.0 + PATIENCE + 2.0


def test_who_asks_to_stop_is_heard_at_once(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 60.0}
    slowly.stopping = lambda: cluster.now > 1005.0
    outcomes = slowly.run(desired(resource("a"), resource("b", needs=["a"]), resource("c", needs=["b"])))

    assert cluster.now <= 1006.0
    assert ("changed", "missing; not ready yet: 0 of 1 ready", True) == (
        str(outcomes["a"].result),
        outcomes["a"].reason,
        outcomes["a"].unready,
    )
    assert ["skipped", "skipped"] == [str(outcomes[name].result) for name in "bc"]


def test_when_it_is_time_to_look_at_git_nothing_is_waited_for(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 60.0}
    slowly.overdue = lambda: cluster.now > 1005.0
    state = desired(resource("a"), resource("b", needs=["a"]), resource("c", needs=["b"]), resource("z"))
    outcomes = slowly.run(state)

    assert cluster.now <= 1006.0
    assert {
        "a": ("changed", "missing; not ready yet: 0 of 1 ready"),
        "b": ("blocked", "needs pod:a, which is not ready yet"),
        "c": ("blocked", "needs pod:b, which is blocked"),
        "z": ("changed", "missing"),
    } == {name: (str(one.result), one.reason) for name, one in outcomes.items()}
    assert ["a"] == [name for name, one in outcomes.items() if one.unready]


def test_the_next_cycle_goes_on_where_the_last_one_was_broken_off(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": 60.0}
    slowly.overdue = lambda: cluster.now > 1005.0
    state = desired(resource("a"), resource("b", needs=["a"]))
    slowly.run(state)
    slowly.overdue = lambda: False
    outcomes = slowly.run(state)

    assert ("unchanged", "", False) == (
        str(outcomes["a"].result),
        outcomes["a"].reason,
        outcomes["a"].unready,
    )
    assert ("changed", Cause.UNFINISHED) == (str(outcomes["b"].result), outcomes["b"].cause)
    assert cluster.at("set", "b") >= 60.0
    assert 1 == len([1 for _, verb, name, *_ in cluster.performed if (verb, name) == ("set", "a")])


def test_what_is_broken_off_again_and_again_has_failed_when_its_time_is_up(
    slowly: Cycle, cluster: Cluster
) -> None:
    """Or with an interval that is shorter than the patience, it would be about to become well for ever."""
    cluster.takes = {"a": NEVER}
    state, told = desired(resource("a"), resource("b", needs=["a"])), []
    for _ in range(8):
        began = cluster.now
        slowly.overdue = lambda began=began: cluster.now >= began + 60.0
        told.append(slowly.told(state))

    assert ("changed", "missing; not ready yet: 0 of 1 ready") == told[0]["a"]
    assert [("unchanged", "not ready yet: 0 of 1 ready")] * 3 == [one["a"] for one in told[1:4]]
    assert {("failed", "not well within 5m: 0 of 1 ready")} == {one["a"] for one in told[5:]}
    assert ("blocked", "needs pod:a, which failed") == told[-1]["b"]
    assert cluster.now - began < 1.0, "what has failed is not waited for once more"


def test_a_new_declaration_has_all_the_time_there_is(slowly: Cycle, cluster: Cluster) -> None:
    cluster.takes = {"a": NEVER}
    slowly.run(desired(resource("a")))
    cluster.takes = {"a": PATIENCE - 10.0}

    assert {"a": ("changed", "is 1")} == slowly.told(desired(resource("a", "2"), commit="c2"))


def test_what_was_well_in_between_has_all_the_time_there_is(slowly: Cycle, cluster: Cluster) -> None:
    state = desired(resource("a"))
    cluster.takes = {"a": 20.0}
    slowly.overdue = lambda: cluster.now > 1005.0
    slowly.run(state)
    cluster.now += 400.0
    assert {} == slowly.told(state)
    cluster.pods["a"].ready_at = cluster.now + PATIENCE - 10.0
    slowly.overdue = lambda: False

    assert {"a": ("unchanged", "")} == slowly.told(state)


def test_what_is_not_well_any_more_is_waited_for_by_what_needs_it(slowly: Cycle, cluster: Cluster) -> None:
    """Nothing is done about it, and others are not held up."""
    slowly.run(desired(resource("a")))
    cluster.pods["a"].ready_at, cluster.now = 1030.0, 1010.0
    told = slowly.told(desired(resource("a"), resource("b", needs=["a"]), resource("z"), commit="c2"))

    assert {"a": ("unchanged", ""), "b": ("changed", "missing"), "z": ("changed", "missing")} == told
    assert cluster.at("set", "b") >= 30.0


def test_what_is_not_well_and_cannot_be_holds_up_what_needs_it_and_nothing_else(
    slowly: Cycle, cluster: Cluster
) -> None:
    slowly.run(desired(resource("a")))
    cluster.hopeless = {"a"}
    told = slowly.told(desired(resource("a"), resource("b", needs=["a"]), resource("z"), commit="c2"))

    assert {
        "a": ("failed", "crashes"),
        "b": ("blocked", "needs pod:a, which failed"),
        "z": ("changed", "missing"),
    } == told
    assert 1000.0 == cluster.now


def test_what_becomes_well_because_of_the_others_has_not_failed(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("a")))
    cluster.hopeless = {"a"}
    perform = cluster.perform

    def curing(step, beat=lambda: None) -> None:
        cluster.hopeless.clear()
        perform(step, beat)

    cluster.perform = curing  # type: ignore[method-assign]

    assert ("unchanged", "") == slowly.told(desired(resource("a"), resource("z"), commit="c2"))["a"]


def test_a_removal_is_done_when_it_is_gone(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("a"), resource("b")))
    cluster.lingers = {"a": 30.0}
    outcomes = slowly.told(desired(resource("b"), commit="c2"))

    assert {"a": ("changed", "no longer declared")} == outcomes
    assert cluster.now >= 1030.0
    assert [pod("b")] == list(slowly.memory.load().owned)


def test_a_removal_that_takes_too_long_has_failed_and_stays_owned(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("a"), resource("b")))
    cluster.lingers = {"a": NEVER}
    state = desired(resource("b"), commit="c2")
    words = "not gone within 5m: done, and it is still not so: is held by a finalizer"

    assert {"a": ("failed", words)} == slowly.told(state)
    assert pod("a") in slowly.memory.load().owned
    before = cluster.now
    assert {"a": ("failed", words)} == slowly.told(state)
    assert cluster.now - before < 1.0, "it has had its time"


def test_a_removal_that_nobody_waits_for_is_not_forgotten(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("a"), resource("b")))
    cluster.lingers = {"a": 30.0}
    slowly.overdue = lambda: cluster.now > 1005.0
    outcome = slowly.run(desired(resource("b"), commit="c2"))["a"]

    assert outcome.unready
    assert outcome.reason.startswith("no longer declared; not gone yet: ")
    assert pod("a") in slowly.memory.load().owned


def test_what_others_needed_goes_when_those_are_gone(slowly: Cycle, cluster: Cluster) -> None:
    """An operator stays until it has seen the end of what it looks after."""
    slowly.run(desired(resource("operator"), resource("object", needs=["operator"]), resource("other")))
    cluster.lingers = {"object": 30.0}
    told = slowly.told(desired(resource("other"), commit="c2"))

    assert dict.fromkeys(("object", "operator"), ("changed", "no longer declared")) == told
    assert 30.0 <= cluster.at("delete", "operator") < 33.0


def test_what_others_needed_stays_while_nobody_waits_for_them(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("operator"), resource("object", needs=["operator"]), resource("other")))
    cluster.lingers = {"object": 30.0}
    slowly.overdue = lambda: cluster.now > 1005.0
    state = desired(resource("other"), commit="c2")

    assert ("blocked", "is needed by pod:object, which is not gone yet") == slowly.told(state)["operator"]
    slowly.overdue = lambda: False
    assert "changed" == slowly.told(state)["operator"][0]
    assert [pod("other")] == list(slowly.memory.load().owned)


@pytest.mark.parametrize("second", range(0, 30, 3))
def test_a_power_cut_while_it_waits_loses_nothing(slowly: Cycle, cluster: Cluster, second: int) -> None:
    """What is as declared is written down as that, what waited for it as unfinished."""
    cluster.takes = {"a": 10.0, "b": 10.0}
    state = desired(resource("a"), resource("b", needs=["a"]), resource("c", needs=["b"]))
    cluster.dies_at = 1000.5 + second
    with suppress(PowerCut):  # the last ones come too late
        slowly.run(state)
    slowly.restart()
    ledger = slowly.memory.load()
    done = {name for name in "abc" if name in cluster.pods}
    assert {pod(name) for name in "abc"} - set(map(pod, done)) == ledger.unfinished.keys()
    cluster.dies_at = NEVER
    slowly.run(state)

    assert {} == slowly.told(state)
    assert {Ownership.CREATED} == {one.ownership for one in slowly.memory.load().owned.values()}
    assert 3 == len(cluster.performed), "nothing is done twice"


def test_a_power_cut_while_something_goes_leaves_it_to_the_next_cycle(
    slowly: Cycle, cluster: Cluster
) -> None:
    slowly.run(desired(resource("a"), resource("b")))
    cluster.lingers, cluster.dies_at = {"a": 30.0}, 1010.0
    state = desired(resource("b"), commit="c2")
    with pytest.raises(PowerCut):
        slowly.run(state)
    slowly.restart()

    assert pod("a") in slowly.memory.load().unfinished
    cluster.dies_at = NEVER
    assert "changed" == slowly.told(state)["a"][0]
    assert [pod("b")] == list(slowly.memory.load().owned)


def test_a_kind_without_patience_is_asked_for_no_health_before_the_next_plan(
    slowly: Cycle, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ever: it is changed when it is as declared, and what is wrong with it is for the next look to say."""
    pods = type(slowly.kinds["pod"])
    monkeypatch.setattr(pods, "patience", pods.__mro__[1].patience)
    cluster.takes = {"a": 60.0}
    state = desired(resource("a"), resource("b", needs=["a"]))

    assert dict.fromkeys("ab", ("changed", "missing")) == slowly.told(state)
    assert {"a": ("failed", "0 of 1 ready")} == slowly.told(state)
    assert 1000.0 == cluster.now


def test_a_span_of_which_nothing_is_left_is_not_told(slowly: Cycle, cluster: Cluster) -> None:
    """What was beyond hope when the cycle began, and cannot be read since: there is no time it was given."""
    slowly.run(desired(resource("a")))
    cluster.hopeless = {"a"}
    look = cluster.look

    def for_the_last_time(names):
        seen = look(names)
        cluster.deaf = True
        return seen

    cluster.look = for_the_last_time  # type: ignore[method-assign]

    assert {"a": ("failed", "the API does not answer")} == slowly.told(desired(resource("a")))
