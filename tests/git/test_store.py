"""The shallow store may be lost, damaged, or changed by another process: what a host holds is never taken for rewritten."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import RefusedError
from agent.git import layers, shallow
from agent.git.address import Access, Ref
from agent.git.limits import Limits
from agent.git.snapshot import Snapshot
from agent.git.source import Source
from tests.git.places import PATIENT, access, fleet, read, source
from tests.servers.git import GitServer
from tests.servers.repo import Fleet

FILES = {"fleet.yaml": "hosts: [a]\n", "base/a": "a\n"}
pytestmark = pytest.mark.servers


class Scene:
    """A server that cannot filter, and a host that holds its first commit."""

    def __init__(self, server: GitServer, tmp_path: Path) -> None:
        self.bare = server.create(allow_filter=False)
        self.at, self.state = access(server, self.bare, "https"), tmp_path / "state"
        self.store = self.state / "git/store"
        self.work: Fleet = fleet(tmp_path / "work", FILES)
        self.held = self.work.push(self.bare.file)
        self.there = self.source()
        read(self.there.newest(None).tree)
        self.there.keep([self.held])

    def source(self, ref: Ref | None = None) -> Source:
        return source(self.at, self.state, ref or Ref(branch="main"))

    def commit(self, name: str) -> str:
        self.work.write({name: "new\n"}).commit()
        return self.work.push(self.bare.file, force=True)


@pytest.fixture
def scene(git_server: GitServer, tmp_path: Path) -> Scene:
    return Scene(git_server, tmp_path)


def spoil(store: Path) -> None:
    for layer in store.glob("*.objects"):
        layer.write_bytes(layer.read_bytes()[:-50])


LOSSES: dict[str, Callable[[Path], object]] = {"damaged": spoil, "gone": shutil.rmtree}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_store_that_is_lost_does_not_make_history_look_rewritten(scene: Scene, loss: str) -> None:
    """Any number of commits may have come since the held one."""
    LOSSES[loss](scene.store)
    for name in ("b", "c", "d"):
        tip = scene.commit(name)

    assert tip == scene.there.newest(scene.held).sha
    assert {**FILES, **dict.fromkeys("bcd", "new\n")} == read(scene.there.newest(scene.held).tree)


@pytest.mark.parametrize("loss", LOSSES)
def test_history_that_was_rewritten_is_refused_without_the_store_as_well(scene: Scene, loss: str) -> None:
    """And it is known from then on, so that the next process need not fetch it all once more."""
    LOSSES[loss](scene.store)
    scene.work.git("commit", "-q", "--amend", "-m", "another")
    scene.commit("b")

    with pytest.raises(RefusedError, match="does not descend from"):
        scene.there.newest(scene.held)
    before = sorted(path.name for path in scene.store.iterdir())
    with pytest.raises(RefusedError, match="does not descend from"):
        scene.source().newest(scene.held)

    assert before == sorted(path.name for path in scene.store.iterdir())


def test_a_store_that_began_after_the_held_commit_learns_what_came_between(scene: Scene) -> None:
    """A commit that was pinned for a while came without its history."""
    shutil.rmtree(scene.store)
    scene.commit("b")
    tip = scene.commit("c")
    scene.source(Ref(commit=tip)).newest(None)

    assert tip == scene.there.newest(scene.held).sha


def test_a_store_that_is_cut_while_it_is_read_is_read_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Layers are opened without the lock: that one has gone says nothing against the store."""
    scene.commit("b")
    tip = scene.commit("c")
    cuts: list[Path] = []

    class Beaten(Snapshot):
        def __init__(self, path: Path) -> None:
            if not cuts:
                cuts.append(path)
                with layers.Layers(path.parent) as there:
                    there.cut(PATIENT.delta)
            super().__init__(path)

    monkeypatch.setattr(layers, "Snapshot", Beaten)

    assert tip == scene.there.newest(scene.held).sha
    assert cuts
    assert "damaged" not in caplog.text


def test_a_store_that_another_process_has_taken_elsewhere_is_brought_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it lacks for the commit that is read here is no damage."""
    scene.work.git("checkout", "-q", "--orphan", "side")
    scene.work.write({"base/a": "other\n"}).commit()
    other = scene.work.push(scene.bare.file, "refs/heads/side")
    scene.work.git("checkout", "-q", "main")
    scene.commit("b")
    tip = scene.commit("c")
    real, beaten = shallow.bring, list[str]()

    def bring(at: Access, limits: Limits, folder: Path, want: str, held: str = "") -> None:
        real(at, limits, folder, want, held)
        if not beaten:
            beaten.append(want)
            shallow.serve(at, limits, folder, other)

    monkeypatch.setattr(shallow, "bring", bring)

    assert tip == scene.there.newest(scene.held).sha
    assert [tip] == beaten
    assert "damaged" not in caplog.text
