"""`trued schema`: prints a JSON Schema, for editors."""

from __future__ import annotations

import argparse

from agent import kinds
from agent.cli.screen import Screen
from agent.config import settings_schema
from agent.desired.schema import document_schema, fleet_schema
from agent.documents.schema import Json


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print the schema of the state documents, of fleet.yaml, or of agent.yaml."""
    screen.document(schema(agent=args.agent, fleet=args.fleet))
    return 0


def schema(*, agent: bool, fleet: bool) -> Json:
    """Return the one that is asked for."""
    if agent:
        return settings_schema()
    return fleet_schema() if fleet else document_schema(kinds.discover())
