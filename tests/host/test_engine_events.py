"""The ear on the engine's events, when what it is told makes no sense: it says so, and hears again."""

from __future__ import annotations

import json
import logging
import queue
import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from agent.errors import HostError
from agent.host.engine import events
from agent.host.engine.door import Door
from agent.host.engine.events import KINDS, Listener
from agent.host.engine.look import Remembered
from agent.model import ResourceId, predecessor, successor
from tests.host.hearing import Heard
from tests.waiting import until

STARTED = {"Type": "container", "Action": "start", "Actor": {"ID": "1"}}


class Engine(socketserver.ThreadingUnixStreamServer):
    """An engine that tells what is put into `happens`; None ends the stream."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.happens: queue.Queue[Any] = queue.Queue()
        self.listened = 0  # times that somebody asked for events
        self.opens = threading.Event()  # whether they are let in
        self.opens.set()
        super().__init__(str(path), Talk)


class Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            self._say(json.dumps({"ApiVersion": "1.45", "MinAPIVersion": "1.24"}).encode())
            return
        self.server.listened += 1
        self.server.opens.wait()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(OSError):
            while (event := self.server.happens.get()) is not None:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")

    def _say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(name="engine")
def _engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "engine.sock") as engine:
        thread = threading.Thread(target=engine.serve_forever, args=(0.01,))
        thread.start()
        yield engine
        engine.opens.set()
        engine.happens.put(None)
        engine.shutdown()
        thread.join()


def test_an_error_that_nobody_expected_is_said_and_it_hears_again(
    tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile it does not say that it hears: who wants to know looks, and does not trust what it remembers."""
    monkeypatch.setattr(events, "SOON", 0.01)
    heard, remembered = Heard(0.05), Remembered()
    listener = Listener(tmp_path / "engine.sock", remembered, heard)
    listener.start()
    try:
        assert [KINDS] == heard.taken(10)
        assert KINDS == listener.hears
        with caplog.at_level(logging.ERROR):
            engine.opens.clear()
            engine.happens.put("odd")
            engine.happens.put(None)  # the stream that is left lying
            until(lambda: engine.listened == 2)
        assert not listener.hears
        engine.opens.set()
        assert ["hearing of the engine ended in an unexpected error, and begins anew"] == caplog.messages
        assert [KINDS] == heard.taken(10), "something may have happened meanwhile"
        assert KINDS == listener.hears
        engine.happens.put(STARTED)

        assert [KINDS] == heard.taken(10)
    finally:
        listener.stop()


def test_a_container_that_is_put_by_another_name_is_no_other(tmp_path: Path) -> None:
    """A new one is made beside the one before, and then renamed; else each repair would be somebody else's event."""
    door = Door()
    door._listener = listener = Listener(tmp_path / "none.sock", Remembered(), lambda _: None)
    for action, name in (("create", successor("web")), ("rename", predecessor("web")), ("start", "web")):
        listener._hear({**STARTED, "Action": action, "Actor": {"ID": "1", "Attributes": {"name": name}}})

    assert not door.others([ResourceId("container", "web")], 0.0)
    assert door.others([ResourceId("container", "db")], 0.0)


def test_an_engine_that_was_not_there_is_heard_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a start of the machine, when trued is faster."""
    monkeypatch.setattr(events, "SOON", 0.02)
    heard, door = Heard(0.05), Door(tmp_path / "engine.sock")
    door.listen(heard)
    with pytest.raises(HostError, match="there is no socket"):
        door.look()
    assert heard.nothing()
    assert not door.hears
    with Engine(tmp_path / "engine.sock") as engine:
        thread = threading.Thread(target=engine.serve_forever, args=(0.01,))
        thread.start()
        try:
            assert [KINDS] == heard.taken(10)
            assert KINDS == door.hears
            door.look()
        finally:
            door.close()
            engine.happens.put(None)
            engine.shutdown()
            thread.join()
