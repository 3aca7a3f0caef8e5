"""
Makes value classes as dataclasses.dataclass does, at a tenth of its price: what a class needs is made when it first is.

A process starts with some 120 of them and makes instances of few. The standard library compiles six functions for each
(docs.python.org, library/dataclasses); here three are shared, two are closures, and `__init__` is compiled when it is first called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

C = TypeVar("C", bound=type[Any])

_MISSING = dataclasses.MISSING


def _value_class(
    *, slots: bool, frozen: bool = False, kw_only: bool = False, order: bool = False
) -> Callable[[C], C]:
    """Return a decorator; the words mean what they mean to dataclasses.dataclass, and there are always slots."""
    if not slots or order:  # those few that have an order are made as usual
        usual: Any = dataclasses.dataclass(slots=slots, frozen=frozen, kw_only=kw_only, order=order)
        return usual  # type: ignore[no-any-return] # whatever it is given

    def made(plain: C) -> C:
        if plain.__doc__ is None:
            plain.__doc__ = plain.__name__  # or it is worked out from the signature, for 0.1 ms
        own = plain.__dict__
        ours: dict[str, object] = {"__repr__": _repr}
        if frozen:
            ours |= {"__setattr__": _refuse, "__delattr__": _refuse}
        cls: C = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(plain)  # type: ignore[assignment]
        names = [field.name for field in dataclasses.fields(cls) if field.compare]
        values = attrgetter(*names) if names else _nothing
        ours |= {"__eq__": _equal(values), "__hash__": _hash(values) if frozen else None}
        for name, method in ours.items():
            if name not in own or (name == "__hash__" and own[name] is None):
                setattr(cls, name, method)
        cls.__init__ = _Late(cls, frozen=frozen)
        return cls

    return made


class _Late:
    """Stands for `__init__` until it is first asked for, and then for ever makes place for the real one."""

    def __init__(self, cls: type, *, frozen: bool) -> None:
        self._cls, self._frozen = cls, frozen

    def __get__(self, instance: object, owner: type) -> object:
        made = _init(self._cls, frozen=self._frozen)
        self._cls.__init__ = made  # type: ignore[misc] # as dataclasses.dataclass does
        return made.__get__(instance, owner)


def _init(cls: type, *, frozen: bool) -> Any:
    """Return the `__init__` of a class. What sets a slot of a frozen one goes past its `__setattr__`."""
    known: dict[str, object] = {"MISSING": _MISSING}
    every = dataclasses.fields(cls)
    by_place, by_name, body = ["self"], list[str](), list[str]()
    for field in every:
        name, value = field.name, field.name
        if field.default_factory is not _MISSING:
            known[f"make_{name}"] = field.default_factory
            value = f"make_{name}() if {name} is MISSING else {name}" if field.init else f"make_{name}()"
            default = "=MISSING"
        elif field.default is not _MISSING:
            known[f"default_{name}"] = field.default
            default = f"=default_{name}"
        else:
            default = ""
        if field.init:
            (by_name if field.kw_only else by_place).append(f"{name}{default}")
        elif field.default_factory is _MISSING:
            if not default:
                continue
            value = f"default_{name}"
        if frozen:
            known[f"set_{name}"] = getattr(cls, name).__set__
            body.append(f"set_{name}(self, {value})")
        else:
            body.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    head = ", ".join([*by_place, *(["*", *by_name] if by_name else [])])
    text = f"def __init__({head}):\n " + "\n ".join(body or ["pass"])
    exec(text, known)  # noqa: S102 # of the names of our own fields
    made: Any = known["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    return made


def _nothing(_: object) -> tuple[()]:
    return ()


def _equal(values: Callable[[Any], object]) -> Callable[[Any, object], bool]:
    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(values: Callable[[Any], object]) -> Callable[[Any], int]:
    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _refuse(_: object, name: str, *given: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot {'assign to' if given else 'delete'} field {name!r}")


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 # the checker knows that one
else:
    dataclass = _value_class
