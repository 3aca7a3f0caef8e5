"""
Writes the manual page trued(1) and the completions of bash, zsh and fish into a folder.

They are made from the parser of the installed command, so they cannot say anything else than it does. Run with the Python in
which trued is installed: `python scripts/lib/manual.py FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from completion import bash, fish, zsh
from verbs import Verb, verbs

import agent
from agent.cli.arguments import EPILOG, build


def manual(said: Sequence[Verb]) -> str:
    """Return trued(1) in man(7)."""
    top, *rest = said
    common = {option.names for option in top.options}
    lines = [
        f'.TH TRUED 1 "" "trued {agent.__version__}" "User Commands"',
        ".SH NAME",
        r"trued \- keeps this host true to Git",
        ".SH SYNOPSIS",
        r".B trued",
        r".I VERB",
        r"[\fIOPTION\fR]...",
        ".SH DESCRIPTION",
        "trued pulls what this host should be from a Git repository, makes it so, keeps it so, and pushes what became of it",
        r"to a status branch. \fBtrued.service\fR runs it for ever; the verbs below look at the same host by hand.",
        ".SH VERBS",
    ]
    for verb in rest:
        if not verb.next:
            lines += _section(verb, common)
    lines += [".SH OPTIONS", "These may stand before or after the verb."]
    for option in top.options:
        lines += [".TP", rf"\fB{_roff(option.shown)}\fR", _roff(option.says)]
    return "\n".join([*lines, *_ending()]) + "\n"


def _section(verb: Verb, common: set[tuple[str, ...]]) -> list[str]:
    said = " ".join(("trued", *verb.words, *(name for name, _ in verb.operands)))
    lines = [f".SS {_roff(said)}", _roff(_sentence(verb.says))]
    for name, says in verb.operands:
        lines += [".TP", rf"\fI{_roff(name)}\fR", _roff(says)]
    for option in verb.options:
        if option.names not in common:
            lines += [".TP", rf"\fB{_roff(option.shown)}\fR", _roff(option.says)]
    return lines


def _ending() -> list[str]:
    codes = " ".join(EPILOG.split()).partition(": ")[2]
    return [
        ".SH EXIT STATUS",
        _roff(_sentence(codes)),
        ".SH FILES",
        ".TP",
        r"\fI/etc/trued/agent.yaml\fR",
        r"the host's own settings; \fI/opt/trued/current/share/trued/agent.yaml\fR shows every key",
        ".TP",
        r"\fI/var/lib/trued\fR",
        "what trued remembers",
        ".SH SEE ALSO",
        ".BR systemctl (1),",
        ".BR journalctl (1)",
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _roff(text: str) -> str:
    """Escape what man(7) would take for its own: backslashes, dashes of options, and dots at the start of a line."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main(folder: Path) -> int:
    """Write all four files."""
    said = tuple(verbs(build()))
    texts = {
        "trued.1": manual(said),
        "trued.bash": bash(said),
        "trued.zsh": zsh(said),
        "trued.fish": fish(said),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
