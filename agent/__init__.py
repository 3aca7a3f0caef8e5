"""trued: an agent that keeps one Linux host true to Git."""

__version__ = "0.1.0"
