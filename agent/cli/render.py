"""`trued render`: prints what a host is declared to be, as a document. Needs no host, Git or network."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from agent import kinds
from agent.cli.arguments import labels
from agent.cli.screen import Screen
from agent.cli.validate import facts_of, tree_of
from agent.desired.look import Rendered, render
from agent.model import Identity
from agent.status.text import visible


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the declared state; raises DocumentError or RefusedError."""
    identity = Identity(host=args.host, labels=labels(args.label), facts=facts_of(args.facts))
    rendered = render(tree_of(args.folder), identity, kinds.discover())
    if screen.json:
        screen.document(
            {
                "host": args.host,
                "layers": rendered.layers,
                "declared": rendered.declared,
                "origins": rendered.origins,
                "templates": rendered.templates,
            }
        )
        return 0
    for line in lines(args.host, rendered, screen):
        screen.line(line)
    return 0


def lines(host: str, rendered: Rendered, screen: Screen) -> Iterator[str]:
    """Yield a YAML document: JSON is YAML (YAML 1.2.2, 1.2), and quotes whatever could be misread."""
    yield screen.paint("dim", f"# {visible(host)}: {visible(', '.join(rendered.layers))}")
    for section, entries in rendered.declared.items():
        if section in rendered.origins:  # it is its only entry
            yield f"{section}: {_json(entries)}" + _origin(section, rendered, screen)
        elif isinstance(entries, dict):
            yield f"{section}:"
            for name, entry in entries.items():
                yield f"  {_json(name)}: {_json(entry)}" + _origin(f"{section}.{name}", rendered, screen)
    for path, text in rendered.templates.items():
        yield ""
        yield screen.paint("dim", f"# {visible(path)} becomes:")
        yield from (f"#   {visible(line)}".rstrip() for line in text.removesuffix("\n").split("\n"))


def _origin(path: str, rendered: Rendered, screen: Screen) -> str:
    return screen.paint("dim", f"  # {visible(rendered.origins.get(path, ''))}")


def _json(value: object) -> str:
    return visible(json.dumps(value, ensure_ascii=False))
