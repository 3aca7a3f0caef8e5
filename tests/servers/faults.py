"""A TCP proxy that fails as told, in a thread of the test itself; on the loopback, or where its listener is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong. Byte counts are of what flows down to the client, on each connection, from now on."""

    refuse: bool = False  # a connection is reset at the client's first word
    hang: bool = False  # a connection is taken and never answered
    delay: float = 0.0  # seconds before every chunk, both ways
    rate: float = 0.0  # bytes a second, down
    cut_after: int | None = None  # reset
    close_after: int | None = None  # an orderly end
    flip_after: int | None = None  # one bit is flipped
    blackhole_after: int | None = None  # not a byte more, and the connection stays


@dataclass(slots=True)
class _Flow:
    """How much has flowed on one connection since the fault was set."""

    fault: Fault
    passed: int = 0


class FaultProxy:
    """Forwards to `upstream`; `fault` may be set at any time, also while bytes flow."""

    def __init__(self, port: int, host: str = "127.0.0.1", *, listener: socket.socket | None = None) -> None:
        self.upstream = (host, port)
        self.fault = Fault()
        self.port = 0
        self.connections = 0
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    def url(self, url: str) -> str:
        """Return the URL that leads here instead of to `upstream`."""
        return url.replace(f":{self.upstream[1]}/", f":{self.port}/")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(5):
            raise AssertionError("the fault proxy did not start")
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, sock=self._listener)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.fault.refuse:
                await reader.read(1)
                return _reset(writer)
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            _reset(writer)
        return None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault.hang:
            await asyncio.sleep(3600)
        up_reader, up_writer = await asyncio.open_connection(*self.upstream)
        try:
            await _first(self._pump(reader, up_writer, down=False), self._pump(up_reader, writer, down=True))
        finally:
            up_writer.close()
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        flow = _Flow(self.fault)
        while data := await reader.read(4096 if down else 65536):
            if flow.fault is not self.fault:
                flow = _Flow(self.fault)
            if flow.fault.delay:
                await asyncio.sleep(flow.fault.delay)
            if not down:
                writer.write(data)
            elif not await _fail(flow, writer, data):
                return
            await writer.drain()
        if not down:  # a half-closed client still waits for its answer
            writer.write_eof()
            await asyncio.sleep(3600)


async def _fail(flow: _Flow, writer: asyncio.StreamWriter, data: bytes) -> bool:
    """Write the chunk as the fault would have it; False when the connection is to end."""
    fault, start = flow.fault, flow.passed
    flow.passed += len(data)
    if fault.rate:
        await asyncio.sleep(len(data) / fault.rate)
    if (at := fault.flip_after) is not None and start <= at < flow.passed:
        data = data[: at - start] + bytes([data[at - start] ^ 1]) + data[at - start + 1 :]
    for limit in (fault.cut_after, fault.close_after, fault.blackhole_after):
        if limit is not None and flow.passed > limit:
            writer.write(data[: max(0, limit - start)])
            await writer.drain()
            if limit is fault.blackhole_after:
                await asyncio.sleep(3600)
            if limit is fault.cut_after:
                _reset(writer)
            return False
    writer.write(data)
    return True


async def _first(*jobs: Coroutine[None, None, None]) -> None:
    """Run until one ends, then end the others; a lost connection is an end as well."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, not FIN."""
    if sock := writer.get_extra_info("socket"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
