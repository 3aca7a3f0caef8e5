"""What one entry of `units` stands for: the unit with the text of its file, and each of its drop-ins. Reads the commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from agent.host import shown
from agent.kinds.unit.names import is_template
from agent.kinds.unit.ours import check_entry, check_text
from agent.kinds.unit.spec import Source, UnitSpec
from agent.kinds.unit.text import LARGEST, is_empty, named
from agent.model import Content, Sources, Text, TreeLink, TreePath


def expand(name: str, spec: UnitSpec, tree: Sources) -> Iterator[tuple[str, UnitSpec]]:
    """Yield the unit, then its drop-ins under the names of their files; raises ValueError."""
    _check_template(name, spec)
    check_entry(name, spec)
    yield name, _unit(name, spec, tree)
    for file, text in spec.drop_ins.items():
        try:
            yield f"{name}.d/{file}", _drop_in(name, text, tree)
        except ValueError as error:
            raise ValueError(f"drop_ins.{file}: {error}") from None


def _check_template(name: str, spec: UnitSpec) -> None:
    if is_template(name) and spec.active is not None:
        stem, _, suffix = name.rpartition(".")
        raise ValueError(f"a template is never active, an instance of it is: {stem}x.{suffix}")


def _unit(name: str, spec: UnitSpec, tree: Sources) -> UnitSpec:
    if not spec.has_text:
        return replace(spec, drop_ins={})
    key = "content" if spec.source is None else "source"
    content = _content(spec.source, tree, template=spec.template) if spec.source else _text(spec.content)
    data = _bytes(content)
    if is_empty(data):
        raise ValueError(f"{key}: an empty unit file masks the unit; to do that, say masked: true")
    try:
        said = named(data, name)
        check_text(data, name)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    return replace(spec, content=None, source=None, template=False, drop_ins={}, data=content, named=said)


def _drop_in(name: str, text: str | Source, tree: Sources) -> UnitSpec:
    content = _text(text) if isinstance(text, str) else _content(text.source, tree, template=text.template)
    data = _bytes(content)
    check_text(data, name)
    return UnitSpec(drop_in=True, data=content, named=named(data, name))


def _text(text: str | None) -> Content:
    return Text.of((text or "").encode())


def _content(source: TreePath, tree: Sources, *, template: bool) -> Content:
    found = tree.entry(source)
    if found is None or isinstance(found, TreeLink):
        raise ValueError(f"source: there is no file {shown(source)} in the repository")
    return tree.render(source) if template else found.content


def _bytes(content: Content) -> bytes:
    """Return the text; of one that is too large to be a unit file, only its beginning. Raises SourceError."""
    data = b""
    for chunk in content.chunks():
        data += chunk
        if len(data) > LARGEST:
            break
    return data
