"""Plain data as YAML that reads back as it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from agent.documents.nodes import Spelled


class _Dumper(yaml.SafeDumper):
    """Knows fractions that remember their spelling; writes lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 # written out: easier to read
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _spelled(dumper: yaml.SafeDumper, number: Spelled) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", str(number))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Spelled, _spelled)


def dump(data: Mapping[str, Any]) -> str:
    """Return a document, keys in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
