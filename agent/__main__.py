"""Lets `python -m agent` be `trued`."""

from __future__ import annotations

from agent.cli import process

if __name__ == "__main__":
    process()
