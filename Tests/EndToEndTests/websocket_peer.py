"""A WebSocket server and client that are not ours (PyPI's websockets, RFC 6455; over HTTP/2 with PyPI's h2, RFC 8441).

usage: websocket_peer.py serve                            echoes; says "ready listen=HOST:PORT"
       websocket_peer.py talk HOST:PORT HOST [AUTHORITY]  a conversation through a proxy at HOST:PORT with the service HOST; under TLS
                                                          where the file AUTHORITY says who signs the proxy's certificate
       websocket_peer.py stream HOST:PORT HOST [AUTHORITY]  three of them at once, on streams of one connection
       websocket_peer.py idle HOST:PORT HOST              opens a connection, says "open", and then how it ended
"""
import asyncio
import os
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.frames import Frame, Opcode

LARGE = 1 << 20
CLOSE_CODE = 4001


async def echo(socket):
    try:
        async for message in socket:
            if message == "leave":
                await socket.close(CLOSE_CODE, "as asked")
            else:
                await socket.send(message)
    except websockets.ConnectionClosedError:
        pass


async def serving():
    async with serve(echo, "127.0.0.1", 0, max_size=2 * LARGE, ping_interval=None) as server:
        print("ready listen=127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


def opened(proxy, host, tls=None):
    address, port = proxy.rsplit(":", 1)
    url = f"{'wss' if tls else 'ws'}://{host}/chat?room=1"
    return connect(url, host=address, port=int(port), proxy=None, max_size=2 * LARGE, ping_interval=None, ssl=tls)


def trusting(authority, protocol):
    if not authority:
        return None
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols([protocol])
    return context


async def talk(proxy, host, authority=""):
    async with opened(proxy, host, trusting(authority, "http/1.1")) as socket:
        for message in ["hello", "", "grüße \N{WHITE SMILING FACE}", b"\x00\xff\r\n\r\n", os.urandom(LARGE), "x" * LARGE]:
            await socket.send(message)
            assert await socket.recv() == message, "the echo differs"
        for number in range(1000):
            await socket.send(str(number))
        for number in range(1000):
            assert await socket.recv() == str(number), "messages changed their order"
        await asyncio.wait_for(await socket.ping(b"are you there"), 20)
        await socket.send("leave")
        try:
            await socket.recv()
        except websockets.ConnectionClosed as end:
            assert end.rcvd.code == CLOSE_CODE and end.rcvd.reason == "as asked", end
            print("closed", end.rcvd.code)
            return
        raise AssertionError("the connection was not closed")


class Streams:
    """One connection of HTTP/2 as a client, whose streams are tunnels."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.heads, self.data, self.ended = {}, {}, set()
        self.flush()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    async def until(self, is_so):
        while not is_so():
            received = await asyncio.wait_for(self.reader.read(65536), 20)
            assert received, "the connection ended"
            for event in self.h2.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    self.heads[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.data.setdefault(event.stream_id, bytearray()).extend(event.data)
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
                elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    raise AssertionError(f"broken off: {event}")
            self.flush()

    async def open(self, host):
        await self.until(lambda: self.h2.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1)
        stream = self.h2.get_next_available_stream_id()
        target = [(":scheme", "http"), (":authority", host), (":path", "/chat?room=1")]
        self.h2.send_headers(stream, [(":method", "CONNECT"), (":protocol", "websocket")] + target + [("sec-websocket-version", "13")])
        self.flush()
        await self.until(lambda: stream in self.heads)
        head = self.heads[stream]
        assert head[":status"] == "200" and "sec-websocket-accept" not in head and "upgrade" not in head, head
        return stream

    async def send(self, stream, opcode, payload):
        rest = Frame(opcode, payload).serialize(mask=True)
        while rest:
            await self.until(lambda: self.h2.local_flow_control_window(stream) > 0)
            size = min(len(rest), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, rest[:size])
            rest = rest[size:]
            self.flush()

    async def receive(self, stream):
        """The next message or control frame."""
        opcode, payload, is_last = None, b"", False
        while not is_last:
            head = await self.take(stream, 2)
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(await self.take(stream, 2 if size == 126 else 8), "big")
            payload += await self.take(stream, size)
            opcode, is_last = opcode or head[0] & 15, head[0] & 128
        return Opcode(opcode), payload

    async def take(self, stream, count):
        data = self.data.setdefault(stream, bytearray())
        await self.until(lambda: len(data) >= count)
        taken = bytes(data[:count])
        del data[:count]
        return taken


async def stream(proxy, host, authority=""):
    address, port = proxy.rsplit(":", 1)
    tls = trusting(authority, "h2")
    streams = Streams(*await asyncio.open_connection(address, int(port), ssl=tls, server_hostname=host if tls else None))
    numbers = [await streams.open(host) for _ in range(3)]
    for payload in [b"hello", b"", os.urandom(LARGE), "grüße".encode()]:
        for number in numbers:
            await streams.send(number, Opcode.BINARY, payload)
        for number in numbers:
            assert await streams.receive(number) == (Opcode.BINARY, payload), "the echo differs"
    for number in numbers:
        await streams.send(number, Opcode.TEXT, b"leave")
        opcode, payload = await streams.receive(number)
        assert opcode == Opcode.CLOSE and payload[2:] == b"as asked", payload
        await streams.send(number, Opcode.CLOSE, payload)
        streams.h2.end_stream(number)
        streams.flush()
    await streams.until(lambda: streams.ended.issuperset(numbers))
    print("closed", int.from_bytes(payload[:2], "big"))


async def idle(proxy, host):
    async with opened(proxy, host) as socket:
        print("open", flush=True)
        try:
            async for message in socket:
                print("message", message, flush=True)
            print("ended in order", flush=True)
        except websockets.ConnectionClosedError:
            print("cut off", flush=True)


def main():
    command = sys.argv[1]
    if command == "serve":
        asyncio.run(serving())
    else:
        asyncio.run({"talk": talk, "stream": stream, "idle": idle}[command](*sys.argv[2:]))


main()
