"""
How objects stand in the cluster, beside what is declared of them. Reads through a `Probe` only.

As little as can be is asked: one list for each kind of object, and a dry run only of what has changed since the last one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field, replace
from typing import Final, TypeAlias

from agent.errors import HostError
from agent.host import Probe
from agent.host.servers import ApiKind, Cluster, ClusterError, NoClusterError
from agent.kinds import NotYetError
from agent.kinds.manifest.guests import inhabitants
from agent.kinds.manifest.masks import shown
from agent.kinds.manifest.spec import DISABLED, PRUNE, ManifestSpec
from agent.kinds.manifest.state import Have, ObjectState, Silent, Trial
from agent.kinds.manifest.trial import FORBIDDEN, MovedError, attempt, is_adopted, is_applied
from agent.kinds.manifest.wellness import age_of, assessed
from agent.model import OWNER, Json, Named, few
from agent.values import dataclass

Wants: TypeAlias = Mapping[str, ManifestSpec | None]

TRIES: Final = 4  # looks at an object that others write as well
FEW: Final = 3  # objects of a kind that are asked for one by one
# Kinds that are well as soon as they are there: of these, a list of metadata says all.
PLAIN: Final = frozenset(
    {
        *(("", kind) for kind in ("ConfigMap", "Secret", "ServiceAccount", "LimitRange", "ResourceQuota")),
        *(
            ("rbac.authorization.k8s.io", kind)
            for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
        ),
        *(("networking.k8s.io", kind) for kind in ("NetworkPolicy", "IngressClass")),
        *(("storage.k8s.io", kind) for kind in ("StorageClass", "CSIDriver")),
        ("scheduling.k8s.io", "PriorityClass"),
    }
)


def observe(probe: Probe, wants: Wants) -> Mapping[str, Have | HostError | None]:
    """Return how each of these stands."""
    try:
        cluster = probe.cluster()
    except HostError as error:
        return dict.fromkeys(wants, Silent(reason=str(error), hint=error.hint, everything=True))
    groups: dict[tuple[str, str, str], dict[Named, ManifestSpec | None]] = {}
    for name, want in wants.items():
        named = Named.parse(name)
        groups.setdefault((named.group, named.kind, want.version if want else ""), {})[named] = want
    states = (state for key, members in groups.items() for state in _of_one_kind(cluster, key, members))
    return {str(named): state for named, state in states}


def recognized(probe: Probe) -> Iterator[str]:
    """Yield the objects that this host's trued has made, by their names, as far as it may list them; raises HostError."""
    try:
        cluster = probe.cluster()
    except NoClusterError:
        return  # there is nothing yet, and this plan may bring it: its objects are not kept waiting for another look
    for kind in cluster.every_kind():
        for one in _owned(cluster, kind, whole=False):
            # Controllers copy labels: a Service's to its Endpoints.
            if is_applied(one) and not is_adopted(cluster, one):
                yield str(Named.of(one))


def _of_one_kind(
    cluster: Cluster, key: tuple[str, str, str], members: Mapping[Named, ManifestSpec | None]
) -> Iterator[tuple[Named, Have | HostError | None]]:
    try:
        served = cluster.served(*key)
        look = _Look(cluster, served, *(_live(cluster, served, members) if served else ()))
    except HostError as error:
        yield from ((named, error) for named in members)
        return
    if served is not None and any(members.values()):
        cluster.heed(served)
    for named, want in members.items():
        try:
            yield named, look.state(named, want)
        except NotYetError as error:
            yield named, Silent(reason=str(error), hint=error.hint)
        except HostError as error:
            yield named, error


def _live(
    cluster: Cluster, served: ApiKind, members: Mapping[Named, ManifestSpec | None]
) -> tuple[Mapping[Named, Json], Collection[Named]]:
    """Return what there is of these, by name; and those of which that is only the metadata."""
    found: dict[Named, Json] = {}
    bare: Collection[Named] = ()
    if len(members) > FEW:
        # What nothing is remembered of is needed as a whole, to be tried.
        new = sum(want is not None and not cluster.recalls(str(named)) for named, want in members.items())
        whole = (served.group, served.kind) not in PLAIN or new > FEW
        found = {Named.of(one): one for one in _owned(cluster, served, whole=whole)}
        bare = () if whole else frozenset(found)
    for named in members:
        if named not in found and (one := cluster.find(served, named.namespace, named.name)) is not None:
            found[named] = one
    return found, bare


