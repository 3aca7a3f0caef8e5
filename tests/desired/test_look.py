"""What a person sees of a fleet repository: one host, all hosts, a working folder, and what an editor is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from agent.desired.folder import FolderTree
from agent.desired.load import load
from agent.desired.look import check_all, render
from agent.desired.schema import document_schema, fleet_schema
from agent.documents.nodes import to_plain
from agent.documents.parse import parse
from agent.errors import DocumentError, RefusedError, SourceError
from agent.kinds import discover
from agent.model import Identity, TreeFile, TreeLink, TreePath, blob_id
from tests.desired.fleet import EDGE, FLEET, KINDS, loaded, tree
from tests.fakes import FakeTree


def test_a_host_is_rendered_as_a_document_with_origins() -> None:
    commit = tree(
        base__x="things:\n  a: {size: 3, text: '${site}'}\n  '${site}': present\n",
        hosts__edge_01__y="things:\n  a: {size: 4}\n",
    )
    shown = render(commit, EDGE, KINDS)

    assert {"things": {"a": {"size": 4, "text": "berlin"}, "berlin": "present"}} == shown.declared
    assert {"things.a": "hosts/edge-01/y.yaml:2", "things.berlin": "base/x.yaml:3"} == shown.origins
    assert ("base", "roles/kiosk", "hosts/edge-01") == shown.layers


def test_templates_are_shown_filled_in() -> None:
    commit = tree(base__x="things: {a: {source: t, template: true}}")
    commit = FakeTree(files={**commit.files, "base/t": b"on {{ host }}"})

    assert {"base/t": "on edge-01"} == render(commit, EDGE, KINDS).templates


def test_a_host_that_is_not_listed_is_not_rendered() -> None:
    with pytest.raises(RefusedError):
        render(tree(), Identity(host="web-1"), KINDS)


def problems(commit: FakeTree) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        check_all(commit, KINDS, {"arch": "x86_64"}, {})
    return str(caught.value).split("\n")


def test_all_hosts_that_can_be_named_are_checked() -> None:
    commit = tree(
        roles__arm__x="", roles__canary__x="", hosts__edge_01__x="", hosts__edge_02__x="", hosts__web_1__x=""
    )

    assert ("db-1", "edge-01", "edge-02") == check_all(commit, KINDS, {}, {})


def test_hosts_are_found_below_folders_of_letters() -> None:
    fleet = b'hosts: ["*"]\nlayers: ["hosts/{host:2}/{host}"]'
    commit = tree(fleet=fleet, hosts__ed__edge_01__x="", hosts__xx__edge_02__x="")

    assert ("edge-01",) == check_all(commit, KINDS, {}, {})


def test_a_problem_of_one_host_names_it_and_one_of_all_stands_once() -> None:
    commit = tree(
        base__x="things: {a: {size: big}}",
        hosts__edge_01__x="things: {b: {size: big}}",
        hosts__edge_02__x="",
        roles__arm__x="",
        roles__canary__x="",
    )

    assert [
        "base/x.yaml:1:20: things.a.size: expected a whole number, found text 'big'",
        "hosts/edge-01/x.yaml:1:20: things.b.size: expected a whole number, found text 'big' (on edge-01)",
    ] == problems(commit)


def test_a_layer_that_no_host_gets_is_checked_over_those_below_it() -> None:
    commit = tree(
        base__x="things: {a: {size: 3}}", roles__arm__x="things: {a: {text: '${facts.arch} ${nope}'}}"
    )
    lines = problems(FakeTree(files={**commit.files, "roles/canary/x.yaml": b""}))

    assert [
        "roles/arm/x.yaml:1:20: things.a.text: unknown variable 'nope' (on a host with roles/arm)"
    ] == lines


def test_a_missing_layer_is_found_though_no_host_gets_it() -> None:
    lines = problems(tree())

    assert "fleet.yaml:5:5: layers: there is no folder 'roles/arm' in the commit" in lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("base/files/a", "base/x.yaml", "base/files.txt", "base/.git/config", "fleet.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "base/files/link").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("base")
    (tmp_path / "base/files/a").chmod(0o755)
    (tmp_path / "fleet.yaml").write_bytes(FLEET)
    return tmp_path


def test_a_folder_answers_as_a_commit_would(folder: Path) -> None:
    found = FolderTree(folder)

    assert (TreePath("base/x.yaml"),) == found.documents(TreePath("base"))
    assert found.documents(TreePath("nope")) is None
    assert found.documents(TreePath("linked")) is None
    assert found.entry(TreePath("linked/x.yaml")) is None
    assert found.entry(TreePath("base")) is None
    assert TreeLink(path=TreePath("base/files/link"), target="/etc/passwd") == found.entry(
        TreePath("base/files/link")
    )
    assert ["base/files/a", "base/files/link", "base/files.txt", "base/x.yaml"] == [
        str(one.path) for one in found.walk(TreePath("base")) or ()
    ]


def test_a_file_of_a_folder_has_its_blob_id(folder: Path) -> None:
    found = FolderTree(folder).entry(TreePath("base/files/a"))

    assert isinstance(found, TreeFile)
    assert (True, blob_id(b"base/files/a")) == (found.executable, found.content.digest)
    assert b"base/files/a" == b"".join(found.content.chunks())


def test_a_fifo_in_a_folder_is_not_there(folder: Path) -> None:
    os.mkfifo(folder / "base/pipe.yaml")

    assert (TreePath("base/x.yaml"),) == FolderTree(folder).documents(TreePath("base"))


def test_a_name_that_no_commit_may_have_is_refused(folder: Path) -> None:
    (folder / "base/a\nb").touch()

    with pytest.raises(DocumentError, match="without control characters"):
        FolderTree(folder).documents(TreePath("base"))


@pytest.mark.parametrize("read", [lambda file: file.digest, lambda file: list(file.chunks())])
def test_a_file_that_vanishes_meanwhile_is_an_error_with_its_name(tmp_path: Path, read) -> None:
    (tmp_path / "a").write_text("x")
    found = FolderTree(tmp_path).entry(TreePath("a"))
    assert isinstance(found, TreeFile)
    (tmp_path / "a").unlink()

    with pytest.raises(SourceError, match="/a: cannot be read: No such file or directory"):
        read(found.content)


def test_files_are_loaded_from_a_folder_by_their_kind(folder: Path) -> None:
    (folder / "base/x.yaml").write_text("files: {/etc/motd: {content: 'on ${host}'}, /srv: {source: files}}")
    (folder / "roles/kiosk").mkdir(parents=True)
    declared = load(FolderTree(folder), "c0ffee", EDGE, discover()).resources

    assert {"file:/etc", "file:/etc/motd", "file:/srv", "file:/srv/a", "file:/srv/link"} == set(
        map(str, declared)
    )
    assert [] == [str(id_) for id_, one in declared.items() if one.origin != "base/x.yaml:1"]


DOCUMENTS = [
    ("", True),
    ("things:", True),
    ("things: {a: present, b: null, c: '${x}'}", True),
    ("things: {a: {size: 3, needs: ['thing:b'], keep: true, drift: report, restart_on: ['thing:b']}}", True),
    ("things: {a: {size: '${n}', tags: '${t}'}}", True),
    ("scripts: {a: 'echo $HOME'}", True),
    ("things: {a: {siez: 3}}", False),
    ("things: {a: {size: big}}", False),
    ("things: {a: there}", False),
    ("things: {a: {drift: never}}", False),
    ("things: {a: {needs: 'thing:b'}}", False),
    ("things: [a]", False),
    ("cars: {}", False),
]


@pytest.mark.parametrize(("text", "valid"), DOCUMENTS)
def test_an_editor_is_told_what_trued_would_say(text: str, valid: bool) -> None:
    node = parse(text.encode(), "x.yaml")
    validator = Draft202012Validator(document_schema(KINDS))

    assert valid == validator.is_valid(None if node is None else to_plain(node))


@pytest.mark.parametrize(("text", "valid"), [pair for pair in DOCUMENTS if "${" not in pair[0]])
def test_trued_says_what_the_editor_was_told(text: str, valid: bool) -> None:
    commit = tree(base__x=text, hosts__edge_01__y="things: {b: present}")
    try:
        loaded(commit)
    except DocumentError:
        assert not valid
    else:
        assert valid


def test_the_schemas_are_sound_and_fit() -> None:
    Draft202012Validator.check_schema(document_schema(discover()))
    Draft202012Validator.check_schema(fleet_schema())
    node = parse(FLEET, "fleet.yaml")
    assert node is not None

    assert Draft202012Validator(fleet_schema()).is_valid(to_plain(node))
    assert not Draft202012Validator(fleet_schema()).is_valid({"hosts": [], "layers": [{"when": {}}]})
