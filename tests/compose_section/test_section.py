"""The section `compose` among others: its entries, its layers, who may name what, and what a person is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from jsonschema import Draft202012Validator

from agent.desired.look import check_all, render
from agent.desired.schema import document_schema
from agent.errors import DocumentError
from agent.kinds import discover
from agent.model import Drift, ResourceId, TreePath
from tests.compose_section.shop import HOST, KINDS, SHOP, entries, ids, loaded, refusal, resource, tree
from tests.fakes import FakeTree

WEB = "services: {web: {image: i, volumes: ['data:/d', './conf:/c']}}\nvolumes: {data: }"
CONF = {"shop/conf": "x"}


def test_a_bare_text_is_the_source() -> None:
    commit = tree(WEB, document="compose: {shop: shop/compose.yaml}", files=CONF)

    assert "container:shop-web" in ids(commit)


def test_one_file_may_be_taken_several_times() -> None:
    commit = tree(
        "services: {web: {image: 'i:$TAG'}}",
        document="""\
        compose:
          one: {source: shop/compose.yaml, environment: {TAG: 1.10}}
          two: {source: shop/compose.yaml, environment: {TAG: 2}}
        """,
    )
    made = entries(commit, "containers")

    assert ["i:1.10", "i:2"] == [made["one-web"]["image"], made["two-web"]["image"]]


def test_a_layer_above_changes_an_entry_key_by_key() -> None:
    commit = tree(
        "services: {web: {image: 'i:$TAG'}}", document="compose: {shop: {source: shop/compose.yaml}}"
    )
    above = {
        "fleet.yaml": b"hosts: [edge-01]\nlayers: [base, more]\n",
        "more/x.yaml": b"compose: {shop: {environment: {TAG: $$5}}}",
    }
    gone = {**above, "more/x.yaml": b"compose: {shop: null}"}

    assert "i:$5" == entries(FakeTree(files={**commit.files, **above}), "containers")["shop-web"]["image"]
    assert [] == ids(FakeTree(files={**commit.files, **gone}))


def test_a_compose_file_may_lie_among_the_documents_of_a_layer() -> None:
    """It is no document itself, since one names it."""
    commit = tree(
        document="compose: {shop: compose.yaml, other: {source: other.yaml}}",
        files={"compose.yaml": "services: {web: {image: i}}", "other.yaml": "services: {db: {image: i}}"},
    )

    assert {"container:shop-web", "container:other-db"} <= set(ids(commit))


def test_a_document_stays_one_whoever_names_it() -> None:
    """Or a slip would take away all that it declares."""
    commit = tree(document="compose: {shop: x.yaml}\nfiles: {/a: {content: x}}")

    assert [
        "base/x.yaml:1:1: compose: unknown key in a Compose file",
        "base/x.yaml:2:1: files: unknown key in a Compose file",
    ] == refusal(commit)


def test_a_compose_file_that_nobody_names_is_a_document_with_a_hint() -> None:
    lines = refusal(tree(document="", files={"compose.yaml": "services: {web: {image: i}}"}))

    assert ["base/compose.yaml:1:1: services: unknown section; a Compose file is no state document: name it as the source of an entry under compose"] == lines  # fmt: skip


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ("compose: {Shop: x.yaml}", "base/x.yaml:1:11: compose.Shop: expected a project's name: at most 64 small letters, digits, '_' and '-', that begins with a letter or digit, got 'Shop'"),
        ("compose: {-a: x.yaml}", "base/x.yaml:1:11: compose.-a: expected a project's name: at most 64 small letters, digits, '_' and '-', that begins with a letter or digit, got '-a'"),
        ("compose: {shop: {}}", "base/x.yaml:1:17: compose.shop: key 'source' is missing"),
        ("compose: {shop: [a]}", "base/x.yaml:1:17: compose.shop: expected a mapping, found a list"),
        ("compose: {shop: {sauce: a}}", "base/x.yaml:1:18: compose.shop.sauce: unknown key; did you mean 'source'?"),
        ("compose: {shop: nowhere.yaml}", "base/nowhere.yaml:1:1: there is no such file in the repository"),
        ("compose: {shop: /etc/compose.yaml}", "base/x.yaml:1:17: compose.shop.source: expected a path below the document's own folder, without '..', got '/etc/compose.yaml'"),
        ("compose: {shop: ../compose.yaml}", "base/x.yaml:1:17: compose.shop.source: expected a path below the document's own folder, without '..', got '../compose.yaml'"),
        ("compose: {shop: '${nope}.yaml'}", "base/x.yaml:1:17: compose.shop: unknown variable 'nope'"),
        ("compose: {shop: {source: shop/compose.yaml, directory: opt}}", "base/x.yaml:1:56: compose.shop.directory: expected the absolute path of a folder, without '.', '..' and '/' at its end, got 'opt'"),
        ("compose: {shop: {source: shop/compose.yaml, directory: /}}", "base/x.yaml:1:56: compose.shop.directory: expected the absolute path of a folder, without '.', '..' and '/' at its end, got '/'"),
        ("compose: {shop: {source: shop/compose.yaml, directory: /a/../b}}", "base/x.yaml:1:56: compose.shop.directory: expected the absolute path of a folder, without '.', '..' and '/' at its end, got '/a/../b'"),
        ("compose: {shop: {source: shop/compose.yaml, drift: never}}", "base/x.yaml:1:52: compose.shop.drift: expected one of "),
        ("compose: {shop: {source: shop/compose.yaml, needs: [x]}}", "base/x.yaml:1:53: compose.shop.needs[0]: expected kind:name"),
        ("compose: {shop: shop/link.yaml}", "base/shop/link.yaml:1:1: expected a file, found a symbolic link; links are not followed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_entry_is_told(document: str, line: str) -> None:
    lines = refusal(tree(WEB, document=document, files=CONF, links={"shop/link.yaml": "compose.yaml"}))

    assert line in [told[: len(line)] for told in lines]


def test_what_is_declared_twice_names_both_places() -> None:
    commit = tree(
        "services:\n  web: {image: i, volumes: ['./conf:/c', 'data:/d']}\nvolumes:\n  data:\n",
        document="""\
        compose: {shop: shop/compose.yaml}
        containers:
          shop-web: {image: j}
        networks: {shop_default: {}}
        volumes:
          shop_data: {}
        files:
          /opt/compose/shop/conf: {content: x}
        """,
        files=CONF,
    )

    assert [
        "base/shop/compose.yaml:2:3: containers.shop-web: this entry is given twice, first at base/x.yaml:3:3",
        "base/shop/compose.yaml:2:29: files./opt/compose/shop/conf: this entry is given twice, first at base/x.yaml:8:3",
        "base/shop/compose.yaml:4:3: volumes.shop_data: this entry is given twice, first at base/x.yaml:6:3",
        "base/x.yaml:1:11: networks.shop_default: this entry is given twice, first at base/x.yaml:4:12",
    ] == refusal(commit)


def test_two_projects_that_give_one_thing_name_both_places() -> None:
    commit = tree(
        "services: {web: {image: i, container_name: the-web}}",
        document="compose: {a: shop/compose.yaml, b: shop/compose.yaml}",
    )

    assert [
        "base/shop/compose.yaml:1:12: containers.the-web: this entry is given twice, first at base/shop/compose.yaml:1:12"
    ] == refusal(commit)


def test_who_names_a_project_waits_for_all_of_it() -> None:
    document = """\
    compose: {shop: {source: shop/compose.yaml}}
    files: {/a: {content: x, needs: ["compose:shop"]}}
    """
    commit = tree(WEB, document=document, files=CONF)

    assert {
        "container:shop-web",
        "network:shop_default",
        "volume:shop_data",
        "file:/opt/compose/shop/conf",
    } == set(map(str, resource(commit, "file:/a").needs))


def test_a_project_that_is_not_there_cannot_be_named() -> None:
    document = 'compose: {shop: shop/compose.yaml}\nfiles: {/a: {content: x, needs: ["compose:shp"]}}'

    told = "base/x.yaml:2:34: files./a.needs[0]: there is no compose:shp among what this host is declared to have; did you mean 'compose:shop'?"
    assert [told] == refusal(tree(WEB, document=document, files=CONF))


def test_a_project_that_cannot_be_read_is_told_once() -> None:
    """Who needs it is not wrong for that."""
    document = (
        'compose: {shop: shop/compose.yaml, Other: x}\nfiles: {/a: {content: x, needs: ["compose:shop"]}}'
    )
    lines = refusal(tree("services: [", document=document))

    assert 2 == len(lines)
    assert lines[0].startswith("base/shop/compose.yaml:2:1: not YAML")


def test_what_an_entry_says_of_itself_goes_to_all_its_parts() -> None:
    document = """\
    compose: {shop: {source: shop/compose.yaml, keep: true, drift: report, needs: ["file:/a"]}}
    files: {/a: {content: x}}
    """
    state = loaded(tree(WEB, document=document, files=CONF))

    for name in (
        "container:shop-web",
        "network:shop_default",
        "volume:shop_data",
        "file:/opt/compose/shop/conf",
    ):
        part = state.resources[ResourceId.parse(name)]
        assert (True, Drift.REPORT) == (part.keep, part.drift)
        assert ResourceId("file", "/a") in part.needs
    assert not state.resources[ResourceId("file", "/a")].keep


def test_containers_are_taken_over_where_the_entry_says_so() -> None:
    document = "compose: {shop: {source: shop/compose.yaml, adopt: true}}"
    taken, plain = (entries(tree(WEB, document=one, files=CONF), "containers") for one in (document, SHOP))

    assert taken["shop-web"].pop("adopt")
    assert plain == taken


def test_what_an_entry_needs_and_is_not_there_is_told_once() -> None:
    document = 'compose: {shop: {source: shop/compose.yaml, needs: ["file:/none"]}}'
    lines = refusal(tree(WEB, document=document, files=CONF))

    assert 1 == len(lines)
    assert lines[0].startswith("base/x.yaml:1:53: ")


def test_a_host_is_shown_what_a_file_stands_for() -> None:
    shown = render(tree(WEB, files=CONF), HOST, KINDS)

    assert ["files", "containers", "networks", "volumes"] == list(shown.declared)
    assert "base/shop/compose.yaml:1" == shown.origins["containers.shop-web"]


def test_compose_files_are_checked_for_all_hosts() -> None:
    commit = tree("services: {web: {image: 'i:${host}', links: [x]}}")
    files = {**commit.files, "fleet.yaml": b"hosts: [a, b]\nlayers: [base]\n"}

    with pytest.raises(DocumentError) as caught:
        check_all(FakeTree(files=files), KINDS, {}, {})
    assert "base/shop/compose.yaml:1:46: services.web.links[0]: there is no service 'x' in this file" == str(
        caught.value
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LazyTree(FakeTree):
    """One that has only what was asked for before."""

    ready: set[TreePath] = field(default_factory=set)
    asked: list[frozenset[TreePath]] = field(default_factory=list)

    def prefetch(self, paths: frozenset[TreePath]) -> None:
        self.asked.append(paths)
        self.ready.update(paths)

    def entry(self, path: TreePath):  # type: ignore[no-untyped-def] # as FakeTree has it
        assert self.ready & {path, *path.parents}, f"{path} was not read ahead"
        return FakeTree.entry(self, path)


def test_all_files_are_read_ahead_in_few_requests() -> None:
    commit = tree(
        "services: {web: {image: i, volumes: ['./conf:/c', './no:/n'], env_file: [{path: e, required: false}], secrets: [s]}}\nsecrets: {s: {file: s}}",
        document="compose: {a: shop/compose.yaml, b: shop/compose.yaml}",
        files={"shop/conf/x": "x", "shop/s": "s", "shop/.env": "A=b"},
    )
    lazy = LazyTree(files=commit.files)
    loaded(lazy)

    asked = [{str(path).removeprefix("base/") for path in paths} for paths in lazy.asked]
    assert {"shop/compose.yaml", "shop/.env"} in asked
    assert {"shop/conf", "shop/no", "shop/e", "shop/s"} in asked
    assert 6 >= len(asked)


def test_the_schema_tells_an_editor_of_the_section() -> None:
    schema = document_schema(discover())
    check = Draft202012Validator(schema)

    for good in (
        {"compose": {"shop": "compose.yaml"}},
        {
            "compose": {
                "shop": {"source": "c.yaml", "directory": "/srv/x", "environment": {"A": "b"}, "keep": True}
            }
        },
        {"compose": {"shop": {"environment": {"A": 5}}, "gone": None}},
    ):
        assert [] == list(check.iter_errors(good))
    for bad in (
        {"compose": {"shop": {"sauce": "x"}}},
        {"compose": {"shop": {"directory": "x"}}},
        {"compose": []},
    ):
        assert list(check.iter_errors(bad))
