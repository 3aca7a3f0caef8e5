"""A fake host with useradd(8) and its kin: see accounts.py."""

from tests.kinds.hosts.accounts import furnish

__all__ = ["furnish"]
