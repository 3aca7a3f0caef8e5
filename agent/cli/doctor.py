"""`trued doctor`: checks the installation, and says how to mend what is wrong with it. Changes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.cli.assemble import config_path, identity_of, loader, policy, ref_of, source_access, status_access
from agent.cli.screen import Screen
from agent.config import Settings, load_settings
from agent.doctor import (
    Check,
    Finding,
    Found,
    Grade,
    cluster,
    engine,
    examine,
    exit_code,
    failed,
    machine,
    network,
    ok,
    rights,
    service,
)
from agent.doctor import repository as access_to
from agent.doctor.bus import bus
from agent.doctor.watches import watches
from agent.errors import ConfigError, SourceError
from agent.git.address import Access, Ref, Transport
from agent.status.text import visible

WIDE = 11  # columns of the longest name of a check
SLOW = 75.0  # seconds for what talks to a repository

_STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAILED: "red", Grade.SKIPPED: "dim"}


def run(args: argparse.Namespace, screen: Screen) -> int:
    """Print each finding as soon as it is there, and return what they come to."""
    findings = []
    with ExitStack() as stack:
        for finding in examine(checks(config_path(args.config), stack)):
            findings.append(finding)
            if not screen.json:
                show(finding, screen)
    if screen.json:
        screen.document(
            {"checks": [as_data(finding) for finding in findings], "exit_code": exit_code(findings)}
        )
    else:
        screen.line()
        screen.line(summary(findings))
    return exit_code(findings)


def checks(config: Path, stack: ExitStack) -> Iterator[Check]:
    """Yield all checks that mean something on this host, those that others need before them."""
    try:
        settings = load_settings(config)
        source, status, ref = source_access(settings), status_access(settings), ref_of(settings)
    except ConfigError as error:
        yield Check(name="agent.yaml", look=lambda error=error: _wrong(error), code=ConfigError.exit_code)  # type: ignore[misc]
        yield from _of_machine(None)
        return
    yield Check(name="agent.yaml", look=lambda: _right(settings, ref), code=ConfigError.exit_code)
    yield from _of_machine(settings)
    yield from _of_settings(settings)
    fleet = _fleet(source, ref, settings, stack)
    yield from _of_repository(source, settings, fleet)
    yield from _of_engine(settings, fleet)
    yield from _of_cluster(settings, fleet)
    yield from _way_out(source, status, settings)


def _wrong(error: ConfigError) -> Found:
    return failed(str(error), error.hint or "correct it: docs/agent-yaml.md has every key")


def _right(settings: Settings, ref: Ref) -> Found:
    policy(settings)
    return ok(f"{settings.file}: {settings.host} follows {settings.source.url}, {ref}")


def _of_machine(settings: Settings | None) -> Iterator[Check]:
    root = settings.root if settings else Path("/")
    way = settings and network.Way.to(source_access(settings))
    places = {"root": root, "/var": Path("/var")}
    if settings:
        places = {"state_dir": settings.state_dir} | places

    def clock() -> Found:
        skew = network.skew(way) if way else None
        return machine.clock(skew, way.host if way else "", kept=machine.synchronized())

    yield Check(name="user", look=lambda: machine.user(root=root))
    yield Check(name="clock", look=clock)
    yield Check(name="disk", look=lambda: machine.disk(places))
    yield Check(name="tools", look=lambda: machine.tools(_needed(settings)), limit=60)
    yield Check(name="packages", look=machine.packages)
    yield Check(name="service", look=service.service)
    yield Check(name="watches", look=watches)
    yield Check(name="bus", look=lambda: bus(root))


def _needed(settings: Settings | None) -> Sequence[str]:
    if settings is None:
        return ()
    by_ssh = Transport.SSH in {
        source_access(settings).place.transport,
        status_access(settings).place.transport,
    }
    return ("ssh",) * by_ssh + ("ssh-keygen",) * (settings.source.verify is not None)


def _of_settings(settings: Settings) -> Iterator[Check]:
    yield Check(name="daemon", look=lambda: service.alone(settings.state_dir))
    yield Check(name="memory", look=lambda: service.memory(settings.state_dir, root=settings.root), limit=45)
    yield Check(name="rights", look=lambda: rights.rights(settings))


def way_in(source: Access, ref: Ref, settings: Settings, stack: ExitStack) -> Iterator[Check]:
    """Yield what is checked on the way to the fleet repository, from the name of its server to what it declares."""
    yield from _of_repository(source, settings, _fleet(source, ref, settings, stack))


def _fleet(source: Access, ref: Ref, settings: Settings, stack: ExitStack) -> access_to.Repository:
    verify = settings.source.verify
    return stack.enter_context(access_to.Repository(source, ref, verify.allowed_signers if verify else None))


def _of_repository(source: Access, settings: Settings, fleet: access_to.Repository) -> Iterator[Check]:
    code = SourceError.exit_code
    before: tuple[str, ...] = ()
    if (way := network.Way.to(source)) is not None:
        yield Check(name="name", look=lambda: network.name(way), code=code)
        yield Check(
            name="connection", look=lambda: network.connection(way), needs=("name",), limit=30, code=code
        )
        before = ("connection",)
        if source.place.transport is Transport.SSH:
            yield Check(name="host key", look=lambda: network.host_key(way), code=code)
            before = ("connection", "host key")
    yield Check(name="source", look=fleet.reach, limit=SLOW, needs=before, code=code)
    yield Check(name="signature", look=fleet.signed, limit=SLOW, needs=("source",))
    yield Check(
        name="host",
        look=lambda: fleet.declared(lambda commit: loader()(commit, identity_of(settings))),
        limit=SLOW,
        needs=("source",),
    )


def _of_engine(settings: Settings, fleet: access_to.Repository) -> Iterator[Check]:
    """Yield what is checked of an engine where there is one, or what was found to be declared asks for one."""
    socket = settings.engine.socket
    if engine.is_there(socket) or fleet.kinds & {"container", "network", "volume"}:
        yield Check(name="engine", look=lambda: engine.engine(socket), limit=45)


def _of_cluster(settings: Settings, fleet: access_to.Repository) -> Iterator[Check]:
    """Yield what is checked of a Kubernetes where there is one, or what was found to be declared asks for one."""
    way = settings.kubernetes
    if cluster.is_there(way.kubeconfig) or "manifest" in fleet.kinds:
        yield Check(
            name="cluster", look=lambda: cluster.cluster(way.kubeconfig, way.context or ""), limit=45
        )


def _way_out(source: Access, status: Access, settings: Settings) -> Iterator[Check]:
    if not settings.status.enabled:
        yield Check(name="status", look=lambda: ok("switched off: reports stay on this host"))
        return
    before = ("source",) if access_to.same_way(source, status) else ()
    branch = settings.status.branch
    code = SourceError.exit_code
    yield Check(
        name="status", look=lambda: access_to.status(status, branch), limit=SLOW, needs=before, code=code
    )
    followed = settings.source.branch
    if before and followed is not None:
        yield Check(
            name="protection",
            look=lambda: access_to.guarded(source, followed),
            limit=SLOW,
            needs=("status",),
        )


def show(finding: Finding, screen: Screen) -> None:
    """Print a line, and below it the way out."""
    found = finding.found
    word = screen.paint(_STYLES[found.grade], f"{found.grade:<7}")
    first, *rest = [visible(line) for line in found.text.splitlines()] or [""]
    screen.line(f"{word}  {finding.name:<{WIDE}}  {first}")
    indent = " " * (len("warning") + WIDE + 4)
    for line in rest:
        screen.line(f"{indent}{line}")
    for line in found.mend.splitlines():
        screen.line(f"{indent}mend: {visible(line)}")


def summary(findings: Sequence[Finding]) -> str:
    """Return `12 ok, 1 warning, 1 failed`."""
    numbers = {grade: sum(each.found.grade is grade for each in findings) for grade in Grade}
    words = (f"{number} {grade}" for grade, number in numbers.items() if number)
    return ", ".join(words)


def as_data(finding: Finding) -> dict[str, object]:
    """Return one finding as a program reads it."""
    return {
        "name": finding.name,
        "result": finding.found.grade.value,
        "found": finding.found.text,
        "mend": finding.found.mend.splitlines(),
    }
