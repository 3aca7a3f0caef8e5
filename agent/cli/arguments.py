"""What can be said on the command line. Reads arguments; decides nothing else."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Never

import agent
from agent.errors import UsageError

EPILOG = """\
exit codes: 0 as declared, 2 plan found changes, 3 something failed, is blocked or held,
4 the declared state is invalid, 5 the commit is refused, 6 the repository cannot be reached,
64 usage, 78 agent.yaml is wrong, 1 a bug
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, where argparse's own would exit with 2 (which is plan's "changes")."""

    def error(self, message: str) -> Never:
        raise UsageError(message, hint=f"{self.prog} --help")

    def refuse(self, word: str) -> Never:
        """Raise UsageError for a word that this verb takes no notice of; argparse would blame the command."""
        if not word.startswith("-"):
            self.error(f"unexpected argument {word!r}")
        name = word.partition("=")[0]
        self.error(f"unknown option {name!r}{_near(name, [*self._option_string_actions], cutoff=0.75)}")

    def _get_formatter(self) -> argparse.HelpFormatter:
        # argparse asks for one with each argument, and it would ask shutil, which brings all that compresses along.
        formatter: Callable[..., argparse.HelpFormatter] = self.formatter_class
        return formatter(prog=self.prog, width=_columns() - 2)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        # Each version of Python words this in its own way, and none before 3.14 suggests anything.
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        self.error(f"unknown {action.dest.replace('_', ' ')} {value!r}{_nearest(str(value), known)}")


def _columns() -> int:
    """Return how wide the terminal is, as shutil.get_terminal_size has it: COLUMNS goes first, and 80 stands for none."""
    said = os.environ.get("COLUMNS", "")
    try:
        if said.isdigit() and int(said):
            return int(said)
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80  # a serial line says 0
    except (OSError, ValueError):
        return 80


def _nearest(word: str, known: Sequence[str]) -> str:
    return _near(word, known) or f", expected one of {', '.join(known)}"


def _near(word: str, known: Sequence[str], *, cutoff: float = 0.6) -> str:
    import difflib  # noqa: PLC0415 # only where something is wrong

    near = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f", did you mean {near[0]!r}?" if near else ""


class _Verbs:
    """The verbs of a parser, of which only those are made that somebody may ask for: a parser takes long to make."""

    def __init__(
        self,
        parser: Parser,
        dest: str,
        *,
        wanted: Collection[str] | None = None,
        required: bool = False,
    ) -> None:
        """`wanted`: names of those to make, and any other word; None for all."""
        self._wanted = wanted
        self._action = parser.add_subparsers(
            dest=dest,
            prog=parser.prog,
            metavar="VERB",
            title="verbs",
            required=required,
            parser_class=Parser,
        )

    def verb(self, name: str, says: str, fill: Callable[[Parser], None], *, module: str | None) -> None:
        """Have a verb, whose parser gets what it can be told by `fill`; `module`: the verb's, in this package."""
        if self._wanted is not None and name not in self._wanted:
            self._name(name, says)
            return
        if module is None:
            fill(self._action.add_parser(name, help=says, allow_abbrev=False))
            return
        described = f"{says[0].upper()}{says[1:]}."
        parser = self._action.add_parser(name, help=says, description=described, allow_abbrev=False)
        parser.set_defaults(module=module, parser=parser)
        _common(parser)
        fill(parser)

    def _name(self, name: str, says: str) -> None:
        """Have a verb that is told of and known, and no more, as `add_parser` of argparse does it before it makes one."""
        action: Any = self._action
        action._choices_actions.append(action._ChoicesPseudoAction(name, [], says))  # noqa: SLF001
        action._name_parser_map[name] = None  # noqa: SLF001


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for; raises UsageError. `module` is the verb's, in this package; None without one."""
    args, rest = build(arguments).parse_known_args(arguments)
    if rest:
        args.parser.refuse(rest[0])
    return args


def build(arguments: Collection[str] | None = None) -> Parser:
    """Return the parser of the whole command line; or of all that is among these arguments."""
    top = Parser(
        prog="trued",
        description="Keeps this host true to Git.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"trued {agent.__version__}")
    top.set_defaults(config=None, json=False, verbose=False, module=None, parser=top)
    _common(top)
    verbs = _Verbs(top, "verb", wanted=arguments)
    for name, (says, fill) in _VERBS.items():
        verbs.verb(name, says, fill, module=None if name == "fleet" else name)
    return top


def _common(parser: argparse.ArgumentParser) -> None:
    # Before the verb and after it: what is not said there must not undo what was said before.
    group = parser.add_argument_group("common options")
    group.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        default=argparse.SUPPRESS,
        help="the agent's own file (default: $TRUED_CONFIG, or /etc/trued/agent.yaml)",
    )
    group.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="answer for a program, on stdout"
    )
    group.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="say more; show the traceback of a bug",
    )


def _init(init: Parser) -> None:
    init.add_argument("folder", metavar="DIR", type=Path, help="a folder that is empty or not there yet")
    init.add_argument("--host", metavar="NAME", help="the first host (default: edge-01)")


def _validate(validate: Parser) -> None:
    validate.add_argument("folder", metavar="DIR", type=Path, help="the repository's files")
    which = validate.add_mutually_exclusive_group()
    which.add_argument("--host", metavar="H", help="as this host sees it")
    which.add_argument(
        "--all", action="store_true", help="every layer, and every host that can be known (default)"
    )
    _identity(validate)


