"""The kind `package`, beyond what its cases say: names, the seam to the manager, late decisions, costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from agent.documents.decode import decode
from agent.documents.parse import parse
from agent.errors import DocumentError, HostError
from agent.host import Answer
from agent.host.stamps import MOST, Recollection
from agent.kinds import NotYetError
from agent.kinds.package import KIND
from agent.kinds.package.apt import Apt
from agent.kinds.package.manager import Order
from agent.kinds.package.spec import PackageSpec
from agent.kinds.package.state import State
from agent.model import ResourceId, Run, Stale
from tests.fakes import FakeHost, Node
from tests.kinds.hosts.package import Debian, furnish

PRESENT, LATEST, ABSENT = PackageSpec(), PackageSpec(version="latest"), PackageSpec(version="absent")


def debian(**case: Any) -> Debian:
    return furnish(FakeHost(), {"installed": {"bash": "5.2"}, **case})


def look(host: Debian, wants: Mapping[str, PackageSpec | None]) -> Mapping[str, Any]:
    return KIND.observe(host.host.probe(), wants)


def runs(host: Debian, wants: Mapping[str, PackageSpec | None]) -> dict[str, list[tuple[str, ...]]]:
    """Return what is to be run for each package, without what only waits for a lock."""
    haves = look(host, wants)
    found = {}
    for name, want in wants.items():
        steps = [
            step for step in KIND.steps(name, want, haves[name], stale=Stale.NO) if isinstance(step, Run)
        ]
        found[name] = [(*step.argv, *step.operands) for step in steps if not step.common]
    return found


@pytest.mark.parametrize(
    "name", ["nginx", "g++", "libstdc++6", "0ad", "python3.11", "libssl3:i386", "linux-image-6.1.0-1-amd64"]
)
def test_what_debian_calls_a_package_is_a_name(name: str) -> None:
    assert name == KIND.name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "a", "-y", "--reinstall", "Nginx", "nginx-", "foo=1", "foo/sid", "foo^", "./foo.deb", "/tmp/foo.deb",
        "foo*", "foo.?", "~nfoo", "?essential", "foo bar", "foo\n", "foo:", "foo:any", "foo:i386:x", ":i386", "f_o",
        "x" * 201, "ａｂ",
    ],
)  # fmt: skip
def test_what_apt_would_take_for_something_else_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        KIND.name(name)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "{version: presnt}",
            "expected present, absent, latest, a version or a glob of one, as in \"1.22.*\", got 'presnt'",
        ),
        (
            '{version: "-1"}',
            "expected present, absent, latest, a version or a glob of one, as in \"1.22.*\", got '-1'",
        ),
        (
            '{version: "1.0 -y"}',
            "expected present, absent, latest, a version or a glob of one, as in \"1.22.*\", got '1.0 -y'",
        ),
        ("{version: latest, purge: true}", "purge goes with the version absent"),
        ("{version: absent, hold: true}", "what is absent is not held"),
        ("{version: absent, recommends: false}", "what is absent recommends nothing"),
        ("{version: latest, refresh: 0s}", "expected a time longer than 0 for refresh"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(entry: str, problem: str) -> None:
    node = parse(entry.encode(), "base/base.yaml")
    assert node is not None
    with pytest.raises(DocumentError) as caught:
        decode(node, PackageSpec)
    assert problem in str(caught.value)


def test_sources_and_settings_of_apt_come_first() -> None:
    declared = {
        ResourceId("repository", "example"),
        ResourceId("file", "/etc/apt"),
        ResourceId("file", "/etc/apt/apt.conf.d/proxy"),
        ResourceId("file", "/usr/share/keyrings/example.gpg"),
        ResourceId("file", "/etc/aptitude"),
        ResourceId("file", "/etc/motd"),
        ResourceId("unit", "nginx.service"),
    }
    expected = {
        "repository:example",
        "file:/etc/apt/apt.conf.d/proxy",
        "file:/usr/share/keyrings/example.gpg",
    }

    assert expected == set(map(str, KIND.edges("nginx", PRESENT, declared)))
    assert [] == list(KIND.edges("nginx", ABSENT, declared))


def test_all_that_goes_in_one_transaction_has_one_argv() -> None:
    host = debian(index={"nginx": ["1.22"], "git": ["2.39"]}, installed={"vim": "9.0"})
    calls = runs(host, {"nginx": PRESENT, "git": LATEST, "vim": ABSENT})

    assert [["nginx=1.22"], ["git=2.39"], ["vim-"]] == [[run[-1] for run in calls[name]] for name in calls]
    assert 1 == len({run[:-1] for each in calls.values() for run in each})


def test_essential_packages_are_never_let_go_of() -> None:
    """Not by any option that trued gives, whoever said yes."""
    orders = [Order(name="x", remove=True), Order(name="x", version="1", downgrade=True, recommends=True)]
    words = {word for order in orders for word in Apt().transaction(order, "").argv}

    assert set() == words & {"--allow-remove-essential", "--force-yes", "--allow-unauthenticated"}
    assert "--allow-downgrades" not in Apt().transaction(Order(name="x", version="1"), "").argv


def test_those_at_fault_are_found_by_halves() -> None:
    """Two of 64 are; each simulation would take a second on a small machine."""
    names = [f"p{number:02}" for number in range(64)]
    index: dict[str, Any] = {name: ["1.0"] for name in names}
    index["p07"] = {"versions": ["1.0"], "depends": ["nowhere"]}
    index["p40"] = {"versions": ["1.0"], "conflicts": ["theirs"]}
    host = debian(index=index, installed={"theirs": "1.0"})
    haves = look(host, dict.fromkeys(names, PRESENT))

    assert {"p07"} == {name for name in names if haves[name].refused}
    assert {"p40": ("theirs",)} == {name: haves[name].removes for name in names if haves[name].removes}
    assert len(host.calls) < 40


def test_a_trouble_of_the_host_itself_is_not_looked_for_in_each_package() -> None:
    host = debian(index={f"p{number:02}": ["1.0"] for number in range(64)})
    host.unmet = True
    haves = look(host, dict.fromkeys(host.index, PRESENT))

    assert {"Unmet dependencies"} == {have.refused for have in haves.values()}
    assert 2 == len(host.calls)


def test_of_two_that_exclude_each_other_the_first_is_kept() -> None:
    index = {"a": ["1.0"], "b": {"versions": ["1.0"], "conflicts": ["a"]}}
    haves = look(debian(index=index), {"b": PRESENT, "a": PRESENT})

    assert ("", "x : Conflicts: a") == (haves["a"].refused, haves["b"].refused)


def test_who_is_at_fault_is_not_looked_for_in_each_cycle(tmp_path: Path) -> None:
    """Each time would take hundreds of simulations: more answers than a probe keeps of its own."""
    names = [f"p{number:03}" for number in range(200)]
    host = debian(
        index={name: {"versions": ["1"], "depends": ["nowhere"] * (at % 2)} for at, name in enumerate(names)}
    )
    wants, memory = dict.fromkeys(names, PRESENT), Recollection(tmp_path)
    first = KIND.observe(Mindful(host.host.probe(), memory), wants)
    simulated = len(host.calls)

    assert MOST < simulated
    assert first == KIND.observe(Mindful(host.host.probe(), memory), wants)
    assert simulated == len(host.calls)


def test_what_is_wanted_otherwise_is_seen_though_nothing_was_written(tmp_path: Path) -> None:
    host, memory = debian(installed={"vim": "1.0", "curl": "2.0"}), Recollection(tmp_path)
    see = lambda wants: KIND.observe(Mindful(host.host.probe(), memory), wants)  # noqa: E731
    first = see({"vim": PRESENT, "curl": PRESENT})

    assert first == see({"vim": PRESENT, "curl": PRESENT})
    assert see({"curl": ABSENT}).keys() == {"curl"}
    assert any(KIND.steps("curl", ABSENT, see({"curl": ABSENT})["curl"], stale=Stale.NO))
    assert first == see({"vim": PRESENT, "curl": PRESENT})


class Mindful:
    """A probe with the memory of the real one."""

    def __init__(self, probe: Any, memory: Recollection) -> None:
        self.probe, self.remembered = probe, memory.answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.probe, name)


@pytest.mark.parametrize("name", ["systemd", "systemd-sysv", "apt", "dpkg", "python3"])
def test_what_trued_lives_from_is_never_removed(name: str) -> None:
    """Also where the database does not call it essential."""
    host = debian(installed={name: "1.0"})

    with pytest.raises(HostError, match="is essential to this host or to trued"):
        runs(host, {name: ABSENT})
    assert KIND.leaves(name, look(host, {name: None})[name])


def test_a_removal_nobody_asked_for_is_objected_to() -> None:
    host = debian(
        index={"rival": {"versions": ["1.0"], "conflicts": ["nginx", "vim"]}},
        installed={"nginx": "1", "vim": "9"},
    )
    have = look(host, {"rival": PRESENT, "vim": ABSENT})["rival"]

    assert "this would remove nginx, which nobody asked for" in KIND.objection(
        "rival", PRESENT, have, {"vim"}
    )
    assert "" == KIND.objection("rival", PRESENT, have, {"vim", "nginx"})


def test_the_index_is_read_anew_before_something_unknown_is_decided() -> None:
    host = debian(index={"curl": ["7.88"]}, arrives={"nginx": ["1.22"]}, tried=3600.0)
    wants = {"nginx": PackageSpec(version="1.*")}
    haves = look(host, wants)
    (step,) = KIND.prepare(wants, haves)
    host.host.perform(step)

    assert "update" == step.argv[-1]
    assert [("nginx=1.22")] == [run[-1] for run in runs(host, wants)["nginx"]]
    assert [] == list(KIND.prepare(wants, look(host, wants)))


@pytest.mark.parametrize(
    ("tried", "refreshes"),
    [(599.0, False), (601.0, True), (-30.0, False), pytest.param(-1e8, True, id="the clock was ahead")],
)
def test_after_an_attempt_the_next_one_waits(tried: float, refreshes: bool) -> None:
    host = debian(index={"curl": ["7.88"]}, tried=tried)
    wants = {"nginx": PRESENT}
    haves = look(host, wants)

    assert refreshes == bool(list(KIND.prepare(wants, haves)))
    if not refreshes:
        with pytest.raises(NotYetError, match="there is no package nginx in the index"):
            list(KIND.steps("nginx", PRESENT, haves["nginx"], stale=Stale.NO))


def test_a_source_that_changed_since_is_read_at_once() -> None:
    host = debian(index={"curl": ["7.88"]}, tried=30.0)
    path = "/etc/apt/sources.list.d/new.sources"
    host.host.nodes |= {PurePosixPath(path): Node.file(), PurePosixPath(path).parent: Node.folder()}
    host.host.ages[path] = 10.0
    wants = {"nginx": PRESENT}

    assert ["update"] == [step.argv[-1] for step in KIND.prepare(wants, look(host, wants))]


def test_what_others_left_half_done_is_mended_before_anything_else() -> None:
    host = debian(
        installed={"broken": {"version": "1.0", "status": "half-configured"}},
        index={"nginx": ["1.22"]},
        interrupted=True,
    )
    wants = {"nginx": PRESENT}
    steps = list(KIND.prepare(wants, look(host, wants)))

    assert [("apt-get", "check"), ("dpkg", "-a")] == [(step.argv[0], step.argv[-1]) for step in steps]
    for step in steps:
        host.host.perform(step)
    assert "installed" == host.installed["broken"].status
    assert [] == list(KIND.prepare(wants, look(host, wants)))


def test_what_others_left_half_installed_is_installed_once_more() -> None:
    """Configuring does not help it, and nothing may be removed for it."""
    host = debian(
        installed={"torn": {"version": "1.0", "status": "half-installed"}},
        index={"nginx": ["1.22"], "torn": ["1.1"]},
    )
    wants = {"nginx": PRESENT}
    for step in KIND.prepare(wants, look(host, wants)):
        host.host.perform(step)

    assert ("installed", "1.1") == (host.installed["torn"].status, host.installed["torn"].version)
    assert ["--reinstall", "install", "torn"] == list(host.calls[-1][-3:])
    assert [] == list(KIND.prepare(wants, look(host, wants)))


def test_what_is_declared_and_not_whole_is_not_mended_twice() -> None:
    host = debian(
        installed={"nginx": {"version": "1.22", "status": "half-configured"}}, index={"nginx": ["1.22"]}
    )
    wants = {"nginx": PRESENT}

    assert [] == list(KIND.prepare(wants, look(host, wants)))
    assert ["nginx=1.22"] == [run[-1] for run in runs(host, wants)["nginx"]]


def test_what_is_left_over_and_what_is_half_done_is_told() -> None:
    host = debian(
        installed={
            "libfoo": {"version": "1.2", "auto": True},
            "libbar": {"version": "1.2", "auto": True},
            "nginx": {"version": "1.22", "depends": ["libbar"]},
            "broken": {"version": "1.0", "status": "half-configured"},
        }
    )

    assert [
        "packages that are not whole: broken (half-configured); see `dpkg --audit`",
        "packages no longer needed: libfoo; `apt-get autoremove` removes them",
    ] == list(KIND.notices(host.host.probe()))


def test_nothing_is_asked_of_apt_where_nothing_is_left_over() -> None:
    host = debian()

    assert [] == list(KIND.notices(host.host.probe()))
    assert [] == host.calls


def test_a_survey_finds_what_somebody_chose() -> None:
    host = debian(
        installed={
            "bash": {"version": "5.2", "essential": True},
            "tar": {
                "version": "1.34",
                "priority": "required",
                "depends": ["libacl1 (>= 2.2) | gone", "tar-data"],
            },
            "libacl1": {"version": "2.3", "depends": ["libc6"]},
            "libc6": "2.36",
            "tar-words": {"version": "1", "provides": "tar-data (= 1)"},
            "libfoo": {"version": "1.2", "auto": True},
            "gone": {"version": "1.0", "status": "config-files"},
            "half": {"version": "1.0", "status": "half-configured"},
            "nginx": "1.22",
            "curl": {"version": "7.88", "hold": True},
            "wine32:i386": {"version": "8.0", "architecture": "i386"},
        }
    )
    found = {one.name: one.entry or one.skipped for one in KIND.survey(host.host.probe())}

    assert {
        "curl": {"version": "7.88", "hold": True},
        "half": "it is half-configured: see `dpkg --audit`; once it is whole, declare it present",
        "nginx": "present",
        "wine32:i386": "present",
    } == found


def test_a_host_without_a_known_manager_says_so() -> None:
    with pytest.raises(HostError, match="this host has no package manager that trued knows"):
        KIND.observe(FakeHost().probe(), {"nginx": PRESENT, "git": None})


def test_a_database_without_dpkg_is_damaged() -> None:
    """What a crash has left of it says of most packages that they are not there: nothing is installed for that."""
    host = debian()
    rows = host.dpkg_query(("dpkg-query",), b"").out.splitlines(keepends=True)
    host.host.commands["dpkg-query"] = lambda *_: Answer(0, "".join(rows[1:]), "")
    with pytest.raises(HostError, match="/var/lib/dpkg/status does not name dpkg itself: it is damaged"):
        look(host, {"bash": PRESENT, "nginx": PRESENT, "old": None})


def test_nothing_in_a_state_ages() -> None:
    """Or no two cycles with nothing to do would be alike."""
    one = debian(index={"curl": ["7.88"]}, tried=30.0, read=30.0)
    other = debian(index={"curl": ["7.88"]}, tried=90.0, read=90.0)
    wants = {"nginx": PRESENT, "curl": LATEST}

    assert look(one, wants) == look(other, wants)


def test_300_settled_packages_ask_dpkg_once_and_apt_nothing() -> None:
    host = debian(installed={f"p{number}": "1.0" for number in range(300)})
    wants = {f"p{number}": PackageSpec(version="1.*") for number in range(300)}
    start = time.process_time()
    haves = look(host, wants)
    steps = [
        step for name, want in wants.items() for step in KIND.steps(name, want, haves[name], stale=Stale.NO)
    ]

    assert [] == steps == host.calls
    assert time.process_time() - start < 0.2
    assert all(isinstance(have, State) for have in haves.values())
