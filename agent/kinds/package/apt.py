"""apt and dpkg: what they are asked, and what they are told. Commands are formed here and nowhere else."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import ClassVar, Final

from agent.errors import HostError
from agent.host import Probe
from agent.kinds._aptlists import is_blank, torn
from agent.kinds.package import aptindex, aptsaid, dpkg, dpkgbase
from agent.kinds.package.manager import Database, Hints, Index, Offer, Order, Simulation
from agent.model import Run

LOCK: Final = 120  # seconds that another package manager is waited for
LONG: Final = 1800.0  # seconds that a transaction may take: slow disks, slow mirrors
BRIEF: Final = 60.0
ANY: Final = range(256)
KERNEL: Final = PurePosixPath("/proc/sys/kernel/osrelease")

_WHO: Final = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=0", "check")
# After a crash packages may lack what they need; without this apt would only say so, whatever it is asked for.
_MENDING: Final = ("-o", "APT::Get::Fix-Broken=true")
# What an admin changed stays, and where nothing was changed the package's own is taken: dpkg(1).
_CONFFILES: Final = ("--force-confdef", "--force-confold")
_QUIET: Final = ("-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK}")
_CAREFUL: Final = (
    *(word for option in _CONFFILES for word in ("-o", f"Dpkg::Options::={option}")),
    "-o", "Dpkg::Use-Pty=0",
    *_MENDING,
    "-o", "APT::Get::AutomaticRemove=false",  # a host may have it on; nothing goes unasked
    "-o", "APT::Cmd::Pattern-Only=true",  # else `python3.1` would be every package that matches this expression
)  # fmt: skip
# apt takes a package that was torn while it was unpacked for installed, if it is the newest, and does nothing.
_AGAIN: Final = "--reinstall"
# A source that fails is an error, not a warning with exit code 0. apt runs the hook by itself, after a refresh in
# which at least one source has answered: nothing else on a host tells of a refresh that found nothing new.
_REFRESH: Final = (
    "-o", "APT::Update::Error-Mode=any",
    "-o", f"APT::Update::Post-Invoke-Success::=touch {aptindex.STAMP}",
)  # fmt: skip


class Apt:
    """The package manager of Debian and its kin."""

    name: ClassVar[str] = "apt"
    hints: ClassVar[Hints] = Hints(
        audit="`dpkg --audit`",
        offers="`apt-cache policy {}`",
        repair="`dpkg --configure -a`",
        tidy="`apt-get autoremove`",
        unhold="`apt-mark unhold {}`",
    )
    place: ClassVar[str] = dpkg.STATUS
    written: ClassVar[tuple[str, ...]] = dpkg.WRITTEN
    settings: ClassVar[tuple[str, ...]] = ("/etc/apt/", "/etc/dpkg/", "/usr/share/keyrings/")

    def database(self, probe: Probe) -> Database:
        return dpkg.database(probe)

    def offers(self, probe: Probe, names: Collection[str]) -> Mapping[str, Offer]:
        wanted = tuple(sorted(names))

        def ask() -> Mapping[str, Offer]:
            return aptsaid.offers(probe.ask("apt-cache", "policy", *wanted).out)

        try:
            return probe.remembered(("package:offers", wanted), self.evidence(probe), ask)
        except HostError:
            if self.damage(probe):
                return {}
            raise

    def near(self, probe: Probe, name: str) -> tuple[str, ...]:
        def ask() -> tuple[str, ...]:
            known = probe.ask("apt-cache", "pkgnames", name[:3]).out.split()
            return tuple(difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.75))

        return probe.remembered(("package:near", name), self.evidence(probe), ask)

    def providers(self, probe: Probe, name: str) -> tuple[str, ...]:
        def ask() -> tuple[str, ...]:
            return aptsaid.providers(probe.ask("apt-cache", "showpkg", name).out)

        return probe.remembered(("package:providers", name), self.evidence(probe), ask)

    def index(self, probe: Probe) -> Index:
        return aptindex.index(probe)

    def damage(self, probe: Probe) -> tuple[PurePosixPath, ...]:
        marks = PurePosixPath(dpkg.MARKS)
        return (*torn(probe), *((marks,) if is_blank(probe, marks) else ()))

    def simulate(self, probe: Probe, orders: Collection[Order]) -> Simulation:
        """See `Manager`. A hold does not count here: who may touch what is held is not apt's to say."""
        operands = tuple(_operand(order) for order in orders)
        options = _options(next(iter(orders))) if orders else ()
        argv = ("apt-get", "-s", *_CAREFUL, *options, "--allow-change-held-packages", "install", *operands)
        answer = probe.ask(*argv, ok=ANY)
        if answer.code:
            return Simulation(words=aptsaid.refusal(answer.out, answer.err))
        return aptsaid.simulation(answer.out)

    def evidence(self, probe: Probe) -> tuple[str, ...]:
        return (*dpkg.WRITTEN, aptindex.LISTS, *aptindex.files(probe))

    def spare(self, probe: Probe) -> tuple[str, ...]:
        def ask() -> tuple[str, ...]:
            if not any(one.auto for group in self.database(probe).packages.values() for one in group):
                return ()
            answer = probe.ask("apt-get", "-s", "autoremove", ok=ANY)
            return aptsaid.simulation(answer.out).removes if answer.code == 0 else ()

        paths = (*dpkg.WRITTEN, *aptindex.files(probe))
        return probe.remembered("package:spare", paths, ask)

    def base(self, probe: Probe) -> frozenset[str]:
        return dpkgbase.base(probe, self.database(probe))

    def vital(self, probe: Probe) -> frozenset[str]:
        release = (probe.content(KERNEL, limit=256) or b"").decode("utf-8", "replace").strip()
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        ours = (
            "python3",
            "python3-minimal",
            python,
            f"{python}-minimal",
            f"lib{python}-minimal",
            f"lib{python}-stdlib",
        )
        return frozenset(("apt", "dpkg", "systemd", "systemd-sysv", f"linux-image-{release}", *ours))

    def transaction(self, order: Order, why: str) -> Run:
        argv = ("apt-get", *_QUIET, *_CAREFUL, *_options(order), "install")
        return Run(argv=argv, operands=(_operand(order),), timeout=LONG, why=why)

    def purge(self, name: str, why: str) -> Run:
        return Run(argv=("apt-get", *_QUIET, *_CAREFUL, "purge"), operands=(name,), timeout=LONG, why=why)

    def hold(self, name: str, why: str) -> Run:
        return Run(argv=("apt-mark", "hold"), operands=(name,), timeout=BRIEF, why=why)

    def unhold(self, name: str, why: str) -> Run:
        return Run(argv=("apt-mark", "unhold"), operands=(name,), timeout=BRIEF, why=why)

    def keep(self, name: str, why: str) -> Run:
        return Run(argv=("apt-mark", "manual"), operands=(name,), timeout=BRIEF, why=why)

    def wait(self, why: str) -> Run:
        """See `Manager`. Who is at work is asked afterwards: apt names it on stdout while it waits, and not when it gives up."""
        argv = ("apt-get", *_QUIET, *_MENDING, "check")
        return Run(argv=argv, timeout=LOCK + BRIEF, common=True, explain=_WHO, why=why)

    def repair(self, why: str) -> Run:
        return Run(argv=("dpkg", *_CONFFILES, "--configure", "-a"), timeout=LONG, why=why)

    def reinstall(self, name: str, why: str) -> Run:
        argv = ("apt-get", *_QUIET, *_CAREFUL, "--no-remove", _AGAIN, "install")
        return Run(argv=argv, operands=(name,), timeout=LONG, why=why)

    def refresh(self, why: str) -> Run:
        return Run(argv=("apt-get", *_QUIET, *_REFRESH, "update"), timeout=LONG, why=why)


def _operand(order: Order) -> str:
    """Return how apt-get(8) is told; a version that ends like a removal is followed by the sign that it is none."""
    if order.remove:
        return f"{order.name}-"
    if not order.version:
        return order.name
    return f"{order.name}={order.version}{'+' if order.version.endswith(('+', '-')) else ''}"


def _options(order: Order) -> Iterator[str]:
    if order.recommends is not None:
        yield "--install-recommends" if order.recommends else "--no-install-recommends"
    if order.downgrade:
        yield "--allow-downgrades"
    if order.again:
        yield _AGAIN
