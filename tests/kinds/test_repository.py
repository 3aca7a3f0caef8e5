"""What cases cannot say of repositories; and that a real apt agrees."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.documents.decode import decode
from agent.documents.nodes import Place, from_plain
from agent.errors import HostError
from agent.host.local import Local
from agent.kinds.repository import KIND
from agent.kinds.repository.apt import Source, list_name, update
from agent.kinds.repository.deb822 import stanzas, written
from agent.kinds.repository.others import all_places
from agent.kinds.repository.spec import ARMOR, RepositorySpec
from agent.model import KeepFirst, ResourceId, Run, Stale, WriteFile
from tests.fakes import FakeHost, FakeTree, Node
from tests.kinds.hosts.repository import furnish
from tests.properties import patient

PLAIN: Mapping[str, Any] = {"uris": ["http://deb.example.com"], "suites": ["stable"], "components": ["main"]}
KEY = f"{ARMOR}\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n"
BINARY = b"\x98\x33\x04\x60"


def spec(**keys: Any) -> RepositorySpec:
    return decode(from_plain({**PLAIN, **keys}, Place("base/x.yaml")), RepositorySpec)


def expanded(tree: FakeTree, **keys: Any) -> RepositorySpec:
    ((_, one),) = KIND.expand("example", spec(**keys), tree)
    return one


def key_of(one: RepositorySpec) -> bytes:
    assert one.key is not None
    return b"".join(one.key.chunks())


@pytest.mark.parametrize("name", ["debian", "docker-ce", "A_b.c", "0x"])
def test_what_is_a_name(name: str) -> None:
    assert name == KIND.name(name)


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "../x", "ä", "x" * 201, "a\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name of letters"):
        KIND.name(name)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "expected signed_by, the key that it is signed with; without any: trusted: true"),
        ({"trusted": True, "signed_by": KEY}, "trusted: true asks for no signature"),
        ({"trusted": True, "uris": []}, "expected uris, as in"),
        ({"trusted": True, "suites": []}, "expected suites, as in"),
        ({"trusted": True, "types": []}, "expected types, as in"),
        ({"trusted": True, "types": ["rpm"]}, "expected one of deb, deb-src"),
        ({"trusted": True, "components": []}, "expected components, as in [main]"),
        ({"trusted": True, "suites": ["./"]}, "a suite that ends with a slash is a path"),
        ({"trusted": True, "suites": ["./", "x"], "components": []}, "a suite that ends with a slash is a path"),
        ({"trusted": True, "uris": ["deb.example.com"]}, "uris: expected a URI, as in https://deb.example.com/debian, got 'deb.example.com'"),
        ({"trusted": True, "uris": ["http://a b"]}, "uris: expected a URI"),
        ({"trusted": True, "uris": ["http://a\nTrusted: yes"]}, "uris: expected a URI"),
        ({"trusted": True, "uris": ["https://me:secret@a"]}, "uris: no user and password in a URI"),
        ({"trusted": True, "suites": ["a b"]}, "suites: expected words of printable ASCII without spaces, got 'a b'"),
        ({"trusted": True, "components": ["a\nb"]}, "components: expected words"),
        ({"trusted": True, "architectures": [""]}, "architectures: expected words"),
        ({"trusted": True, "options": {"By Hash": "no"}}, "options: expected the name of a field, as in By-Hash, got 'By Hash'"),
        ({"trusted": True, "options": {"signed-by": "x"}}, "options: signed-by has a key of its own"),
        ({"trusted": True, "options": {"By-Hash": "no\nTrusted: yes"}}, "options.By-Hash: expected one line"),
        ({"trusted": True, "options": {"By-Hash": " "}}, "options.By-Hash: expected one line"),
        ({"signed_by": "0xABCDEF"}, "expected a public key that begins with -----BEGIN PGP PUBLIC KEY BLOCK-----"),
        ({"signed_by": f"{ARMOR}\nabc"}, "the key is not whole"),
        ({"signed_by": "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc"}, "that is a private key: take it out of the repository"),
        ({"signed_by": "/a b"}, "expected a public key"),
        ({"state": "absent"}, "what is absent has no 'uris'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told(keys: Mapping[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=re.escape(words)) as caught:
        spec(**keys)

    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_a_key_in_the_document_loses_its_indentation() -> None:
    assert KEY.encode() == key_of(expanded(FakeTree(), signed_by="  " + KEY.replace("\n", "\n  ")))


@pytest.mark.parametrize(("data", "armored"), [(KEY.encode(), True), (BINARY, False), (b"\xc6\x33\x04", False)])  # fmt: skip
def test_a_key_from_a_file_is_taken_as_it_is(data: bytes, armored: bool) -> None:
    one = expanded(FakeTree({"base/k": data}), signed_by={"source": "k"})

    assert (data, armored) == (key_of(one), one.armored)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (FakeTree(), "signed_by.source: base/k: there is no such file in the repository"),
        (FakeTree(links={"base/k": "x"}), "there is no such file"),
        (FakeTree({"base/k": b""}), "expected a public key"),
        (FakeTree({"base/k": b"<html>"}), "expected a public key"),
        (FakeTree({"base/k": b"KBXf"}), "expected a public key"),
        (FakeTree({"base/k": b"\x95\x03secret key"}), "expected a public key"),
        (FakeTree({"base/k": b"\x98" * ((1 << 20) + 1)}), "at most 1 MiB"),
    ],
)
def test_a_file_that_is_no_key_is_refused(tree: FakeTree, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        expanded(tree, signed_by={"source": "k"})


def test_a_declaration_with_another_key_is_another() -> None:
    prints = {
        str(KIND.fingerprint(expanded(FakeTree({"base/k": data}), signed_by={"source": "k"})))
        for data in (BINARY, BINARY + b"x")
    }

    assert 2 == len(prints)


def ready(nodes: Mapping[str, Node] | None = None, **case: Any) -> FakeHost:
    there = FakeHost(nodes)
    furnish(there, case)
    return there


def done(there: FakeHost, want: RepositorySpec | None, stale: Stale = Stale.NO) -> list[Any]:
    have = KIND.observe(there.probe(), {"example": want})["example"]
    assert not isinstance(have, HostError)
    steps = list(KIND.steps("example", want, have, stale=stale))
    for step in steps:
        there.perform(step)
    return steps


def test_the_key_is_there_before_what_refers_to_it_and_goes_after() -> None:
    there, want = ready(), expanded(FakeTree(), signed_by=KEY)

    assert ["/etc/apt/keyrings/example.asc", "/etc/apt/sources.list.d/example.sources"] == [
        str(step.path) for step in done(there, want) if isinstance(step, WriteFile)
    ]
    assert ["example.sources", "example.asc", "deb.example.com_dists_stable_InRelease"] == [
        step.path.name for step in done(there, None)
    ]


def test_a_key_of_another_form_takes_the_place_of_the_first() -> None:
    there = ready()
    done(there, expanded(FakeTree(), signed_by=KEY))
    done(there, expanded(FakeTree({"base/k": BINARY}), signed_by={"source": "k"}))

    assert ("example.gpg",) == there.probe().names(Path("/etc/apt/keyrings"))


def test_an_index_that_could_not_be_read_is_read_until_it_can() -> None:
    want = expanded(FakeTree(), signed_by=KEY)
    there = ready(down=["http://deb.example.com"])
    for stale in (Stale.NO, Stale.RELOAD):
        with pytest.raises(HostError, match="Failed to fetch http://deb"):
            done(there, want, stale)
    furnish(there, {})

    assert [Stale.RELOAD] == [step.unseen for step in done(there, want, Stale.RELOAD)]
    assert [] == done(there, want)


def test_what_was_there_first_is_kept() -> None:
    nodes = {
        "/etc/apt/sources.list.d/example.sources": Node.file(b"x"),
        "/etc/apt/keyrings/example.gpg": Node.file(b"x"),
    }
    have = KIND.observe(ready(nodes).probe(), {"example": None})["example"]
    assert isinstance(have, Source)

    assert [KeepFirst(path=Path(path), why="") for path in nodes] == list(KIND.first("example", have))


def test_files_that_say_how_to_get_there_come_first() -> None:
    names = ("/etc/apt/apt.conf.d/proxy", "/etc/apt/auth.conf.d/x", "/usr/share/keyrings/x.gpg", "/etc/motd")
    declared = [ResourceId("file", name) for name in names] + [ResourceId("package", "gnupg")]
    want = spec(signed_by="/usr/share/keyrings/x.gpg")

    assert declared[:3] == list(KIND.edges("example", want, declared))


FIELDS = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True),
    st.from_regex(r"[!-~]{1,9}( [!-~]{1,9}){0,2}", fullmatch=True),
    min_size=1,
    max_size=5,
)


@given(FIELDS)
@patient
def test_what_is_written_is_read_so(fields: Mapping[str, str]) -> None:
    by_name = {name.lower(): tuple(value.split()) for name, value in fields.items()}
    unique = {name: value for name, value in fields.items() if by_name[name.lower()] == tuple(value.split())}

    assert (by_name,) == stanzas(written(unique.items()))


@given(st.text(max_size=200))
@patient
def test_reading_takes_whatever_stands_there(text: str) -> None:
    assert all(isinstance(one, dict) for one in stanzas(text))


DEBIAN = """\
Types: deb
URIs: http://deb.debian.org/debian
Suites: stable stable-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_a_survey_finds_sources_such_that_a_plan_is_empty() -> None:
    nodes = {
        "/etc/apt/sources.list.d/debian.sources": Node.file(DEBIAN.encode()),
        "/etc/apt/sources.list.d/flat.sources": Node.file(b"Enabled: no\nTypes: deb deb-src\nURIs: file:/srv\nSuites: ./\nTrusted: yes\nBy-Hash: no\n"),
    }  # fmt: skip
    there = ready(nodes)
    found = {one.name: one for one in KIND.survey(there.probe())}

    assert ["debian", "flat"] == list(found)
    for name, one in found.items():
        want = decode(from_plain(one.entry, Place("x.yaml")), RepositorySpec)
        have = KIND.observe(there.probe(), {name: want})[name]
        assert isinstance(have, Source)
        assert [] == list(KIND.steps(name, want, have, stale=Stale.NO))


