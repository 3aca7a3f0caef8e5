"""
What a scalar of a manifest means, as kubectl and API servers read it. Pure.

They read YAML 1.1 by go-yaml v2 (resolve.go) and hand it on as JSON (sigs.k8s.io/yaml): `no`, `0644` and `1e3` mean what they
did in 1.1, a date or `12:30:45` is text, and 1.0 is a whole number.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from agent.late import pattern
from agent.model import quoted

Value: TypeAlias = "str | int | float | bool | None"

STANDARD: Final = "tag:yaml.org,2002:"
_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NUMERIC: Final = frozenset("+-.0123456789")
_ENDLESS: Final = pattern(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WHOLE: Final = pattern(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))"
)  # hexadecimal, binary, octal, decimal
_FRACTION: Final = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOTTED: Final = pattern(
    r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?"
)  # Go's own, which has an underscore between digits only
_BASES: Final = (16, 2, 8, 10)
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_ACCEPTED: Final[Mapping[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}
_MOST_DIGITS: Final = 66  # of a whole number that may have 64 bits, its prefix and zeros with it


def resolve(text: str) -> Value:
    """Return what a scalar without quotes means; raises ValueError for a number that JSON or Kubernetes has not."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _ENDLESS.fullmatch(text):
        raise ValueError("expected a number that ends, or text in quotes, found an infinite one")
    if text[0] == "." and not _DOTTED.fullmatch(text):
        return text
    plain = text.replace("_", "")
    if whole := _WHOLE.fullmatch(plain):
        return _whole(whole)
    return number(found) if _FRACTION.fullmatch(plain) and math.isfinite(found := float(plain)) else text


def number(value: float) -> int | float:
    """Return a number as JSON made by Go has it: whole ones without a point."""
    return int(value) if value.is_integer() and _SMALLEST <= value <= _LARGEST else value


def tagged(tag: str, text: str) -> Value:
    """
    Return what a scalar with a tag means (yaml.org/type); raises ValueError for tags that are not of the standard.

    The value is in no message: it may be secret.
    """
    name = tag.removeprefix(STANDARD)
    if tag == "!" or name == "str":
        return text
    if name == "binary":
        return _binary(text)
    if name not in _ACCEPTED or name == tag:
        raise ValueError(f"expected plain YAML, found the tag {quoted(tag)}; remove it")
    value = resolve(text)
    spelled = name != "int" or _WHOLE.fullmatch(text.replace("_", ""))  # 1.0 is none to go-yaml
    if type(value) not in _ACCEPTED[name] or not spelled:
        raise ValueError(f"expected a value that can be what its tag !!{name} says")
    return value


def key_of(value: Value) -> str:
    """Return a key as text; raises ValueError for what cannot be one without a doubt."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value is None:
        raise ValueError('expected a key, found nothing; quote it if it is text: ""')
    raise ValueError("expected text as a key, found a number with a fraction; quote it")


def _whole(found: re.Match[str]) -> int:
    digits = next((base, part) for base, part in zip(_BASES, found.groups()[1:], strict=True) if part)
    value = int(digits[1], digits[0]) if len(found[0]) <= _MOST_DIGITS else _LARGEST + 1
    signed = -value if found[1] == "-" else value
    if not _SMALLEST <= signed <= _LARGEST:
        raise ValueError(
            "expected a whole number of at most 64 bits, found a longer one; quote it if it is text"
        )
    return signed


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("expected text in base64 after !!binary") from None