def _owned(cluster: Cluster, kind: ApiKind, *, whole: bool) -> Iterable[Json]:
    """Return this host's objects of a kind, none where it may not list them: it may still ask for each by its name."""
    try:
        return cluster.owned(kind, whole=whole)
    except ClusterError as error:
        if error.code == FORBIDDEN:
            return ()
        raise


@dataclass(frozen=True, slots=True)
class _Look:
    cluster: Cluster
    served: ApiKind | None
    live: Mapping[Named, Json] = field(default_factory=dict)
    bare: Collection[Named] = ()

    def state(self, named: Named, want: ManifestSpec | None) -> ObjectState | None:
        """Return how one object stands, None where there is none; raises HostError, NotYetError."""
        live = self.live.get(named)
        if want is None:
            return None if live is None else self._going(named, live)
        self._check_served(named, want)
        if live is None:
            return ObjectState(there=False, trial=attempt(self.cluster, want, None))
        return self._declared(named, want, live)

    def _check_served(self, named: Named, want: ManifestSpec) -> None:
        if self.served is None:
            raise NotYetError(
                f"the cluster knows no {named.kind} of {want.api_version}",
                hint="declare its CustomResourceDefinition, or what brings it; or mend apiVersion and kind",
            )
        if self.served.namespaced and not named.namespace:
            raise HostError(
                f"a {named.kind} is in a namespace, and none is declared",
                hint="say metadata.namespace, or `namespace` in the entry",
            )
        if named.namespace and not self.served.namespaced:
            raise HostError(
                f"a {named.kind} is in no namespace, and {named.namespace} is declared",
                hint="take metadata.namespace away, or declare it in an entry without `namespace`",
            )

    def _declared(self, named: Named, want: ManifestSpec, live: Json) -> ObjectState:
        assert self.served is not None  # noqa: S101 # for the type checker: it was checked before
        state = self._state(live)
        if state.deleting:
            held = f", and waits for its finalizers: {few(state.finalizers)}" if state.finalizers else ""
            raise HostError(f"is being deleted{held}", hint="it is made anew once it is gone")
        metadata = live["metadata"]
        at = (want.digest, metadata.get("uid"), metadata.get("resourceVersion"))
        trial = self.cluster.remembered(str(named), at, lambda: self._tried(named, want, live))
        if self._plain:
            return replace(state, trial=trial)
        health, age = assessed(self.cluster, self.served, live)
        return replace(state, trial=trial, health=health, age=age)

    def _tried(self, named: Named, want: ManifestSpec, live: Json) -> Trial:
        """Return what an apply would change; once more where a controller was faster, as it often is with what is new."""
        assert self.served is not None  # noqa: S101 # for the type checker: it was checked before
        found: Json | None = None if named in self.bare else live
        for _ in range(TRIES):
            whole = found or self.cluster.find(self.served, named.namespace, named.name)
            if whole is None:
                raise HostError("it went away while it was looked at")
            with suppress(MovedError):
                return attempt(self.cluster, want, whole)
            found = None
        raise HostError(
            f"it changes all the time, and could not be compared in {TRIES} looks",
            hint="metadata.managedFields says who writes it",
        )

    def _going(self, named: Named, live: Json) -> ObjectState:
        return replace(
            self._state(live),
            age=age_of(self.cluster, live),
            trial=Trial(seen=shown(live, None)),
            inhabitants=tuple(inhabitants(self.cluster, named, live)),
        )

    def _state(self, live: Json) -> ObjectState:
        metadata = live["metadata"]
        annotations = metadata.get("annotations") or {}
        return ObjectState(
            uid=metadata.get("uid") or "",
            ours=(metadata.get("labels") or {}).get(OWNER) == self.cluster.owner,
            adopted=is_adopted(self.cluster, live),
            stays=annotations.get(PRUNE) == DISABLED,
            deleting="deletionTimestamp" in metadata,
            finalizers=tuple(metadata.get("finalizers") or ()),
        )

    @property
    def _plain(self) -> bool:
        return self.served is not None and (self.served.group, self.served.kind) in PLAIN
