"""Value classes are dataclasses in every respect that trued, and its tests, make use of."""

from __future__ import annotations

import dataclasses
from dataclasses import field, fields, replace
from pathlib import PurePosixPath
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import ResourceId, TreePath
from agent.values import dataclass as late
from tests.test_layers import MODULES, imports

_Number = st.none() | st.integers(0, 3)


class _Plain:
    """Not yet made."""

    a: int | None
    b: int | None = 1
    c: list[int] = field(default_factory=list, repr=False)
    d: int | None = field(default=2, compare=False)

    def __post_init__(self) -> None:
        if self.a == 3:
            raise ValueError("three")


def _both(**words: bool) -> tuple[type, type]:
    def plain() -> type:
        space = {
            name: value for name, value in vars(_Plain).items() if name not in ("__dict__", "__weakref__")
        }
        return type("_Plain", (), space)

    return late(slots=True, **words)(plain()), dataclasses.dataclass(slots=True, **words)(plain())


FROZEN, FROZEN_USUAL = _both(frozen=True, kw_only=True)
LOOSE, LOOSE_USUAL = _both(frozen=False)


@given(
    st.lists(
        st.fixed_dictionaries({"a": _Number}, optional={"b": _Number, "c": st.just([1]), "d": _Number}),
        min_size=2,
        max_size=2,
    )
)
def test_they_are_made_compared_and_shown_as_the_usual_ones(words: list[dict[str, object]]) -> None:
    """Same text (digests are made of it), same equality, same refusal, and `replace` and `fields` work."""
    for ours, usual in ((FROZEN, FROZEN_USUAL), (LOOSE, LOOSE_USUAL)):
        made = [_tried(ours, one) for one in words]
        expected = [_tried(usual, one) for one in words]
        assert [repr(one) for one in made] == [repr(one) for one in expected]
        if not any(isinstance(one, ValueError) for one in made):
            assert (made[0] == made[1]) == (expected[0] == expected[1])
            assert repr(replace(made[0], b=7)) == repr(replace(expected[0], b=7))  # type: ignore[type-var]
        assert [_described(one) for one in fields(ours)] == [_described(one) for one in fields(usual)]
        assert ours.__match_args__ == usual.__match_args__  # type: ignore[attr-defined]


def _described(one: dataclasses.Field[object]) -> tuple[object, ...]:
    return one.name, one.type, one.default, one.default_factory, one.repr, one.compare, one.init, one.kw_only


def _tried(cls: type, words: dict[str, object]) -> object:
    try:
        return cls(**words)
    except ValueError as error:
        return error


def test_a_frozen_one_stays_as_it_is() -> None:
    """Nothing of it can be set or deleted, and nothing be added."""

    @late(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 0

    point = Point(1)
    for name in ("x", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(point, name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert {point, Point(1, 0)} == {Point(x=1)}
    assert point != (1, 0)


def test_one_that_can_change_has_no_hash() -> None:
    """As in the standard library: it would not stay the same."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(LOOSE(1))


def test_what_a_class_says_itself_stays() -> None:
    """Methods of its own win; a derived class takes the fields of its base."""

    @late(frozen=True, slots=True, kw_only=True)
    class Base:
        x: int

        def __repr__(self) -> str:
            return f"<{self.x}>"

    @late(frozen=True, slots=True, kw_only=True)
    class Derived(Base):
        y: int = 0

    assert repr(Base(x=1)) == "<1>"
    assert Derived(x=1, y=2) == Derived(y=2, x=1) != Derived(x=1)
    assert Derived(x=1) != Base(x=1)


def test_what_a_class_is_made_of_can_be_asked_before_there_is_an_instance() -> None:
    """Documents are read by it; whoever asks first, of a class or of one derived from it, sees the same."""

    @late(frozen=True, slots=True, kw_only=True)
    class Base:
        WORDS: ClassVar[tuple[str, ...]] = ("x",)
        x: int = field(metadata={"doc": "a number"})

    @late(frozen=True, slots=True)
    class Derived(Base):
        y: int = field(default=0, kw_only=True)
        z: str = ""

    assert dataclasses.is_dataclass(Derived)
    assert [(one.name, one.kw_only) for one in fields(Derived)] == [("x", True), ("y", True), ("z", False)]
    assert fields(Base)[0].metadata["doc"] == "a number"
    assert Base.WORDS == Derived.WORDS == ("x",)
    assert Derived("a", x=1) == Derived(x=1, z="a") != Derived(x=1)
    assert not hasattr(Derived(x=1), "__dict__")
    assert {Derived(x=1): 2}[replace(Derived(x=3), x=1)] == 2


def test_annotations_are_text() -> None:
    """By their text fields are told from what belongs to the class."""
    for name, path in MODULES.items():
        text = path.read_text()
        assert "@dataclass" not in text or "from __future__ import annotations" in text, name


def test_wrong_arguments_are_refused_at_the_first_call_and_later() -> None:
    """The first call makes `__init__`; it is as strict as every later one."""

    @late(frozen=True, slots=True, kw_only=True)
    class Point:
        x: int

    for _ in range(2):
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            Point(x=1, z=2)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'x'"):
            Point()  # type: ignore[call-arg]


def test_all_values_are_made_so() -> None:
    """The usual way costs a process 0.25 ms a class at its start."""
    usual = {
        name for name in MODULES if name != "agent.values" and "dataclasses.dataclass" in set(imports(name))
    }

    assert set() == usual


def test_an_id_is_its_text_wherever_it_is_shown() -> None:
    """It is a tuple for the sake of speed, and looks like one to nobody."""
    rid = ResourceId.parse("file:/etc/motd")

    assert (rid.kind, rid.name) == ("file", "/etc/motd")
    assert str(rid) == f"{rid}" == "file:/etc/motd"
    assert repr(rid) == "ResourceId(kind='file', name='/etc/motd')"
    assert hash(rid) == hash(ResourceId("file", "/etc/motd"))
    assert rid == ResourceId("file", "/etc/motd") != ResourceId("unit", "/etc/motd")
    assert sorted([ResourceId("user", "a"), rid, ResourceId("file", "/etc/a")])[1] == rid
    with pytest.raises(AttributeError):
        rid.name = "/etc/other"  # type: ignore[misc]


@given(st.text("ab./ \0", max_size=6), st.sampled_from(["", "base", "base/files"]))
def test_what_is_below_a_path_of_the_repository_is_as_pathlib_has_it(key: str, folder: str) -> None:
    """However odd the name: it is put together without being taken apart, where that makes no difference."""
    found, usual = TreePath(folder) / key, PurePosixPath(folder) / key

    assert (str(found), found.parts, hash(found)) == (str(usual), usual.parts, hash(usual))
    assert type(found) is TreePath
    assert found == TreePath(str(usual))
    assert str(found / "x") == str(usual / "x")
