"""
Makes value classes as dataclasses.dataclass does, at a fraction of its price: what a class needs is made when it first is.

A process starts with some 120 of them and makes instances of few. The standard library looks into each annotation, and compiles six
functions for each class (docs.python.org, library/dataclasses); here a class gets its slots, and all else at the first use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

C = TypeVar("C", bound=type[Any])

_MISSING = dataclasses.MISSING
_FIELDS, _PARAMS = "__dataclass_fields__", "__dataclass_params__"


def _value_class(*, slots: bool, frozen: bool = False, kw_only: bool = False) -> Callable[[C], C]:
    """Return a decorator; the words mean what they mean to dataclasses.dataclass, and there are always slots."""
    if not slots:
        raise TypeError("a value class has slots")

    def made(plain: C) -> C:
        own = dict(plain.__dict__)
        # Annotations are text: each module has them so, which tests/test_values.py makes sure of.
        fields = {
            name: text for name, text in plain.__annotations__.items() if not text.startswith("ClassVar")
        }
        defaults = {name: own.pop(name) for name in fields if name in own}
        known = {name for base in plain.__mro__[1:-1] for name in base.__dict__.get("__slots__", ())}
        own["__slots__"] = tuple(name for name in fields if name not in known)
        for name in ("__dict__", "__weakref__"):
            own.pop(name, None)
        cls: C = type(plain)(plain.__name__, plain.__bases__, own)  # type: ignore[misc] # of the same metaclass
        cls.__qualname__ = plain.__qualname__
        ours: dict[str, object] = {"__repr__": _repr, "__eq__": _Late(cls, "__eq__", _equal)}
        if frozen:
            ours |= {
                "__setattr__": _refuse,
                "__delattr__": _refuse,
                "__hash__": _Late(cls, "__hash__", _hash),
            }
        else:
            ours["__hash__"] = None
        for name, method in ours.items():
            if name not in own or (name == "__hash__" and own[name] is None):
                setattr(cls, name, method)
        cls.__init__ = _Late(cls, "__init__", _init_frozen if frozen else _init_open)
        cls.__own__ = fields, defaults, kw_only
        for name in (_FIELDS, _PARAMS):
            setattr(cls, name, _Late(cls, name, partial(_described, name)))
        return cls

    return made


class _Late:
    """Stands for something of a class until it is first asked for, and then for ever makes place for the real one."""

    def __init__(self, cls: type, name: str, make: Callable[[Any], Any]) -> None:
        self._cls, self._name, self._make = cls, name, make

    def __get__(self, instance: object, owner: type) -> object:
        made = self._make(self._cls)
        setattr(self._cls, self._name, made)
        return made.__get__(instance, owner) if callable(made) else made


def _described(name: str, cls: Any) -> object:
    """Have the standard library describe a class that has nothing but the fields; return what bears the name."""
    fields, defaults, kw_only = cls.__own__
    named = {"__doc__": cls.__doc__ or cls.__name__, "__module__": cls.__module__, "__annotations__": fields}
    named |= {
        name: cls.__dict__[name] for name in ("__orig_bases__", "__parameters__") if name in cls.__dict__
    }
    twin = type(cls)(cls.__name__, cls.__bases__, {**named, **defaults})
    twin = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(twin)
    for one in (_FIELDS, _PARAMS, "__match_args__"):
        setattr(cls, one, getattr(twin, one))
    return getattr(twin, name)


def _fields(cls: type) -> Collection[dataclasses.Field[Any]]:
    """Return the fields as `dataclasses.fields` does, as far as this module needs to know them."""
    every: dict[str, dataclasses.Field[Any]] = {}
    for base in reversed(cls.__mro__):
        names, defaults, kw_only = base.__dict__.get("__own__", ((), {}, False))
        for name in names:
            given = defaults.get(name, _MISSING)
            one = given if isinstance(given, dataclasses.Field) else dataclasses.field(default=given)
            one.name = name
            one.kw_only = kw_only if one.kw_only is _MISSING else one.kw_only
            every[name] = one
    return every.values()


def _init_frozen(cls: type) -> Any:
    return _init(cls, frozen=True)


def _init_open(cls: type) -> Any:
    return _init(cls, frozen=False)


def _init(cls: type, *, frozen: bool) -> Any:
    """Return the `__init__` of a class. What sets a slot of a frozen one goes past its `__setattr__`."""
    known: dict[str, object] = {"MISSING": _MISSING}
    every = _fields(cls)
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


def _values(cls: type) -> Callable[[Any], object]:
    """Return what returns all that tells one instance from another."""
    names = [field.name for field in _fields(cls) if field.compare]
    return attrgetter(*names) if names else _nothing


def _equal(cls: type) -> Callable[[Any, object], bool]:
    values = _values(cls)

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(cls: type) -> Callable[[Any], int]:
    values = _values(cls)

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _repr(self: Any) -> str:
    shown = (field.name for field in _fields(type(self)) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _refuse(_: object, name: str, *given: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot {'assign to' if given else 'delete'} field {name!r}")


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 # the checker knows that one
else:
    dataclass = _value_class
