"""
Where this host's commits come from: brings the newest one, keeps those that matter, and reads them back offline.

Writes only below `<state>/git`. Everything there can be fetched again, so what is damaged is moved away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from agent.errors import RefusedError, SourceError
from agent.git.address import Access, Ref
from agent.git.kept import Kept, Known
from agent.git.limits import DEFAULT_LIMITS, Limits
from agent.git.objects import Kind, parse_tag
from agent.git.remote import open_remote
from agent.git.snapshot import Shelf
from agent.git.stock import Bring, Stock, move_away
from agent.git.stored import DamagedError, on_this_disk
from agent.git.verify import UntrustedError, ancestor, check_descent, check_signature, digest_of, verified
from agent.model import VerifiedCommit
from agent.values import dataclass

log = logging.getLogger(__name__)
TAGS = 5  # that point at one another
WANTS = 10_000  # objects in one request: some servers take at most 1 MiB
PATIENCE = 300.0  # seconds, after which a signature that did not count is looked at again
NAMED = 10  # branches that a message names


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a commit is not followed: worked out once, as it takes a fetch, or two processes."""

    asked: tuple[str, str | None, str]  # what the ref points at, what is held, and which list of signers
    error: RefusedError
    when: float  # seconds by this host's clock

    def stands(self, asked: tuple[str, str | None, str]) -> bool:
        """Return whether this is the answer still: signatures are judged by a clock, which may be set as well."""
        lasting = not isinstance(self.error, UntrustedError) or abs(time.time() - self.when) < PATIENCE
        return self.asked == asked and lasting