def test_a_survey_leaves_to_a_person_what_an_entry_cannot_say() -> None:
    nodes = {
        "/etc/apt/sources.list": Node.file(b"deb http://a b c\n"),
        "/etc/apt/sources.list.d/old.list": Node.file(b"deb http://a b c\n"),
        "/etc/apt/sources.list.d/two.sources": Node.file(f"{DEBIAN}\n{DEBIAN}".encode()),
        "/etc/apt/sources.list.d/unsigned.sources": Node.file(b"Types: deb\nURIs: http://a\nSuites: ./\n"),
        "/etc/apt/sources.list.d/inline.sources": Node.file(f"{DEBIAN.rpartition('S')[0]}Signed-By:\n {ARMOR}\n .\n abc\n".encode()),
        "/etc/apt/sources.list.d/notes.txt": Node.file(b"deb"),
    }  # fmt: skip
    found = {one.name: one.skipped for one in KIND.survey(ready(nodes).probe())}

    assert {"sources.list", "old", "two", "unsigned", "inline"} == found.keys()
    assert all("declare it in `repositories`" in words for words in found.values())
    assert "/etc/apt/sources.list.d/two.sources has 2 stanzas" in found["two"]


def test_a_host_without_sources_has_nothing_to_find() -> None:
    assert [] == list(KIND.survey(FakeHost().probe()))


