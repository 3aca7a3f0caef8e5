"""What one entry of `files` stands for: its content resolved, a folder tree as its parts, the folders above. Reads the commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agent.host import shown
from agent.kinds.file.names import checked_name
from agent.kinds.file.spec import FileSpec
from agent.model import Content, Mode, Sources, Text, TreeFile, TreeLink, TreePath

EXECUTABLE = Mode(0o755)
_IMPLIED = FileSpec(directory=True, implied=True)


def expand(name: str, spec: FileSpec, tree: Sources) -> Iterator[tuple[str, FileSpec]]:
    """Yield the folders above that are missing from the entry, then it, then what is below it, each once."""
    if spec.state == "absent":
        yield name, spec
        return
    yield from ((above, _IMPLIED) for above in _above(name))
    if spec.source is None:
        yield name, _resolved(spec)
    else:
        yield from _from_source(name, spec, spec.source, tree)


def _above(name: str) -> Iterable[str]:
    parts = name.split("/")
    return ("/".join(parts[:depth]) for depth in range(2, len(parts)))


def _resolved(spec: FileSpec) -> FileSpec:
    if spec.content is None:
        return spec
    return replace(spec, content=None, data=Text.of(spec.content.encode()))


def _from_source(
    name: str, spec: FileSpec, source: TreePath, tree: Sources
) -> Iterator[tuple[str, FileSpec]]:
    found = tree.entry(source)
    if found is not None:
        _check_single(spec, source, found)
        yield name, _part(spec, found, tree)
    elif (below := tree.walk(source)) is not None:
        yield from _from_folder(name, spec, source, below, tree)
    else:
        raise ValueError(f"source: there is no {shown(source)} in the repository")


def _check_single(spec: FileSpec, source: TreePath, found: TreeFile | TreeLink) -> None:
    for key in ("directory_mode", "purge"):
        if spec.gives(key):
            raise ValueError(f"{key} goes with a source that is a folder, and {shown(source)} is none")
    if isinstance(found, TreeLink):
        for key in ("mode", "template", "validate"):
            if spec.gives(key):
                raise ValueError(
                    f"source {shown(source)} is a symbolic link in the repository: it has no {key}"
                )


def _from_folder(
    name: str, spec: FileSpec, source: TreePath, below: Iterable[TreeFile | TreeLink], tree: Sources
) -> Iterator[tuple[str, FileSpec]]:
    folder = FileSpec(
        directory=True, mode=spec.directory_mode, owner=spec.owner, group=spec.group, purge=spec.purge
    )
    yield name, folder
    made, prefix = {name}, f"{source}/"
    for found in below:
        path = _below(name, prefix, str(found.path))
        if path.rpartition("/")[0] not in made:
            for above in _above(path):
                if len(above) > len(name) and above not in made:
                    made.add(above)
                    yield above, folder
        yield path, _part(spec, found, tree)


def _below(name: str, prefix: str, path: str) -> str:
    """Return where a file of the folder goes; raises ValueError for a name that cannot be declared."""
    try:
        return checked_name(f"{name}/{path.removeprefix(prefix)}")
    except ValueError as error:
        raise ValueError(f"source {shown(path)}: {error}") from None


def _part(spec: FileSpec, found: TreeFile | TreeLink, tree: Sources) -> FileSpec:
    if isinstance(found, TreeLink):
        return FileSpec(link=found.target, owner=spec.owner, group=spec.group)
    mode = EXECUTABLE if spec.mode is None and found.executable else spec.mode
    return FileSpec(
        data=_content(spec, found, tree),
        mode=mode,
        owner=spec.owner,
        group=spec.group,
        validate=spec.validate,
    )


def _content(spec: FileSpec, found: TreeFile, tree: Sources) -> Content:
    return tree.render(found.path) if spec.template else found.content
