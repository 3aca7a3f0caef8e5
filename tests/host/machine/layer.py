"""Layers to lay above the tree, overlayfs: each is what a command adds that is run in it once."""

from __future__ import annotations

from pathlib import Path

from tests.host.machine import apt, debian
from tests.host.machine.cache import cached, key
from tests.host.machine.catalog import bulk
from tests.host.machine.tools import call

SCRIPT = Path(__file__).parents[3] / "scripts/testing/run-in-tree"


def layer(name: str, source: Path, *words: str) -> Path:
    """
    Return a folder to lay above the tree: what a command run in it adds, with `source` at /mnt.

    `source` is a folder of the cache, whose name says what is in it.
    """
    tree = debian.tree()

    def make(new: Path) -> None:
        call(SCRIPT, tree, new, source, *words)

    return cached(name, key(tree.parent.name, source.name, SCRIPT, *words), make) / "upper"


def crowd(count: int = 300) -> Path:
    """Return a layer in which so many packages, bulk-000 and up, are installed."""
    source = apt.stored(f"bulk{count}", bulk(count))
    # Whether they would survive a power cut while the layer is made is all the same.
    return layer(
        f"crowd{count}", source, "sh", "-c", "dpkg --force-unsafe-io --install /mnt/pool/*.deb >/dev/null"
    )