class Source:
    """See `agent.outfit.Source`. Not for two threads."""

    def __init__(
        self,
        access: Access,
        ref: Ref,
        state: Path,
        *,
        allowed_signers: Path | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._access, self._ref, self._limits = access, ref, limits
        self._folder = state / "git"
        self._allowed_signers = allowed_signers
        self._beat: Callable[[], object] = lambda: None
        self._remote = open_remote(access, limits, self._show_life)
        self._kept = Kept(self._folder, limits, self._bring)
        self._newest: tuple[str, frozenset[str]] | None = (
            None  # a commit, and from what it is known to descend
        )
        self._refused: _Refusal | None = None

    def lend(self, beat: Callable[[], object]) -> None:
        """Have a sign of life given after each exchange from now on: one has a limit of its own, and many may follow."""
        self._beat = beat

    def _show_life(self) -> None:
        self._beat()

    def newest(self, held: str | None, *, allow_rewrite: bool = False) -> VerifiedCommit:
        """Return the commit to follow; raises SourceError, or RefusedError if it does not descend from `held`."""
        self._remote.rest()  # a session that is still open sees the refs of when it began
        self._kept.rest()
        try:
            with on_this_disk(self._folder):
                target = self._ref.commit or self._polled()
                base = None if allow_rewrite or self._ref.commit else held
                return self._followed(target, base)
        except SourceError:
            self._remote.close()
            raise

    def at(self, sha: str) -> VerifiedCommit:
        """
        Return a commit that was kept, without the network; raises SourceError.

        It is not held against signers again: it was when it was kept. What is damaged is fetched anew.
        """
        return self._at(sha).commit

    def keep(self, commits: Sequence[str]) -> None:
        """
        Make these commits readable without the network, and forget all others.

        Raises SourceError, or RefusedError, if the first cannot be, and forgets nothing then; of the others it is logged.
        """
        try:
            for sha in commits[:1]:
                self._kept.keep(self._at(sha))
            for sha in commits[1:]:
                try:
                    self._kept.keep(self._at(sha))
                except (SourceError, RefusedError) as error:  # it may be gone from the server
                    log.warning("commit %s cannot be kept on this host: %s", sha[:12], error)
            with on_this_disk(self._folder):
                self._kept.forget(frozenset(commits))
        finally:
            self._remote.rest()

    def close(self) -> None:
        """Let go of files and connections; what is asked for again opens them again."""
        self._kept.close()
        self._newest = None
        self._remote.close()

    def _at(self, sha: str) -> Known:
        if (known := self._kept.find(sha)) is None:
            with on_this_disk(self._folder):
                known = self._kept.reopened(sha) or self._fetched_again(sha)
            self._kept.put(sha, known)
        return known

    def _followed(self, target: str, held: str | None) -> VerifiedCommit:
        signers = digest_of(self._allowed_signers)
        if (known := self._cached(target, held, signers)) is not None:
            self._remote.rest()
            return known.commit
        asked = target, held, signers
        if self._refused and self._refused.stands(asked):
            raise self._refused.error
        try:
            known = self._proven(target, held, signers)
        except RefusedError as error:
            self._refused = _Refusal(asked, error, time.time())
            raise
        self._kept.follow(known)
        sha, self._refused = known.commit.sha, None
        self._newest = sha, frozenset({sha, held or sha})
        return known.commit

    def _cached(self, target: str, held: str | None, signers: str) -> Known | None:
        if self._newest is None or (known := self._kept.find(self._newest[0])) is None:
            return None
        same = (known.target, known.signers) == (target, signers)
        return known if same and (held is None or held in self._newest[1]) else None

    def _proven(self, target: str, held: str | None, signers: str) -> Known:
        """Return a commit that was fetched, if need be, and held against all that is asked of it."""
        known = self._kept.find(held or target) or self._kept.reopened(held or target)
        if known is not None and (known.target, known.signers) == (target, signers):
            return known
        stock = self._kept.stock(target, held or target)
        try:
            return self._fetched(target, held, signers, stock)
        except BaseException:
            stock.close()
            raise

    def _fetched(self, target: str, held: str | None, signers: str, stock: Stock) -> Known:
        if not stock.holds(target):
            self._fetch_commits(target, held, stock)
        signed, sha = self._peeled(target, stock)
        if held is not None:
            check_descent(sha, held, partial(ancestor, stock))
        signer = ""
        if self._allowed_signers is not None:
            signer = check_signature(signed, sha, self._allowed_signers)
        return Known(verified(sha, stock, signer), stock, target, signers, kept=False)

    def _fetched_again(self, sha: str) -> Known:
        """Return a commit whose snapshot is lost; that this host held it is proof enough."""
        log.warning("commit %s is not kept on this host, it is fetched anew", sha[:12])
        stock = self._kept.stock(sha, sha)
        try:
            return self._fetched(sha, None, digest_of(self._allowed_signers), stock)
        except BaseException:
            stock.close()
            raise

    def _fetch_commits(self, target: str, held: str | None, stock: Stock) -> None:
        """Bring a commit and, to prove its descent, those between it and the one that is held."""
        if not self._remote.can_filter:
            self._from_store(target, (target,), stock.shelf, commits=True, held=held)
        elif held is None or held == target:
            self._remote.objects((target,), stock.shelf, depth=1)
        else:
            self._remote.objects((target,), stock.shelf, haves=(held,))

    def _peeled(self, target: str, stock: Stock) -> tuple[tuple[bytes, ...], str]:
        """Return the tags and the commit that a ref points at, whole, and the commit's name."""
        signed, sha = [], target
        for _ in range(TAGS):
            kind = stock.kind(sha)
            signed.append(stock.content(sha, kind))
            if kind is Kind.COMMIT:
                return tuple(signed), sha
            if kind is not Kind.TAG:
                break
            sha = _pointed(signed[-1], sha)
        raise SourceError(f"{self._access.url}: {self._ref} does not lead to a commit")

    def _polled(self) -> str:
        if (sha := self._remote.poll(self._ref.name)) is not None:
            return sha
        kind = "refs/tags/" if self._ref.tag is not None else "refs/heads/"
        names = sorted(name.removeprefix(kind) for name in self._remote.refs(kind))
        if not names and not self._remote.refs("refs/"):
            raise SourceError(
                f"{self._access.url}: the repository is empty", hint="push a first commit to it"
            )
        more = ", …" if len(names) > NAMED else ""
        there = f"it has: {', '.join(names[:NAMED])}{more}" if names else "it has none"
        raise SourceError(
            f"{self._access.url}: there is no {self._ref}; {there}", hint="correct source in agent.yaml"
        )

    def _bring(self, target: str) -> Bring:
        """Return what fetches the objects of one commit that are not at hand."""

        def bring(shas: Collection[str], shelf: Shelf) -> None:
            if not self._remote.can_filter:
                self._from_store(target, shas, shelf)
                return
            wants = list(shas)
            for start in range(0, len(wants), WANTS):
                # A depth says that a commit is wanted by itself; it means nothing for all else.
                self._remote.objects(wants[start : start + WANTS], shelf, depth=1)

        return bring

    def _from_store(
        self,
        target: str,
        shas: Collection[str],
        shelf: Shelf,
        *,
        commits: bool = False,
        held: str | None = None,
    ) -> None:
        """Copy objects from the shallow store, which is brought up to the commit first."""
        from agent.git import layers, shallow  # most servers can filter

        folder = self._folder / "store"
        for last in (False, False, True):
            shallow.bring(self._access, self._limits, folder, target, held or "")
            self._show_life()
            try:
                layers.copy(folder, shas, shelf, tip=target, commits=commits, limit=self._limits.delta)
            except (layers.MovedError, DamagedError) as error:
                if last:
                    raise
                if isinstance(error, DamagedError):
                    move_away(folder, error)
            else:
                return


def _pointed(data: bytes, sha: str) -> str:
    try:
        return parse_tag(data)
    except ValueError as error:
        raise SourceError(f"object {sha}: {error}") from None
