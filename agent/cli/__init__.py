"""
The command `trued`: reads its arguments, runs one verb, prints, and ends with the exit code that is documented.

The one room that puts an agent together and that prints. A verb is a module with `run(args, screen) -> int`; only
the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from agent.cli.arguments import build, parse
from agent.cli.screen import Screen, prepare
from agent.errors import TruedError, UsageError

BUG = 1
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE


def process() -> NoReturn:
    """
    Be the process `trued`. All is closed when `main` returns: what Python would tidy, the kernel takes back.

    So it need not look for garbage all the time either: what a verb makes, it holds until its end. The daemon does.
    """
    if "run" not in sys.argv[1:]:  # an option may come before the verb
        gc.set_threshold(100_000, 50, 1000)
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code of the process."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    prepare(sys.stdout, sys.stderr)
    screen = Screen.of(
        json="--json" in arguments,
        verbose=bool({"-v", "--verbose"} & set(arguments)) or bool(os.environ.get("TRUED_DEBUG")),
        environment=os.environ,
    )
    try:
        code = _guarded(arguments, screen)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain again when it flushes at its end (docs.python.org, library/signal, note on SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def _guarded(arguments: Sequence[str], screen: Screen) -> int:
    try:
        return _run(arguments, screen)
    except TruedError as error:
        screen.complain(error)
        return error.exit_code
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes here is a bug of ours
        return _bug(error, screen)


def _run(arguments: Sequence[str], screen: Screen) -> int:
    try:
        args = parse(arguments)
    except SystemExit:  # --help and --version have printed what was asked for
        return 0
    if args.module is None:
        build().print_help(sys.stderr)
        return UsageError.exit_code
    _listen(args, screen)
    verb = importlib.import_module(f"{__name__}.{args.module}")
    code: int = verb.run(args, screen)
    return code


def _listen(args: argparse.Namespace, screen: Screen) -> None:
    """Show what is logged on stderr; the daemon has its own way."""
    if args.module == "run":
        return
    from agent.host.journal import Plain  # noqa: PLC0415 - not before there is something to run

    handler = logging.StreamHandler()
    # What shows life stands in the line where this is to go, and is drawn anew below.
    erase = "\r\x1b[K" if screen.lively else ""
    handler.setFormatter(Plain(f"{erase}trued: %(message)s"))
    level = logging.DEBUG if args.verbose else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _bug(error: Exception, screen: Screen) -> int:
    """Name the place only: what an exception says may be the content of a file."""
    if screen.verbose:
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
    bug = TruedError(
        f"this is a bug in trued: {where}", hint="trued -v shows the traceback; please report it"
    )
    screen.complain(bug)
    return BUG
