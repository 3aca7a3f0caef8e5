"""What cases cannot say of the time zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import HostError
from agent.host.local import Local
from agent.kinds import Found
from agent.kinds.timezone import KIND, LINK, TEXT, TimezoneSpec, Zone
from agent.model import Blocked, Change, DesiredState, KeepFirst, Resource, ResourceId, Stale
from agent.reconcile.ledger import Ledger
from agent.reconcile.observe import Situation
from agent.reconcile.plan import make_plan
from tests.fakes import FakeHost, Node
from tests.reconcile.world import Thing, ThingSpec

BERLIN = "/usr/share/zoneinfo/Europe/Berlin"


def host(link: Node | None, text: str | None = None) -> FakeHost:
    nodes = {"/etc": Node.folder()} | ({"/etc/localtime": link} if link else {})
    return FakeHost(nodes if text is None else {**nodes, "/etc/timezone": Node.file(text.encode())})


def have_of(there: FakeHost) -> Zone:
    have = KIND.observe(there.probe(), {"system": None})["system"]
    assert isinstance(have, Zone)
    return have


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "Etc/GMT-14", "EST5EDT"]
)
def test_what_is_a_zone(zone: str) -> None:
    assert zone == TimezoneSpec(zone=zone).zone


@pytest.mark.parametrize(
    "zone",
    ["", "/UTC", "UTC/", "../../etc/passwd", "Europe/../UTC", "Europe//Berlin", "a b", "a\nb", "x" * 256, "zone.tab", "-x", "localtime"],
)  # fmt: skip
def test_what_is_no_zone(zone: str) -> None:
    with pytest.raises(ValueError, match="expected a time zone") as caught:
        TimezoneSpec(zone=zone)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("target", "zone"),
    [
        (BERLIN, "Europe/Berlin"),
        ("../usr/share/zoneinfo/UTC", "UTC"),
        ("/usr/share/zoneinfo", None),
        ("/usr/share/zoneinfos/UTC", None),
        ("/etc/zones/UTC", None),
        ("UTC", None),
    ],
)
def test_the_link_names_the_zone(target: str, zone: str | None) -> None:
    assert zone == have_of(host(Node.link(target))).name


def test_the_reason_says_the_way_out() -> None:
    have = KIND.observe(FakeHost().probe(), {"system": TimezoneSpec(zone="UTC")})["system"]
    assert isinstance(have, Zone)
    with pytest.raises(HostError) as caught:
        list(KIND.steps("system", TimezoneSpec(zone="UTC"), have, stale=Stale.NO))

    assert caught.value.reason.endswith("/UTC is missing; install tzdata, or declare another zone")


def test_it_stays_when_it_is_no_longer_declared() -> None:
    assert "a host always has a time zone" in KIND.leaves("system", have_of(host(Node.link(BERLIN))))


def test_the_first_files_are_kept() -> None:
    both = [KeepFirst(path=LINK, why=""), KeepFirst(path=TEXT, why="")]

    assert both == list(KIND.first("system", have_of(host(Node.file(b"TZif"), "UTC\n"))))
    assert both[:1] == list(KIND.first("system", have_of(host(Node.link(BERLIN)))))


def test_a_host_without_the_link_has_no_zone_yet() -> None:
    assert not KIND.exists(have_of(host(None)))
    assert KIND.exists(have_of(host(Node.link(BERLIN))))


@pytest.mark.parametrize("text", [None, "Europe/Berlin\n"])
def test_a_survey_finds_the_zone(text: str | None) -> None:
    found = list(KIND.survey(host(Node.link(BERLIN), text).probe()))

    assert [Found(name="system", entry="Europe/Berlin")] == found


def test_a_survey_of_a_host_without_one_finds_none() -> None:
    assert [] == list(KIND.survey(host(None).probe()))


@pytest.mark.parametrize(
    ("link", "text", "words"),
    [
        (Node.file(b"TZif"), None, "/etc/localtime is no link to a zone below /usr/share/zoneinfo"),
        (Node.link(BERLIN), "Etc/UTC\n", "/etc/localtime says Europe/Berlin, and /etc/timezone says 'Etc/UTC'"),
    ],
)  # fmt: skip
def test_a_survey_leaves_to_a_person_what_is_not_plain(link: Node, text: str | None, words: str) -> None:
    (found,) = KIND.survey(host(link, text).probe())

    assert (None, True) == (found.entry, found.skipped.startswith(words))


def test_real_files_are_read_and_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for path, text in (("etc/timezone", "Etc/UTC\n"), (BERLIN[1:], "TZif2")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    there, want = Local(root, tmp_path / "state"), {"system": TimezoneSpec(zone="Europe/Berlin")}
    for _ in range(2):
        have = KIND.observe(there.probe(), want)["system"]
        assert isinstance(have, Zone)
        steps = list(KIND.steps("system", want["system"], have, stale=Stale.NO))
        for step in steps:
            there.perform(step)

    assert [] == steps
    assert BERLIN == str((root / "etc/localtime").readlink())
    assert "Europe/Berlin\n" == (root / "etc/timezone").read_text()


@pytest.mark.parametrize(("declared", "entry"), [(True, Change), (False, Blocked)])
def test_a_zone_that_a_package_of_the_same_commit_brings_waits_for_it(declared: bool, entry: type) -> None:
    package = Resource(
        id=ResourceId("package", "tzdata"), spec=ThingSpec(value="1"), digest="d", origin="a.yaml:1"
    )
    want = TimezoneSpec(zone="Europe/Berlin")
    needs = frozenset(KIND.edges("system", want, [package.id] if declared else []))
    zone = Resource(
        id=ResourceId("timezone", "system"), spec=want, digest="d", origin="a.yaml:2", needs=needs
    )
    resources = {one.id: one for one in ([package] if declared else []) + [zone]}
    have = KIND.observe(host(Node.link(BERLIN)).probe(), {"system": want})["system"]
    plan = make_plan(
        Situation(
            desired=DesiredState(commit="c1", resources=resources),
            observed={package.id: None, zone.id: have},
            ledger=Ledger(),
            kinds={"package": Thing(), "timezone": KIND},
        )
    )

    assert entry is type(plan.entries[-1])
    assert zone.id == plan.entries[-1].id
