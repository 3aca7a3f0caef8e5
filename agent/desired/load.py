"""A commit into what one host should be: typed resources in a graph known to be sound. Reads only the tree."""

from __future__ import annotations

from collections.abc import Mapping

from agent.desired.entries import decode_entries
from agent.desired.fleet import Fleet
from agent.desired.graph import make_resources
from agent.desired.layers import Layered, Reading, fetch_fleet
from agent.desired.section import COMPOSE
from agent.desired.shelf import Shelf
from agent.desired.sources import CommitSources
from agent.desired.variables import Variables
from agent.documents.problems import Findings
from agent.kinds import AnyKind
from agent.model import DesiredState, Identity, Resource, ResourceId, Tree


def load(tree: Tree, commit: str, identity: Identity, kinds: Mapping[str, AnyKind]) -> DesiredState:
    """
    Return what a commit declares for a host.

    Raises DocumentError with the problems of all documents at once, one a line; RefusedError for a host that
    fleet.yaml does not list; SourceError when the tree cannot be read.
    """
    findings = Findings()
    fleet = admitted(tree, identity, findings)
    layered = Reading(tree, kinds, findings).layered(fleet, fleet.layers_of(identity), identity.host)
    resources = View(tree, layered, identity, findings).resources(kinds)
    findings.check()
    return DesiredState(commit=commit, resources=resources)


def admitted(tree: Tree, identity: Identity, findings: Findings) -> Fleet:
    """Return the fleet that a host belongs to; raises DocumentError, RefusedError, SourceError."""
    fleet = known_fleet(tree, findings)
    fleet.admit(identity.host)
    return fleet


def known_fleet(tree: Tree, findings: Findings) -> Fleet:
    """Return what fleet.yaml says; raises DocumentError, SourceError."""
    fleet = fetch_fleet(tree, findings)
    findings.check()
    assert fleet is not None  # noqa: S101 # for the type checker: no fleet without a problem
    return fleet


class View:
    """The layers of one host, seen with its variables; problems go to `findings`."""

    def __init__(
        self,
        tree: Tree,
        layered: Layered,
        identity: Identity,
        findings: Findings,
        shelf: Shelf | None = None,
    ) -> None:
        """`shelf`: what is read already, where several hosts are looked at."""
        self.declared = layered.declared
        self.findings = findings
        self.variables = Variables(layered.variables, identity, findings)
        self._shelf = shelf or Shelf(tree)
        self.sources = CommitSources(tree, self.variables, self._shelf.manifests)

    def resources(self, kinds: Mapping[str, AnyKind]) -> Mapping[ResourceId, Resource]:
        """Return what the layers declare; raises SourceError."""
        groups = self._write_out(kinds) if COMPOSE.section in self.declared.entries else {}
        entries = decode_entries(self.declared, kinds, self.variables, self.findings)
        self.sources.prefetch(frozenset(self.findings.sources))
        return make_resources(entries, kinds, self.sources, self.findings, groups)

    def _write_out(self, kinds: Mapping[str, AnyKind]) -> Mapping[ResourceId, tuple[ResourceId, ...]]:
        """Have what Compose files stand for declared instead of them; return what that is of each. Raises SourceError."""
        from agent.desired.compose import expand  # noqa: PLC0415 - most hosts have none

        whole = expand(self.declared, kinds, self.variables, self._shelf, self.findings)
        self.declared = whole.declared
        return whole.groups