def _render(render: Parser) -> None:
    render.add_argument("folder", metavar="DIR", type=Path, help="the repository's files")
    render.add_argument("--host", metavar="H", required=True, help="the host")
    _identity(render)


def _schema(schema: Parser) -> None:
    other = schema.add_mutually_exclusive_group()
    other.add_argument("--agent", action="store_true", help="that of agent.yaml instead")
    other.add_argument("--fleet", action="store_true", help="that of fleet.yaml instead")


def _identity(parser: Parser) -> None:
    parser.add_argument(
        "--facts",
        metavar="FILE",
        type=Path,
        help="facts of the host as JSON (default: those of this machine)",
    )
    parser.add_argument(
        "--label", metavar="K=V", action="append", default=[], help="a label of the host; may be repeated"
    )


def _enroll(enroll: Parser) -> None:
    enroll.add_argument(
        "url", metavar="URL", help="the fleet repository: https, ssh, git@host:path, or a path"
    )
    enroll.add_argument(
        "--host", metavar="NAME", help="name of this host in the fleet (default: the machine's)"
    )
    enroll.add_argument("--branch", metavar="B", help="the branch to follow (default: main)")
    enroll.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="file with the token, for https (default: token beside agent.yaml)",
    )
    enroll.add_argument(
        "--ca-file", metavar="FILE", type=Path, help="certificate of a private CA, for https"
    )
    enroll.add_argument(
        "--known-hosts", metavar="FILE", type=Path, help="host keys that are trusted already, for ssh"
    )
    trust = enroll.add_mutually_exclusive_group()
    trust.add_argument(
        "--fingerprint", metavar="SHA256:…", help="trust the server's host key if it is this one, for ssh"
    )
    trust.add_argument(
        "--yes", action="store_true", help="trust the host key that the server shows now, unasked"
    )


def _adopt(adopt: Parser) -> None:
    adopt.add_argument("folder", metavar="DIR", type=Path, help="a folder that is not there yet")


def _plan(plan: Parser) -> None:
    plan.add_argument("--full", action="store_true", help="whole diffs, however long")
    plan.add_argument(
        "--private", action="store_true", help="also diffs of files that not everybody may read (mode 0600)"
    )


def _apply(apply: Parser) -> None:
    apply.add_argument(
        "--allow-removals",
        action="store_true",
        help="let through, once, more removals than limits.removals, and those that nobody asked for",
    )
    apply.add_argument(
        "--allow-rewrite",
        action="store_true",
        help="follow, once, a commit that does not descend from the held one",
    )


def _explain(explain: Parser) -> None:
    explain.add_argument("id", metavar="ID", help="as in file:/etc/motd")
    explain.add_argument(
        "--offline", action="store_true", help="don't look for its last change on the status branch"
    )


def _log(log: Parser) -> None:
    log.add_argument(
        "-n",
        "--number",
        metavar="N",
        type=_positive,
        default=20,
        help="at most so many reports (default: 20)",
    )


def _fleet(fleet: Parser) -> None:
    inner = _Verbs(fleet, "fleet_verb", required=True)
    inner.verb("status", "show one line for each host, odd ones first", _fleet_status, module="fleet")


def _fleet_status(status: Parser) -> None:
    status.add_argument("--url", help="the repository of the status branches (default: agent.yaml's)")
    status.add_argument("--token-file", metavar="FILE", type=Path, help="its credentials, with --url")
    status.add_argument("--ssh-key", metavar="FILE", type=Path, help="its key, with --url")
    status.add_argument("--known-hosts", metavar="FILE", type=Path, help="its host keys, with --url")
    status.add_argument("--ca-file", metavar="FILE", type=Path, help="its authority, with --url")
    status.add_argument(
        "--heartbeat",
        metavar="T",
        default="1h",
        help="that of the hosts; three without a report are STALE (default: 1h)",
    )


def _nothing_more(_: Parser) -> None:
    pass


_VERBS: Mapping[str, tuple[str, Callable[[Parser], None]]] = {
    "init": ("write a small fleet repository to start from", _init),
    "validate": ("check a fleet repository, offline", _validate),
    "render": ("print what a host is declared to be, offline", _render),
    "schema": ("print the JSON Schema of the state documents, for editors", _schema),
    "enroll": ("write agent.yaml, make a deploy key, say what to add on the forge", _enroll),
    "adopt": ("write a first layer from what is on this host", _adopt),
    "doctor": ("check the installation, and say how to mend it", _nothing_more),
    "plan": ("say what would change here, and why; change nothing", _plan),
    "apply": ("one cycle, now: fetch, plan, apply, report", _apply),
    "run": ("the daemon: cycles for ever, by interval and on drift", _nothing_more),
    "status": ("say what this host holds, and what is not as declared", _nothing_more),
    "explain": ("say why one resource is as it is", _explain),
    "log": ("show the status history of this host", _log),
    "fleet": ("the whole fleet, read from its status branches", _fleet),
}


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 10000, got {text!r}")
    return int(text)


def labels(pairs: Iterable[str]) -> dict[str, str]:
    """Return the labels of `--label K=V`; raises UsageError."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f"--label: expected key=value, as in ring=canary, got {pair!r}")
        found[key] = value
    return found
