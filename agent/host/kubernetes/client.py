"""
The Kubernetes API as JSON both ways (kubernetes.io/docs/reference/using-api/api-concepts), over one connection. Reads the kubeconfig.

All that trued asks may be asked twice: a dry run, a server-side apply, a deletion of one uid, a JSON patch of one
resourceVersion. So what a kept connection swallowed is asked once more.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlencode

from agent.errors import HostError
from agent.host import shown
from agent.host.kubernetes.kubeconfig import Access, Kubeconfig
from agent.host.kubernetes.trouble import SilentError, StaleError, UntrustedError, one_line, refused

if TYPE_CHECKING:
    from agent.host.kubernetes.wire import Answer, Wire

Query: TypeAlias = Mapping[str, str | int | bool | None]

NO_QUERY: Final[Query] = {}
PATIENCE: Final = 30.0  # seconds for one answer
READINESS: Final = 5.0  # seconds for /readyz
RETRYING: Final = 10.0  # seconds that a look, or a step, waits in all because a server asks for it
JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"  # JSON is YAML
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
BUSY: Final = frozenset({429, 503})
UNKNOWN: Final = 401
FORBIDDEN: Final = 403
BARRED: Final = re.compile(
    r"is forbidden: (?:User \".*\" cannot |$)"
)  # by RBAC, and not by what looks at objects
PATIENT: Final = frozenset({401, 403, 404})  # of /readyz: an answer, though not one that is for us
MOST_WARNINGS: Final = 500
PAIR: Final = re.compile(r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|.)")
WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')  # RFC 7234, 5.5

log = logging.getLogger(__name__)


class Client:
    """One connection, with what it takes to open it anew. Not for two threads at once."""

    def __init__(self, kubeconfig: Kubeconfig) -> None:
        self._kubeconfig = kubeconfig
        self._access = kubeconfig.access()
        self._wire = _open(self._access)
        self._waited = 0.0
        self._read_anew = False  # the kubeconfig, in this look or step, since the server did not know us
        self._warned: set[str] = set()
        self._wires = 0  # that were there before this one

    @property
    def access(self) -> Access:
        return self._access

    @property
    def connections(self) -> tuple[int, int]:
        """Another value than before: the connection is another one, and so may be the server."""
        return self._wires, self._wire.opened

    def close(self) -> None:
        self._wire.close()

    def begin(self) -> None:
        """Begin a look or a step: what was waited for before counts no more. The kubeconfig is read again if it has changed."""
        self._waited = 0.0
        self._read_anew = False
        self._renew(anew=False)

    def ready(self) -> None:
        """Raise HostError unless the server says that it is ready (kubernetes.io/docs/reference/using-api/health-checks)."""
        answer = self._exchange("GET", "/readyz?verbose", None, {"Accept": "*/*"}, READINESS)
        if answer.code == 200 or answer.code in PATIENT:
            return
        said = answer.body.decode(errors="replace")
        failing = [
            line[3:].split()[0] for line in said.splitlines() if line.startswith("[-]") and line[3:].strip()
        ]
        why = f"{', '.join(failing)} failed" if failing else one_line(said) or f"HTTP status {answer.code}"
        raise SilentError(
            f"the API server at {self._access.server} is not ready: {why}",
            hint="it may take a while after its start; see journalctl -u k3s",
        )

    def ask(
        self,
        method: str,
        path: str,
        query: Query = NO_QUERY,
        body: object = None,
        *,
        content: str = JSON,
        accept: str = JSON,
        secret: bool = False,
    ) -> Any:
        """Return what is answered; raises ClusterError. `secret`: an error may quote what only few may read."""
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": content})
        target = _target(path, query)
        data = None if body is None else _encoded(body)
        answer = self._patiently(method, target, data, headers)
        said = self._decoded(answer)
        if answer.code < 300 and isinstance(said, dict):
            return said
        if answer.code < 400:
            raise SilentError(
                f"the API server at {self._access.server} answers with HTTP status {answer.code}, and no object",
                hint=f"does {shown(str(self._access.file))} name the right server?",
            )
        raise refused(answer.code, said, hint=self._hint(answer.code, said), secret=secret)

    def _patiently(self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Ask again when a busy server says when (RFC 9110, 10.2.3), as long as there is time for it."""
        while True:
            answer = self._exchange(method, target, data, headers, PATIENCE)
            if answer.code not in BUSY or not answer.retry_after:
                return answer
            asked = answer.retry_after
            pause = float(asked) if asked.isascii() and asked.isdigit() else 1.0
            if self._waited + pause > RETRYING:
                return answer
            self._waited += max(pause, 0.1)
            time.sleep(pause)

    def _exchange(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str], wait: float
    ) -> Answer:
        """Return an answer; whoever is not known, or not trusted, looks into the kubeconfig once more."""
        try:
            answer = self._once(method, target, data, headers, wait)
        except UntrustedError:
            if not self._renew(anew=True):
                raise
            return self._once(method, target, data, headers, wait)
        if answer.code == UNKNOWN and self._renew(anew=True):
            return self._once(method, target, data, headers, wait)
        return answer

    def _once(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str], wait: float
    ) -> Answer:
        whole = {"User-Agent": "trued", **headers}
        if self._access.authorization:
            whole["Authorization"] = self._access.authorization
        try:
            answer = self._wire.send_and_read(method, target, data, whole, wait)
        except StaleError:
            answer = self._wire.send_and_read(method, target, data, whole, wait)
        self._note(answer.warnings)
        return answer

    def _renew(self, *, anew: bool) -> bool:
        """Read the kubeconfig, `anew` once in a look; return whether there is another way in now."""
        if anew and self._read_anew:
            return False
        self._read_anew |= anew
        access = self._kubeconfig.access(anew=anew)
        if access == self._access:
            return False
        wire = _open(access)
        self._wire.close()
        self._access, self._wire, self._wires = access, wire, self._wires + 1
        return True

    def _decoded(self, answer: Answer) -> Any:
        if not answer.body.lstrip().startswith((b"{", b"[")):
            if answer.code < 400 and answer.body:
                raise SilentError(
                    f"the API server at {self._access.server} answers with something else than JSON"
                )
            return answer.body.decode(errors="replace")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise SilentError(f"the API server at {self._access.server} answers with broken JSON") from error

    def _hint(self, code: int, said: object) -> str:
        if code == FORBIDDEN and isinstance(said, dict) and BARRED.search(str(said.get("message"))):
            return f"whom {shown(str(self._access.file))} names needs a role that allows it (RBAC)"
        if code != UNKNOWN:
            return ""
        from agent.host.kubernetes.wire import expiry  # noqa: PLC0415 - see wire.py

        file = shown(str(self._access.file))
        until = expiry(self._access.certificate)
        if until and until < datetime.now(UTC):
            return f"the client certificate in {file} has expired, on {until:%Y-%m-%d}; k3s renews it when it starts: systemctl restart k3s"
        return f"the API server does not know who is in {file}: is it from before the cluster was made anew?"

    def _note(self, warnings: tuple[str, ...]) -> None:
        """Log what the server warns of (kubernetes.io: Warning headers), each text once."""
        for text in (text for header in warnings for text in WARNING.findall(header)):
            said = one_line(re.sub(r"\\(.)", r"\1", text))
            if said not in self._warned and len(self._warned) < MOST_WARNINGS:
                self._warned.add(said)
                log.info("Kubernetes warns: %s", said)


def _open(access: Access) -> Wire:
    from agent.host.kubernetes.wire import Wire  # noqa: PLC0415 - only where there is a Kubernetes

    return Wire(access)


def _target(path: str, query: Query) -> str:
    given = {
        key: str(value).lower() if value is True else str(value) for key, value in query.items() if value
    }
    return f"{path}?{urlencode(given)}" if given else path


def _encoded(body: object) -> bytes:
    """Return JSON that is YAML as well, since a server reads an apply as such: what is beyond U+FFFF stands as it is."""
    try:
        text = json.dumps(body, allow_nan=False, separators=(",", ":"))
        return (PAIR.sub(_one_character, text) if "\\ud" in text else text).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise HostError("expected an object of plain data, found what JSON does not have") from error


def _one_character(found: re.Match[str]) -> str:
    if not found[1]:
        return found[0]
    return chr(0x10000 + ((int(found[1], 16) - 0xD800) << 10) + int(found[2], 16) - 0xDC00)
