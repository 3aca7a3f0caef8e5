"""A fake host with a container engine: see engine.py."""

from tests.kinds.hosts.engine import furnish

__all__ = ["furnish"]
