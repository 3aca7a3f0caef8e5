"""Puts an agent together from agent.yaml: the one place where all rooms meet. Opens nothing before it is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent import kinds
from agent.config import DEFAULT_PATH, Settings, SourceSettings, StatusSettings, load_settings
from agent.desired.load import load
from agent.errors import ConfigError, LedgerError
from agent.git.address import Access, Ref
from agent.git.source import Source
from agent.git.tree import GitTree
from agent.host.engine.door import Door
from agent.host.engine.registry import Login, Registries
from agent.host.facts import gather
from agent.host.kubernetes import door as kubernetes
from agent.host.local import Local
from agent.host.reboot import reasons
from agent.model import DesiredState, Identity, VerifiedCommit
from agent.outfit import Agent
from agent.reconcile.attention import Ear
from agent.reconcile.ledger import Memory
from agent.reconcile.policy import Policy
from agent.values import dataclass

if TYPE_CHECKING:
    from agent.telling import Publisher, Teller


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An agent, and what belongs to it outside of a cycle."""

    settings: Settings
    agent: Agent
    source: Source
    engine: Door
    cluster: kubernetes.Door

    @property
    def ears(self) -> tuple[Ear, ...]:
        """What hears of all of some kinds, once it listens."""
        return (self.engine, self.cluster)

    def listen(self, wake: Callable[[frozenset[str]], None]) -> None:
        """Have `wake` called (by another thread) with what may be otherwise: places, and kinds; with none for everything."""
        self.engine.listen(wake)
        self.cluster.listen(wake)

    def close(self) -> None:
        """Let go of files and connections; what is used again opens them again."""
        self.agent.memory.close()
        self.source.close()
        self.engine.close()
        self.cluster.close()


def settings_of(config: Path | None) -> Settings:
    """Return what agent.yaml says: that of --config, of TRUED_CONFIG, or the usual one; raises ConfigError."""
    return load_settings(config_path(config))


def config_path(config: Path | None) -> Path:
    """Return where agent.yaml is: --config, TRUED_CONFIG, or the usual place."""
    return config or Path(os.environ.get("TRUED_CONFIG") or DEFAULT_PATH)


@contextmanager
def assembled(config: Path | None) -> Iterator[Parts]:
    """Lend an agent for one verb; raises ConfigError and LedgerError."""
    parts = assemble(settings_of(config))
    try:
        yield parts
    finally:
        parts.close()


def assemble(settings: Settings) -> Parts:
    """Return an agent as agent.yaml describes it; raises ConfigError, or LedgerError for somebody who may not."""
    _admit(settings.state_dir)
    status_access(settings)
    source, engine, cluster = _source(settings), _engine(settings), _cluster(settings)
    agent = _agent(settings, source, engine, cluster)
    return Parts(settings=settings, agent=agent, source=source, engine=engine, cluster=cluster)


def make_teller(settings: Settings) -> Teller:
    """Return what tells the status branch; raises ConfigError. Most verbs tell nothing, and load none of it."""
    from agent.telling import Teller  # noqa: PLC0415

    return Teller(
        publisher=_publisher(settings),
        state_dir=settings.state_dir,
        heartbeat=settings.status.heartbeat,
        now=now,
    )


def _admit(state_dir: Path) -> None:
    """Say it once and plainly when trued is run by the wrong user; a folder that is not there yet is fine."""
    # What is not there under a folder that one may look into will be made; of any other, one cannot even tell.
    known = next(path for path in (state_dir, *state_dir.parents) if os.path.lexists(path))
    wanted = os.X_OK if known != state_dir else os.R_OK | os.W_OK | os.X_OK
    # What else may be in the way, as a read-only disk, is said when it is met.
    writable = os.path.isdir(known) and not os.statvfs(known).f_flag & os.ST_RDONLY
    if writable and not os.access(known, wanted):
        raise LedgerError(
            f"{state_dir}: what trued remembers is not for this user", hint="run it as root, as with sudo"
        )


def now() -> datetime:
    return datetime.now(UTC)


def identity_of(settings: Settings) -> Identity:
    """Return who this host is, and what it is like."""
    return Identity(host=settings.host, labels=settings.labels, facts=gather(settings.root))


def loader() -> Callable[[VerifiedCommit, Identity], DesiredState]:
    """Return what loads what a commit declares for a host; it raises DocumentError, RefusedError, SourceError."""
    known = kinds.discover()

    def load_commit(commit: VerifiedCommit, identity: Identity) -> DesiredState:
        return load(commit.tree, commit.sha, identity, known)

    return load_commit


