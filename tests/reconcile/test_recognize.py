"""What bears the mark of trued is its own though the ledger knows nothing of it; once it knows the kind, it alone tells."""

from __future__ import annotations

from agent.model import Blocked, Change, Ownership, Verb
from agent.reconcile.policy import Policy
from tests.reconcile.cluster import Cluster, Cycle, desired, pod, resource


def test_what_is_marked_and_not_declared_goes(slowly: Cycle, cluster: Cluster) -> None:
    cluster.has("old", "web")

    assert {"old": ("changed", "no longer declared")} == slowly.told(desired(resource("web")))
    assert cluster.seen("old") is None
    assert [pod("web")] == list(slowly.memory.load().owned)


def test_what_is_marked_and_declared_is_trueds_own(slowly: Cycle, cluster: Cluster) -> None:
    """Or it would be adopted after the ledger is lost, and stay for ever when it is no longer declared."""
    cluster.has("web", "db")
    slowly.run(desired(resource("web"), resource("db", "2")))
    owned = slowly.memory.load().owned

    assert {Ownership.CREATED} == {one.ownership for one in owned.values()}
    assert resource("db", "2").digest == owned[pod("db")].digest
    assert {"db": ("changed", "no longer declared")} == slowly.told(desired(resource("web"), commit="c2"))


def test_what_is_not_marked_is_adopted(slowly: Cycle, cluster: Cluster) -> None:
    cluster.has("web")
    cluster.marked.clear()
    slowly.run(desired(resource("web")))

    assert Ownership.ADOPTED is slowly.memory.load().owned[pod("web")].ownership


def test_a_kind_that_is_remembered_is_not_asked(slowly: Cycle, cluster: Cluster) -> None:
    slowly.run(desired(resource("web")))
    cluster.has("somebody-elses")
    cluster.recognized = 0

    assert {} == slowly.told(desired(resource("web")))
    assert 0 == cluster.recognized


def test_a_kind_that_is_not_declared_is_not_asked(slowly: Cycle, cluster: Cluster) -> None:
    cluster.has("old")

    assert {} == slowly.told(desired())
    assert 0 == cluster.recognized


def test_too_many_are_held_and_remembered(slowly: Cycle, cluster: Cluster) -> None:
    """All of them count as owned; and who says yes is followed, though nobody is asked to recognize them any more."""
    cluster.has("web", *(f"old-{at}" for at in range(11)))
    told = slowly.told(desired(resource("web")))

    assert {"held"} == {result for result, _ in told.values()}
    assert "11 removals of 12 owned" in told["old-3"][1]
    assert 12 == len(slowly.memory.load().owned)
    slowly.policy = Policy(allow_removals=True)
    assert 11 == len(slowly.told(desired(resource("web"))))
    assert {"web"} == {name for name in cluster.pods if cluster.seen(name)}


def test_a_few_among_many_go_without_being_asked_for(slowly: Cycle, cluster: Cluster) -> None:
    """What is declared and marked counts as owned, too."""
    names = [f"pod-{at}" for at in range(60)]
    cluster.has(*names, *(f"old-{at}" for at in range(11)))

    assert {"changed"} == {result for result, _ in slowly.told(desired(*map(resource, names))).values()}


def test_a_plan_shows_the_same_and_writes_nothing(slowly: Cycle, cluster: Cluster) -> None:
    cluster.has("old", "web")
    entries = slowly.plan(desired(resource("web"))).entries

    assert [(pod("old"), Verb.REMOVE)] == [(one.id, one.verb) for one in entries if isinstance(one, Change)]
    assert {} == slowly.memory.load().owned
    assert not slowly.path.exists()


def test_what_cannot_be_recognized_now_is_when_the_api_is_back(slowly: Cycle, cluster: Cluster) -> None:
    """Nothing of the kind is touched before, or the ledger would know it, and the old one stay for ever."""
    cluster.has("old", "web", value="0")
    cluster.mute = True
    state = desired(resource("web"), resource("new"))

    assert [Blocked(id=pod(name), reason="the API does not answer") for name in ("new", "web")] == list(
        slowly.plan(state).entries
    )
    assert {"blocked"} == {result for result, _ in slowly.told(state).values()}
    assert ([], {}) == (cluster.performed, slowly.memory.load().owned)
    cluster.mute = False
    assert {"new", "old", "web"} == set(slowly.told(state))
    assert cluster.seen("old") is None


def test_what_could_not_be_removed_is_remembered_across_a_crash(slowly: Cycle, cluster: Cluster) -> None:
    cluster.has("old")
    cluster.lingers["old"] = 400.0
    state = desired(resource("web"))

    assert "failed" == slowly.told(state)["old"][0]
    slowly.restart()
    assert pod("old") in slowly.memory.load().owned
    cluster.recognized = 0
    cluster.now += 200.0
    assert {} == slowly.told(state)
    assert (0, [pod("web")]) == (cluster.recognized, list(slowly.memory.load().owned))
