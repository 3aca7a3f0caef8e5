"""What the parts of a project are called on the host, and what of it is used. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final

from agent.compose.entry import Project
from agent.compose.files import Files
from agent.compose.nodes import is_nothing, is_true, text_of
from agent.documents.nodes import Map, Node, Place, Scalar, Seq
from agent.documents.problems import Findings, near
from agent.model import quoted
from agent.values import dataclass

LABEL: Final = "com.docker.compose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One project while it is rewritten."""

    project: Project
    findings: Findings
    files: Files
    containers: Mapping[str, str]  # what services are called, by their key; so with the others
    left_out: Collection[str]  # services that have profiles
    networks: Mapping[str, str]
    volumes: Mapping[str, str]
    secrets: Map
    configs: Map
    awaited: Collection[str]  # services whose end somebody waits for
    used: set[tuple[str, str]] = field(default_factory=set)  # section and key of what services name

    def container(self, service: str, place: Place, path: str) -> str | None:
        """Return the name of a service's container; None, with a problem, if there is no such service."""
        if (name := self.containers.get(service)) is None:
            message = f"there is no service {quoted(service)} in this file{near(service, self.containers)}"
            if service in self.left_out:
                message = f"service {quoted(service)} has profiles, and services with profiles are left out"
            self.findings.add(place, path, message)
        return name

    def named(self, section: str, key: str, place: Place, path: str) -> str | None:
        """Return the name of a network or volume; None, with a problem, if the file has none with this key."""
        known = self.networks if section == "networks" else self.volumes
        self.used.add((section, key))
        if (name := known.get(key)) is None:
            more = "" if section == "networks" else "; a path begins with / or ./"
            message = f"there is no {quoted(key)} under {section} in this file{near(key, known) or more}"
            self.findings.add(place, path, message)
        return name


def real_names(project: str, section: Map) -> dict[str, str]:
    """Return what networks or volumes are called: by `name`, outside things by their key, others after the project."""
    return {key: _real_name(project, key, node) for key, node in section.entries.items()}


def container_names(project: str, services: Map) -> dict[str, str]:
    names: dict[str, str] = {}
    for key, node in services.entries.items():
        own = text_of(node.entries.get("container_name")) if isinstance(node, Map) else None
        names[key] = own or f"{project}-{key}"
    return names


def has_profiles(node: Node) -> bool:
    profiles = node.entries.get("profiles") if isinstance(node, Map) else None
    return bool(profiles.items) if isinstance(profiles, Seq) else not is_nothing(profiles)


def is_external(node: Node) -> bool:
    """Return whether something is made by others; `external: {name: …}` is an old way to say so (07-volumes.md)."""
    external = node.entries.get("external") if isinstance(node, Map) else None
    return isinstance(external, Map) or is_true(external)


def _real_name(project: str, key: str, node: Node) -> str:
    if isinstance(node, Map):
        external = node.entries.get("external")
        old = text_of(external.entries.get("name")) if isinstance(external, Map) else None
        if name := text_of(node.entries.get("name")) or old:
            return name
        if is_external(node):
            return key
    return f"{project}_{key}"


def completed(services: Map) -> frozenset[str]:
    """Return the services whose successful end somebody waits for."""
    waited: set[str] = set()
    for node in services.entries.values():
        waits = node.entries.get("depends_on") if isinstance(node, Map) else None
        for name, wait in waits.entries.items() if isinstance(waits, Map) else ():
            said = wait.entries.get("condition") if isinstance(wait, Map) else None
            if isinstance(said, Scalar) and said.text == "service_completed_successfully":
                waited.add(name)
    return frozenset(waited)
