"""RFC 7396 on nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.desired.merge import merge
from agent.documents.nodes import Map, Node, Place, Plain, from_plain, to_plain
from agent.documents.parse import parse
from tests.properties import patient

# RFC 7396, appendix A: original, patch, result.
RFC = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]


@pytest.mark.parametrize(("original", "patch", "result"), RFC)
def test_the_examples_of_the_rfc(original: str, patch: str, result: str) -> None:
    below, above = (from_plain(json.loads(text), Place("f")) for text in (original, patch))

    assert json.loads(result) == to_plain(merge(below, above))


def reference(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, as it stands there."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = reference(target.get(name), value)
    return target


KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@patient
@given(VALUES, VALUES)
def test_it_does_what_the_rfc_says(below: Plain, above: Plain) -> None:
    merged = merge(from_plain(below, Place("b")), from_plain(above, Place("a")))

    assert reference(below, above) == to_plain(merged)


@patient
@given(VALUES)
def test_every_key_that_is_left_has_a_place(value: Plain) -> None:
    waiting: list[Node] = [merge(None, from_plain(value, Place("a")))]
    while waiting:
        if isinstance(node := waiting.pop(), Map):
            assert node.entries.keys() == node.keys.keys()
            waiting += node.entries.values()


def test_what_a_layer_touched_stands_there() -> None:
    below = parse(b"a: 1\nb: {x: 1, y: 2}\n", "base/x.yaml")
    above = parse(b"\n\nb: {y: 3}\n", "host/y.yaml")
    assert above is not None
    merged = merge(below, above)

    assert isinstance(merged, Map)
    assert "base/x.yaml:1:1" == str(merged.keys["a"])
    assert "host/y.yaml:3:1" == str(merged.keys["b"])
    inner = merged.entries["b"]
    assert isinstance(inner, Map)
    assert ["base/x.yaml:2:8", "host/y.yaml:3:8"] == [str(child.place) for child in inner.entries.values()]
