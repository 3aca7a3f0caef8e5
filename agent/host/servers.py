"""
What the servers on this host answer: the container engine, the API server of Kubernetes, systemd.

These are protocols as well, and the values and errors that cross them; who speaks with which is in folders beside this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Protocol, TypeVar

from agent.errors import HostError
from agent.model import Activity, Json
from agent.values import dataclass

T = TypeVar("T")


class Engine(Protocol):
    """
    Looks at the container engine of this host: Docker's, or Podman's by the same API. Each method raises HostError.

    What it answers is what the engine says, as `docker inspect` prints it.
    """

    @property
    def api(self) -> str:
        """The version of the API that is spoken with it, as in 1.41."""

    @property
    def lacking(self) -> Mapping[str, str]:
        """The limits, by key of `docker inspect`, that a step has asked it for and it left out, with its words."""

    def containers(self, names: Collection[str]) -> Mapping[str, Json]:
        """Return those of these containers that there are, by name (without its slash)."""

    def networks(self) -> Mapping[str, Json]:
        """Return every network, by name; with the containers that are in it."""

    def volumes(self) -> Mapping[str, Json]:
        """Return every volume, by name."""

    def image(self, reference: str) -> Json | None:
        """Return an image of this host by its reference or id, None if there is none."""

    def dangling(self) -> Iterable[Json]:
        """Return the images of this host that no tag stands for, as a list has them: Id, RepoDigests."""

    def labelled(self, label: str) -> Mapping[str, str]:
        """Return the names of the containers with this label, by its value."""

    def users(self) -> Mapping[str, str]:
        """Return the id of the image that each container there is was made from, by the container's name."""

    def digest(self, reference: str, *, age: float) -> str:
        """
        Return the digest (sha256:…) that a registry has for a reference now, or nothing where it does not tell.

        An answer is good for `age` seconds. Raises HostError, too, where the registry cannot be reached.
        """

    def last_words(self, name: str) -> str:
        """Return the end of a container's log, on one line."""


class NoClusterError(HostError):
    """Nothing leads to a Kubernetes: none has started here so far, for k3s writes the way to itself when it does."""


class ClusterError(HostError):
    """
    The API server of Kubernetes said no. `code` is HTTP's.

    `status` is the Status that it sent (reason, message, details.causes; kubernetes.io/docs/reference: Status v1 meta), if any.
    """

    def __init__(self, message: str, *, code: int, status: Json, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKind:
    """How a kind of object is served (APIResource of a discovery document)."""

    api_version: str  # group/version, or v1
    kind: str
    plural: str
    namespaced: bool
    has_status: bool = False  # its status is a subresource

    @property
    def group(self) -> str:
        """The group; empty for the core group."""
        return self.api_version.rpartition("/")[0]


class Cluster(Protocol):
    """
    Looks at the Kubernetes of this host through its API. Each method raises HostError; ClusterError where it has answered.

    Objects are as the API has them, with what is in `metadata`.
    """

    @property
    def owner(self) -> str:
        """The value of the label OWNER on all that this host's trued keeps."""

    @property
    def now(self) -> float:
        """When this look began: seconds since the epoch, by this host's clock."""

    def served(self, group: str, kind: str, version: str = "") -> ApiKind | None:
        """Return how a kind is served, in one version or the preferred one; None if it is not, perhaps not yet."""

    def every_kind(self) -> Iterable[ApiKind]:
        """Return all that can be listed and deleted, each in its preferred version; what is not served now is left out."""

    def heed(self, kind: ApiKind) -> None:
        """From now on, have a daemon woken when somebody else changes an object of this host, of this kind."""

    def find(self, kind: ApiKind, namespace: str, name: str) -> Json | None:
        """Return one object, None if it is not there."""

    def owned(self, kind: ApiKind, *, whole: bool) -> Iterable[Json]:
        """Return the objects of all namespaces with this host's label; only kind and metadata, unless `whole`."""

    def listed(
        self, kind: ApiKind, namespace: str = "", *, selector: str = "", whole: bool = False
    ) -> Iterable[Json]:
        """Return the objects of a namespace, or of all. `selector`: of labels, as in kubectl's -l."""

    def tried(self, object_: Json, *, adopted: bool) -> Json:
        """Return what an object would be if it were applied, Git winning: a dry run of a server-side apply."""

    def tried_whole(self, object_: Json) -> Json:
        """Return what an object would be if the whole of it were replaced by this one: a dry run of an update."""

    def tried_anew(self, object_: Json) -> None:
        """Raise ClusterError if an object like this one, under another name, could not be created either."""

    def remembered(self, key: Hashable, at: Hashable, read: Callable[[], T]) -> T:
        """Return what `read` returns, or what it did for this key when `at` was last equal. What is raised is not remembered."""

    def recalls(self, key: Hashable) -> bool:
        """Return whether something is remembered for this key, be it of another `at`."""


class Systemd(Protocol):
    """Looks at systemd by its API on D-Bus: org.freedesktop.systemd1(5). Each method raises HostError."""

    def loaded(self, names: Collection[str]) -> Mapping[str, Activity]:
        """Return what those of these units are at that systemd has loaded, by the names that are their own."""

    def properties(
        self, names: Collection[str], *, general: Collection[str] = (), own: Collection[str] = ()
    ) -> Mapping[str, Json]:
        """Return properties of units, as far as each has them: of every unit, and of its own type. A structure is a tuple."""

    def enabled(self, names: Collection[str]) -> Mapping[str, str]:
        """Return how unit files are enabled, as it stands on the disk; those of which it cannot be told are left out."""
