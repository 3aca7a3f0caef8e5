"""Plain data into the YAML that a person would write and trued reads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml import Node, SafeDumper

WIDTH = 110  # columns


def emit(document: object) -> str:
    """Return block style, in the order given; texts of several lines stand as they are (YAML 1.2, 8.1.2)."""
    import yaml  # noqa: PLC0415 - heavy, and few verbs write

    class Dumper(yaml.SafeDumper):
        """One that leaves line breaks where they are, and repeats what is equal."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - its own shape
            return True

    Dumper.add_representer(str, _text)
    return yaml.dump(
        document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False
    )


def _text(dumper: SafeDumper, text: str) -> Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