def test_names_of_lists_are_those_of_a_real_apt(tmp_path: Path) -> None:
    """What apt would fetch, asked without fetching."""
    places = [
        ("http://deb.example.com/debian", "stable"),
        ("http://deb.example.com:8080/a_b~c/", "stable/updates"),
        ("https://deb.example.com/x", "./"),
        ("file:/srv/repo", "stable"),
    ]
    sources = tmp_path / "x.sources"
    for uri, suite in places:
        components = "" if suite.endswith("/") else "Components: main\n"
        sources.write_text(f"Types: deb\nURIs: {uri}\nSuites: {suite}\n{components}Trusted: yes\n")
        options = (
            f"-oDir::Etc::sourcelist={sources}",
            "-oDir::Etc::sourceparts=-",
            f"-oDir::State={tmp_path}",
        )
        said = subprocess.run(
            ["apt-get", "update", "--print-uris", *options], capture_output=True, text=True, check=True
        )  # fmt: skip
        names = [line.split()[1] for line in said.stdout.splitlines()]
        assert names, uri
        assert [] == [name for name in names if not name.startswith(list_name(uri, suite))]


def test_a_real_apt_reads_what_is_written_and_nothing_else(tmp_path: Path) -> None:
    """In a folder of its own, with a repository that is a folder as well."""
    root, repository = tmp_path / "root", tmp_path / "repository"
    for folder in (
        "etc/apt/sources.list.d",
        "etc/apt/preferences.d",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/lib/dpkg",
    ):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    repository.mkdir()
    (repository / "Packages").write_text(
        "Package: hello\nVersion: 1\nArchitecture: all\nFilename: x.deb\nSize: 1\nSHA256: 0\n"
    )
    (root / "etc/apt/sources.list.d/other.sources").write_text(
        "Types: deb\nURIs: file:/nowhere\nSuites: ./\nTrusted: yes\n"
    )
    want = spec(uris=[f"file:{repository}"], suites=["./"], components=[], trusted=True)
    there = Local(root, tmp_path / "state")
    have = KIND.observe(there.probe(), {"example": want})["example"]
    assert isinstance(have, Source)
    for step in KIND.steps("example", want, have, stale=Stale.NO):
        if not isinstance(step, Run):
            there.perform(step)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        moved = (
            f"-oDir={root}",
            f"-oDir::State::status={root}/var/lib/dpkg/status",
            "-oAPT::Sandbox::User=root",
        )
        return subprocess.run([words[0], *moved, *words[1:]], capture_output=True, text=True, check=False)  # fmt: skip

    words = update("example", "").argv
    updated = run(words[0], *(word.replace("=/etc", f"={root}/etc") for word in words[1:]))

    assert 0 == updated.returncode, updated.stderr
    assert "hello" in run("apt-cache", "pkgnames", "-oDir::Etc::sourceparts=sources.list.d").stdout
    have = KIND.observe(there.probe(), {"example": None})["example"]
    assert isinstance(have, Source)
    assert have.lists
    assert [] == [name for name in there.probe().names(Path("/var/lib/apt/lists")) if "nowhere" in name]


LINES = """\
# deb http://no.example.com x main
deb http://a.example.com/ stable main
deb-src [ arch=amd64,arm64 signed-by=/k.gpg trusted=yes ] http://b.example.com ./
debug http://no.example.com x
"""


def test_places_are_found_in_both_styles() -> None:
    nodes = {
        "/etc/apt/sources.list": Node.file(LINES.encode()),
        "/etc/apt/sources.list.d/debian.sources": Node.file(DEBIAN.encode()),
        "/etc/apt/sources.list.d/old.list.save": Node.file(LINES.encode()),
    }

    assert [
        ("http://a.example.com", "stable", "", ""),
        ("http://b.example.com", "./", "/k.gpg", "yes"),
        ("http://deb.debian.org/debian", "stable", "/usr/share/keyrings/debian-archive-keyring.gpg", ""),
        ("http://deb.debian.org/debian", "stable-updates", "/usr/share/keyrings/debian-archive-keyring.gpg", ""),
    ] == [(one.uri, one.suite, one.signed_by, one.trusted) for one in all_places(ready(nodes).probe())]  # fmt: skip
