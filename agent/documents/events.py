"""
YAML text as the events of its parser, with an end to what one file may ask for. The only importer of PyYAML.

What is made of it is built from events and not by `yaml.compose`, which follows nesting by recursion in C: a document of
nothing but brackets would end the process (https://github.com/yaml/pyyaml/issues/482).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from agent.documents.nodes import Place
from agent.late import pattern, patterns

with patterns():  # fourteen, of which a parser in C needs none: a tenth of the imports of a plan
    import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
_CONTROL: Final = pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")

ALIAS: Final = yaml.AliasEvent
SCALAR: Final = yaml.ScalarEvent
LIST_START: Final = yaml.SequenceStartEvent
LIST_END: Final = yaml.SequenceEndEvent
MAPPING_START: Final = yaml.MappingStartEvent
MAPPING_END: Final = yaml.MappingEndEvent
DOCUMENT_START: Final = yaml.DocumentStartEvent
DOCUMENT_END: Final = yaml.DocumentEndEvent


class UnreadableError(Exception):
    """Reading cannot go on from here."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def decoded(data: bytes, file: str, most: int) -> str:
    """Return the text of at most so many bytes; raises UnreadableError."""
    if len(data) > most:
        raise UnreadableError(Place(file), f"expected a document of at most {most >> 20} MiB; split it up")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise UnreadableError(_end_of(before, file), "expected UTF-8 text, found other bytes") from None
    if control := _CONTROL.search(text):
        place = _end_of(text[: control.start()], file)
        raise UnreadableError(place, f"expected text, found the control character U+{ord(control[0]):04X}")
    return text


def _end_of(before: str, file: str) -> Place:
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def place_of(event: Any, file: str) -> Place:
    mark = event.start_mark
    return Place(file, mark.line + 1, mark.column + 1)


def events(text: str, file: str) -> Iterator[Any]:
    """Yield what a parser of YAML 1.1 sees; raises UnreadableError where it is no YAML."""
    loader = _Loader(text)
    following = loader.get_event
    try:
        while (event := following()) is not None:
            yield event
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(*_explained(error, text, file)) from None
    except yaml.YAMLError as error:
        raise UnreadableError(Place(file), str(error).split("\n", 1)[0]) from None
    finally:
        loader.dispose()


def _explained(error: yaml.MarkedYAMLError, text: str, file: str) -> tuple[Place, str]:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if line[place.column - 1 : place.column] == "\t":
        return place, "expected spaces, found a tab; YAML is not indented with tabs"
    said = ", ".join(part for part in (error.context, error.problem) if part)
    if "<document start>" in said:
        said += "; what is a document of its own begins with ---"
    if "flow" in said and "${" in line:
        said += '; inside {…} and […] a "${…}" needs quotes'
    return place, f"not YAML: {said}"
