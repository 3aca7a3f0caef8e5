"""The kind `unit`: what can be declared, what it is expanded to, and what it waits for."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from agent.kinds.unit import KIND
from agent.kinds.unit.spec import Source, UnitSpec
from agent.kinds.unit.state import UnitState
from agent.kinds.unit.text import named
from agent.model import KeepFirst, ResourceId, Run, Stale, Text, TreePath
from tests.fakes import FakeHost, FakeTree, Node
from tests.kinds.hosts.unit import furnish

SERVICE = "[Service]\nExecStart=/usr/bin/kiosk\n"
UNIT_FILE = "/etc/systemd/system/kiosk.service"


def host(units: dict[str, Any] | None = None, **more: Any) -> FakeHost:
    made = FakeHost({path: Node.file(text.encode()) for path, text in more.pop("files", {}).items()})
    furnish(made, {"units": units or {}, **more})
    return made


def seen(on: FakeHost, name: str, want: UnitSpec | None = None) -> UnitState:
    have = KIND.observe(on.probe(), {name: want})[name]
    assert isinstance(have, UnitState)
    return have


def only(name: str, spec: UnitSpec, **files: bytes) -> UnitSpec:
    return dict(KIND.expand(name, spec, FakeTree(files)))[name]


@pytest.mark.parametrize(
    "name",
    [
        "nginx.service", "getty@tty1.service", "getty@.service", "-.mount", "dev-disk-by\\x2duuid-1.swap", "a.b.timer",
        "x@y@z.service", "multi-user.target", "a" * 247 + ".service",
    ],
)  # fmt: skip
def test_a_name_that_can_be_declared_stays_as_it_is(name: str) -> None:
    assert name == KIND.name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nginx", "expected the whole name of a unit, as in nginx.service, got 'nginx'"),
        (".service", "expected the whole name of a unit, as in nginx.service, got '.service'"),
        ("nginx.conf", "expected the whole name of a unit, as in nginx.service, got 'nginx.conf'"),
        ("a" * 248 + ".service", "a unit's name has at most 255 characters, this one has 256"),
        ("@x.service", "a template has a name before its '@', got '@x.service'"),
        ("/etc/systemd/system/x.service", "a unit goes by its name, not by a path, got '/etc/systemd/system/x.service'"),
        (
            "/home/me/.config/systemd/user/x.service",
            "only units of the system can be declared, not those of users, got '/home/me/.config/systemd/user/x.service'",
        ),
        ("x.service.d/y.conf", "a drop-in is declared with its unit, as a key of drop_ins, got 'x.service.d/y.conf'"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_declared_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        KIND.name(name)
    assert reason == str(caught.value)


@pytest.mark.parametrize("character", ["*", "[", " ", "\n", "\0", "ü", ";", "$", "'"])
def test_nothing_that_a_command_would_take_for_a_pattern_gets_into_a_name(character: str) -> None:
    with pytest.raises(ValueError, match="a unit's name has letters, digits and"):
        KIND.name(f"a{character}b.service")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"state": "absent", "active": False}, "what is absent has no 'active'"),
        ({"state": "absent", "content": SERVICE}, "what is absent has no 'content'"),
        ({"state": "absent", "drop_ins": {"x.conf": ""}}, "what is absent has no 'drop_ins'"),
        ({"content": SERVICE, "source": TreePath("x")}, "expected one of content and source, got both"),
        ({"content": SERVICE, "template": True}, "template: true needs a source"),
        ({"masked": True, "active": True}, "what is masked cannot be active"),
        ({"masked": True, "enabled": True}, "what is masked cannot be enabled"),
        (
            {"masked": True, "content": SERVICE},
            "a mask stands where the unit file would: expected no content and no source",
        ),
        *(
            ({"drop_ins": {file: ""}}, f"expected the name of a drop-in, as in limits.conf: no '/', ending in .conf, got {file!r}")
            for file in ("x", "../x.conf", "a/b.conf", ".conf", ".x.conf", "a\n.conf", "..")
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_together_is_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        UnitSpec(**given)
    assert reason == str(caught.value)


def test_texts_are_in_no_repr() -> None:
    specs = (
        UnitSpec(content="hunter2"),
        UnitSpec(drop_ins={"x.conf": "hunter2"}),
        only("x.service", UnitSpec(content="#hunter2")),
    )
    assert "hunter2" not in repr(specs)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[Unit\nDescription=x\n", "line 1: the name of a section stands in brackets, as in [Unit]"),
        ("ExecStart=/x\n", "line 1: ExecStart= stands before the first [Section]"),
        ("[Service]\nthis is junk\n", "line 2: expected a [Section], a comment or Key=value"),
        ("[Service]\n=x\n", "line 2: expected a [Section], a comment or Key=value"),
        (
            "[Servce]\n",
            "line 1: systemd knows no section [Servce] in a service, but [Install], [Service], [Unit]",
        ),
        (
            "[Timer]\n",
            "line 1: systemd knows no section [Timer] in a service, but [Install], [Service], [Unit]",
        ),
        ("[Service]\nA=b \\\n# no\n c\nD\n", "line 5: expected a [Section], a comment or Key=value"),
        ("[Service]\nA=\0\n", "line 2: a unit file is text, without NUL bytes"),
        ("[Service]\n#\n" + "x" * (1 << 20), "a unit file has at most 1 MiB"),
    ],
)
def test_a_text_that_systemd_would_stumble_on_is_refused_with_the_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        named(text.encode(), "x.service")
    assert reason == str(caught.value)


def test_a_text_that_is_not_utf8_is_refused_with_the_line() -> None:
    with pytest.raises(ValueError, match=r"^line 2: a unit file is UTF-8$"):
        named(b"[Service]\nA=\xff\n", "x.service")


@pytest.mark.parametrize(
    "text",
    [
        "", "# only words\n", "; too\n", "[Unit]\n[Service]\n[Install]\n", "[X-Kiosk]\na=b\n", "\ufeff[Service]\r\nA=b\r\n",
        "  [Service]  \n  A = b\n", "[Service]\nA=b \\\n  ; a comment in between\n  c=d\n", "[Service]\nA=b\\", "[Service]\nA=\n",
    ],
)  # fmt: skip
def test_a_text_that_systemd_reads_is_fine(text: str) -> None:
    named(text.encode(), "x.service")


def test_an_empty_unit_file_is_a_mask_and_an_empty_drop_in_is_none() -> None:
    with pytest.raises(
        ValueError, match=r"^content: an empty unit file masks the unit; to do that, say masked: true$"
    ):
        only("x.service", UnitSpec(content=" \n"))
    assert only("x.service", UnitSpec(drop_ins={"x.conf": ""})) == UnitSpec()


def test_a_text_names_its_files_and_whom_it_runs_as() -> None:
    text = (
        "[Unit]\nDocumentation=http://x/etc/no\nDescription=/etc/no\n"
        "[Service]\nEnvironmentFile=-/etc/default/kiosk\nExecStart=+!/usr/bin/kiosk --config=/etc/kiosk.conf \\\n '/srv/a b'\n"
        "BindPaths=/srv/one:/srv/two\nConfigurationDirectory=kiosk other\nUser=kiosk\nSupplementaryGroups=video audio\n"
        "ExecStop=%h/no\n[Install]\nAlias=/etc/no\n"
    )
    said = named(text.encode(), "kiosk.service")
    assert (
        "/etc/default/kiosk", "/usr/bin/kiosk", "/etc/kiosk.conf", "/srv/a", "/srv/one", "/srv/two", "/etc/kiosk", "/etc/other",
    ) == said.files  # fmt: skip
    assert (("kiosk",), ("video", "audio")) == (said.users, said.groups)


def test_it_comes_after_what_it_names_and_after_its_package() -> None:
    ids = {
        ResourceId.parse(text)
        for text in ("file:/usr/bin/kiosk", "user:kiosk", "package:kiosk", "file:/etc/other")
    }
    spec = only("kiosk@.service", UnitSpec(content=f"{SERVICE}User=kiosk\n"))
    assert ids - {ResourceId("file", "/etc/other")} == set(KIND.edges("kiosk@.service", spec, ids))
    assert [ResourceId("package", "kiosk")] == list(
        KIND.edges("kiosk@one.service", UnitSpec(active=True), ids)
    )
    assert [ResourceId("package", "kiosk")] == list(
        KIND.edges("kiosk.service.d/x.conf", UnitSpec(drop_in=True), ids)
    )


def test_an_instance_listens_to_its_template_and_nothing_listens_to_its_own_drop_ins() -> None:
    names = ("k@.service", "k@.service.d/x.conf", "k@a.service", "k@a.service.d/x.conf", "k.service")
    ids = [ResourceId("unit", name) for name in names]
    assert ids[:2] == list(KIND.listens("k@a.service", UnitSpec(active=True), ids))
    assert [] == [
        one
        for name in (*names[:2], *names[3:])
        for one in KIND.listens(name, UnitSpec(drop_in="/" in name), ids)
    ]


def test_it_listens_to_a_file_that_is_declared_in_the_place_of_its_unit_file() -> None:
    file = ResourceId("file", UNIT_FILE)
    assert [file] == list(KIND.listens("kiosk.service", UnitSpec(active=True), {file}))


def test_a_unit_is_expanded_to_itself_and_its_drop_ins() -> None:
    tree = FakeTree({"u": SERVICE.encode(), "d": b"[x-service]\n"})
    drop_ins = {"a.conf": "[Service]\nNice=3\n", "b.conf": Source(source=TreePath("d"), template=True)}
    expanded = dict(
        KIND.expand("k.service", UnitSpec(source=TreePath("u"), active=True, drop_ins=drop_ins), tree)
    )
    assert ["k.service", "k.service.d/a.conf", "k.service.d/b.conf"] == list(expanded)
    texts = [spec.data for spec in expanded.values()]
    assert [Text.of(SERVICE.encode()), Text.of(b"[Service]\nNice=3\n"), Text.of(b"[X-SERVICE]\n")] == texts
    assert expanded["k.service"].active
    assert expanded["k.service.d/a.conf"].active is None


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("k@.service", {"active": True}, "a template is never active, an instance of it is: k@x.service"),
        ("k.service", {"source": TreePath("no")}, "source: there is no file no in the repository"),
        ("k.service", {"source": TreePath("bad")}, "source: line 1: expected a [Section], a comment or Key=value"),
        ("k.service", {"drop_ins": {"x.conf": "bad"}}, "drop_ins.x.conf: line 1: expected a [Section], a comment or Key=value"),
        *(
            ("trued.service", given, f"trued runs in trued.service, and nobody would be left to bring it back: no {said} here")
            for given, said in (
                ({"active": False}, "active: false"),
                ({"enabled": False}, "enabled: false"),
                ({"masked": True}, "masked: true"),
                ({"state": "absent"}, "state: absent"),
                ({"content": SERVICE}, "a unit file"),
            )
        ),
        *(
            ("trued.service", {"drop_ins": {"x.conf": text}}, f"drop_ins.x.conf: trued runs in trued.service, and nobody would be left to bring it back: no {said} here")
            for text, said in (
                ("[Service]\nExecStart=\nExecStart=/bin/false\n", "ExecStart="),
                ("[Service]\nExecStartPre=/bin/false\n", "ExecStartPre="),
                ("[Unit]\nConditionPathExists=/nope\n", "ConditionPathExists="),
                ("[Unit]\nRequires=nope.service\n", "Requires="),
                ("[Service]\nUser=nobody\n", "User="),
                ("[Service]\nRestart=no\n", "Restart="),
            )
        ),
        *(
            ("k.service", {"content": f"[Unit]\n{text}\n"}, f"content: trued runs in trued.service, and nobody would be left to bring it back: no {said} here")
            for text, said in (
                ("Conflicts=a.service trued.service", "Conflicts=trued.service"),
                ("PropagatesStopTo=trued.service", "PropagatesStopTo=trued.service"),
                ("[Install]\nAlias=trued.service", "Alias=trued.service"),
            )
        ),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_used_is_refused(name: str, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        list(KIND.expand(name, UnitSpec(**given), FakeTree({"bad": b"bad"})))
    assert reason == str(caught.value)


def test_what_is_not_there_yet_is_foreseen() -> None:
    """Its package may come in the same commit."""
    want = UnitSpec(enabled=True, active=True)
    steps = KIND.steps("nginx.service", want, seen(host(), "nginx.service", want), stale=Stale.NO)
    verbs = [
        word
        for step in steps
        if isinstance(step, Run)
        for word in step.argv
        if word in {"enable", "daemon-reload", "start"}
    ]
    assert ["enable", "daemon-reload", "start"] == verbs


def test_a_unit_whose_file_comes_from_elsewhere_is_never_made_by_trued() -> None:
    """Though its package may come later: so it is left when it is no longer declared."""
    want = UnitSpec(active=True)
    assert KIND.exists(seen(host(), "nginx.service", want))
    assert KIND.exists(seen(host({"nginx.service": {}}), "nginx.service", want))
    assert not KIND.exists(seen(host(), "nginx.service"))


def test_a_unit_whose_text_is_declared_is_there_when_its_file_is() -> None:
    """A package's file may stand behind it, and comes to light again."""
    want = only("kiosk.service", UnitSpec(content=SERVICE))
    assert not KIND.exists(seen(host({"kiosk.service": {}}), "kiosk.service", want))
    assert KIND.exists(seen(host({"kiosk.service": {}}, files={UNIT_FILE: SERVICE}), "kiosk.service", want))


def test_a_unit_file_that_somebody_made_a_link_is_left() -> None:
    on = host({"kiosk.service": {"fragment": UNIT_FILE}})
    on.nodes[PurePosixPath(UNIT_FILE)] = Node.link("/opt/kiosk.service")
    reason = f"{UNIT_FILE} is no regular file now, and trued made none such"
    assert reason == KIND.leaves("kiosk.service", seen(on, "kiosk.service"))


def test_a_unit_file_that_was_there_is_kept_before_it_is_touched() -> None:
    have = seen(host({"kiosk.service": {}}, files={UNIT_FILE: SERVICE}), "kiosk.service")
    assert [KeepFirst(path=PurePosixPath(UNIT_FILE), why="")] == list(KIND.first("kiosk.service", have))
    assert [] == list(KIND.first("nginx.service", seen(host({"nginx.service": {}}), "nginx.service")))