def _agent(settings: Settings, source: Source, engine: Door, cluster: kubernetes.Door) -> Agent:
    return Agent(
        identify=lambda: identity_of(settings),
        source=source,
        load=loader(),
        alike=_alike,
        kinds=kinds.discover(),
        host=Local(
            settings.root,
            settings.state_dir,
            own=(settings.file,),
            spared=_credentials(settings),
            engine=engine,
            cluster=cluster,
        ),
        memory=Memory(settings.state_dir / "ledger.db", root=os.path.realpath(settings.root)),
        policy=policy(settings),
        now=now,
        reboot=lambda: reasons(settings.root),
    )


def _alike(new: VerifiedCommit, old: VerifiedCommit) -> bool:
    """Return whether a commit declares for this host what another did; both were loaded with the same facts."""
    return isinstance(new.tree, GitTree) and isinstance(old.tree, GitTree) and new.tree.takes_over(old.tree)


def _cluster(settings: Settings) -> kubernetes.Door:
    way = settings.kubernetes
    return kubernetes.Door(owner=settings.host, kubeconfig=way.kubeconfig, context=way.context or "")


def _engine(settings: Settings) -> Door:
    logins = {
        registry: Login(username=one.username, password_file=one.password_file)
        for registry, one in settings.registries.items()
    }
    return Door(
        socket=settings.engine.socket,
        registries=Registries(
            logins=logins, docker_config=settings.engine.docker_config or Path.home() / ".docker/config.json"
        ),
    )


def _credentials(settings: Settings) -> Collection[Path]:
    """Return the files without which the repository would be out of reach."""
    source, status = settings.source, settings.status
    ways = ((way.token_file, way.ssh_key, way.known_hosts, way.ca_file) for way in (source, status))
    signers = source.verify.allowed_signers if source.verify else None
    passwords = (login.password_file for login in settings.registries.values())
    return tuple(path for way in (*ways, (signers,), passwords) for path in way if path is not None)


def policy(settings: Settings) -> Policy:
    """Return what this host allows."""
    removals = settings.limits.removals
    if settings.allow is None:
        return Policy(count=removals.count, share=removals.share)
    sections = {kind.section: name for name, kind in kinds.discover().items()}
    if unknown := sorted(settings.allow.keys() - sections.keys()):
        raise ConfigError(
            f"{settings.file}: allow: unknown section {unknown[0]!r}, expected one of {', '.join(sorted(sections))}",
        )
    allow = {sections[section]: globs for section, globs in settings.allow.items()}
    return Policy(count=removals.count, share=removals.share, allow=allow)


def ref_of(settings: Settings) -> Ref:
    """Return what is followed; raises ConfigError."""
    with _blamed_on(settings, "source"):
        return Ref(branch=settings.source.branch, tag=settings.source.tag, commit=settings.source.commit)


def _source(settings: Settings) -> Source:
    ref = ref_of(settings)
    with _blamed_on(settings, "source"):
        verify = settings.source.verify
        signers = verify.allowed_signers if verify else None
        return Source(_access(settings.source), ref, settings.state_dir, allowed_signers=signers)


def _publisher(settings: Settings) -> Publisher:
    from agent.git.publish import Publisher  # noqa: PLC0415
    from agent.telling import Nobody  # noqa: PLC0415

    if not settings.status.enabled:
        return Nobody()
    with _blamed_on(settings, "status"):
        return Publisher(
            _access(settings.status), settings.status.branch, settings.state_dir, host=settings.host
        )


def source_access(settings: Settings) -> Access:
    """Return how the fleet repository is reached; raises ConfigError."""
    with _blamed_on(settings, "source"):
        return _access(settings.source)


def status_access(settings: Settings) -> Access:
    """Return how the repository of the reports is reached; raises ConfigError."""
    with _blamed_on(settings, "status"):
        return _access(settings.status)


@contextmanager
def _blamed_on(settings: Settings, key: str) -> Iterator[None]:
    """Say of what cannot be which key of agent.yaml says it."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{settings.file}: {key}: {error}") from error


def _access(way: SourceSettings | StatusSettings) -> Access:
    return Access(
        url=way.url or "",
        token_file=way.token_file,
        username=way.username,
        ssh_key=way.ssh_key,
        known_hosts=way.known_hosts,
        ca_file=way.ca_file,
        proxy=way.proxy,
    )
