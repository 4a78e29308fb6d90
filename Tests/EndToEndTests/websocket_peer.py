"""A WebSocket server and client that are not ours (PyPI's websockets, RFC 6455).

usage: websocket_peer.py serve                    echoes; says "ready listen=HOST:PORT"
       websocket_peer.py talk HOST:PORT HOST      a conversation through a proxy at HOST:PORT with the service HOST
       websocket_peer.py idle HOST:PORT HOST      opens a connection, says "open", and then how it ended
"""
import asyncio
import os
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

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


def opened(proxy, host):
    address, port = proxy.rsplit(":", 1)
    return connect(f"ws://{host}/chat?room=1", host=address, port=int(port), proxy=None, max_size=2 * LARGE, ping_interval=None)


async def talk(proxy, host):
    async with opened(proxy, host) as socket:
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
        asyncio.run({"talk": talk, "idle": idle}[command](*sys.argv[2:4]))


main()
