"""
One real `trued apply` that is killed (kill -9) by its n-th request that changes something: `dying.py CONFIG N at-it|done`.

`at-it`: the request is sent, and the engine is left alone with it. `done`: the engine has answered.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
from typing import Any

from agent.cli import main


def die_by(number: int, *, done: bool) -> None:
    """Let that request to an engine be the last that this process makes."""
    left, answer = number, http.client.HTTPConnection.getresponse

    def last(connection: Any) -> http.client.HTTPResponse:
        nonlocal left
        left -= connection._method != "GET" and connection.sock.family is socket.AF_UNIX
        if left == 0 and not done:
            os.kill(os.getpid(), signal.SIGKILL)
        response = answer(connection)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    http.client.HTTPConnection.getresponse = last  # type: ignore[method-assign]


if __name__ == "__main__":
    config, n, when = sys.argv[1:]
    die_by(int(n), done=when == "done")
    sys.exit(main(["apply", "--config", config]))
