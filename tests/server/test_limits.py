"""What a client may take from the server: time for a head and a body, and bytes of a head."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from surehold import server
from surehold.server import BoundedProtocol
from tests.builders.orders import a_config
from tests.support.application import create_app

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(server, "BODY_SECONDS", 0.6)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """A running server and where it listens; told to stop at the end, and waited for."""
    listener = server.bind("127.0.0.1", 0)
    running = uvicorn.Server(
        uvicorn.Config(
            create_app(a_config()),
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            server_header=False,
            timeout_keep_alive=5,
        )
    )
    task = asyncio.create_task(running._serve([listener]))
    try:
        yield running, listener.getsockname()
    finally:
        running.should_exit = True
        await task


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """A client of a running server."""
    async with serving() as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        try:
            yield reader, writer
        finally:
            writer.close()


async def seconds_until_closed(reader: asyncio.StreamReader) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await asyncio.wait_for(reader.read(), timeout=3) == b""
    return loop.time() - began


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), timeout=3)
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    return head.split(b"\r\n")[0] + b" " + await reader.readexactly(length)


async def test_l1_silent_connection_is_closed() -> None:
    async with connected() as (reader, _):
        assert 0.3 < await seconds_until_closed(reader) < 1


async def test_l1_half_a_head_is_closed_however_it_trickles() -> None:
    async with connected() as (reader, writer):
        closed = asyncio.create_task(seconds_until_closed(reader))
        writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(20):
            if closed.done():
                break
            writer.write(b"x: y\r\n")
            await asyncio.sleep(0.05)
        assert 0.3 < await closed < 1


async def test_l1_empty_lines_after_a_request_do_not_keep_a_connection() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 OK")
        closed = asyncio.create_task(seconds_until_closed(reader))
        for _ in range(20):
            if closed.done():
                break
            writer.write(b"\r\n")
            await asyncio.sleep(0.05)
        assert 0.3 < await closed < 1


async def test_l1_half_a_body_is_closed() -> None:
    async with connected() as (reader, writer):
        writer.write(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1234")
        assert 0.5 < await seconds_until_closed(reader) < 1.2


async def test_l1_half_a_head_has_its_own_time_after_a_request() -> None:
    async with connected() as (reader, writer):
        # The look at the first deadline comes while this one still has time.
        await asyncio.sleep(0.2)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 OK")
        writer.write(b"GET / HTTP/1.1\r\n")
        assert 0.3 < await seconds_until_closed(reader) < 1


async def test_l1_half_a_body_has_its_own_time_after_a_request() -> None:
    async with connected() as (reader, writer):
        await asyncio.sleep(0.2)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 OK")
        writer.write(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1234")
        assert 0.5 < await seconds_until_closed(reader) < 1.2


async def test_l1_a_deadline_that_was_met_closes_nothing() -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na")
            await asyncio.sleep(0.3)
            writer.write(b"bc")
            assert await answer(reader) == b"HTTP/1.1 200 OK 3"


async def test_a_request_that_comes_whole_is_said_to_be_whole() -> None:
    async with connected() as (reader, writer):
        writer.write(b"POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc" * 2)
        assert [await answer(reader) for _ in range(2)] == [b"HTTP/1.1 200 OK True"] * 2
        writer.write(b"POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\na")
        await asyncio.sleep(0.1)
        writer.write(b"bc")
        assert await answer(reader) == b"HTTP/1.1 200 OK False"


async def test_slow_answer_is_waited_for() -> None:
    async with connected() as (reader, writer):
        writer.write(b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 OK")


async def test_requests_in_a_row_and_in_pieces_are_answered() -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-")
            await asyncio.sleep(0.2)
            writer.write(b"length: 3\r\n\r\nab")
            await asyncio.sleep(0.2)
            writer.write(b"c")
            assert await answer(reader) == b"HTTP/1.1 200 OK 3"


async def test_pipelined_requests_are_answered() -> None:
    async with connected() as (reader, writer):
        writer.write(b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc" * 3)
        assert [await answer(reader) for _ in range(3)] == [b"HTTP/1.1 200 OK 3"] * 3


@pytest.mark.parametrize("size", [33_000, 300_000])
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
async def test_l2_large_head_is_refused(size: int, end: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * size + end)
        status = await asyncio.wait_for(reader.readline(), timeout=3)
        assert status == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


async def test_l2_large_body_after_a_refused_head_reaches_nobody() -> None:
    async with connected() as (reader, writer):
        head = b"POST / HTTP/1.1\r\ncontent-length: 9\r\nx: " + b"a" * 40_000 + b"\r\n\r\n"
        writer.write(head + b"123456789")
        assert (await reader.readline()).startswith(b"HTTP/1.1 431")


async def test_no_header_names_the_server() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"server:" not in head.lower()


@pytest.mark.parametrize("has_length", [True, False])
async def test_l2_who_sends_too_much_is_told_so_and_not_cut_off(*, has_length: bool) -> None:
    body = b" " * 3_000_000
    length = f"content-length: {len(body)}" if has_length else "transfer-encoding: chunked"
    sent = body if has_length else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    async with connected() as (reader, writer):
        writer.write(f"POST /limited HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n".encode() + sent)
        await writer.drain()  # As most clients do: all of it first, then the answer.

        assert (await answer(reader)).startswith(b"HTTP/1.1 413 ")


async def test_a_server_that_stops_waits_for_answers_and_for_no_stream() -> None:
    async with serving() as (running, address):
        following, follower = await asyncio.open_connection(*address)
        follower.write(b"GET /stream HTTP/1.1\r\nhost: a\r\nAccept: text/event-stream\r\n\r\n")
        waiting, waiter = await asyncio.open_connection(*address)
        waiter.write(b"GET /slow HTTP/1.1\r\nhost: a\r\naccept: */*\r\n\r\n")
        head = await following.readuntil(b"\r\n\r\n")
        running.should_exit = True
        rest = await asyncio.wait_for(following.read(), timeout=0.9)
        said = await answer(waiting)
        follower.close()
        waiter.close()

    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"data: begun" in rest
    # Not the last part of a whole answer: the browser knows that it broke off, and comes back.
    assert not rest.endswith(b"0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK")
