"""A gRPC service and its caller that share no code with ours: every kind of call, through whatever stands between them.

  grpc_calls.py serve                       prints `ready listen=HOST:PORT`
  grpc_calls.py call HOST:PORT NAME CHECK   NAME is the authority; exits with 1 and says why when the check fails
"""
import argparse
import asyncio
import sys
import time

import grpc

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
SERVICE = "heddle.test.Calls"


# ---- the service ----

class Service:
    def __init__(self):
        self.held = 0
        self.let_go = asyncio.Event()
        self.cancelled = 0

    async def echo(self, request, context):
        if request == b"not found":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 100 % é")
        if request == b"sleep":
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if request == b"cancelled":
            return b"%d" % self.cancelled
        said = dict(context.invocation_metadata())
        context.set_trailing_metadata((("x-trailer", said.get("x-asks", "nothing")),))
        return request

    async def hold(self, request, context):
        """Answers when as many calls as the request says are here at once."""
        self.held += 1
        if self.held >= int(request):
            self.let_go.set()
        await self.let_go.wait()
        return b"%d" % self.held

    async def count(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number

    async def total(self, requests, context):
        return b"%d" % sum([len(message) async for message in requests])

    async def chat(self, requests, context):
        async for message in requests:
            yield message


async def serve():
    service = Service()
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
        "Echo": grpc.unary_unary_rpc_method_handler(service.echo), "Hold": grpc.unary_unary_rpc_method_handler(service.hold),
        "Count": grpc.unary_stream_rpc_method_handler(service.count), "Total": grpc.stream_unary_rpc_method_handler(service.total),
        "Chat": grpc.stream_stream_rpc_method_handler(service.chat)}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready listen=127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


# ---- the caller ----

class Calls:
    def __init__(self, address, name):
        self.address, self.name = address, name
        channel = self.channel()
        self.echo = channel.unary_unary(f"/{SERVICE}/Echo")
        self.count = channel.unary_stream(f"/{SERVICE}/Count")
        self.total = channel.stream_unary(f"/{SERVICE}/Total")
        self.chat = channel.stream_stream(f"/{SERVICE}/Chat")

    def channel(self):
        return grpc.aio.insecure_channel(
            self.address, options=[*OPTIONS, ("grpc.default_authority", self.name), ("grpc.use_local_subchannel_pool", 1)])

    async def kinds(self):
        call = self.echo(b"hello", metadata=(("x-asks", "much"),), timeout=30)
        same(await call, b"hello")
        same(dict(await call.trailing_metadata())["x-trailer"], "much")
        same([message async for message in self.count(b"500", timeout=30)], [b"%d" % n for n in range(500)])
        same([message async for message in self.count(b"0", timeout=30)], [])

        async def parts():
            for _ in range(50):
                yield b"x" * 100_000

        same(await self.total(parts(), timeout=60), b"5000000")
        chat = self.chat(timeout=30)
        for number in range(20):  # one by one: nothing may wait for more
            await chat.write(b"%d" % number)
            same(await chat.read(), b"%d" % number)
        await chat.done_writing()
        same(await chat.read(), grpc.aio.EOF)

    async def large(self):
        message = bytes(range(256)) * (4 << 12)
        same(len(message), 4 << 20)
        same(await self.echo(message, timeout=60), message)
        same(await self.echo(b"", timeout=30), b"")

    async def errors(self):
        await fails(self.echo(b"not found", timeout=30), grpc.StatusCode.NOT_FOUND, "no such thing: 100 % é")

    async def deadline(self):
        began = time.monotonic()
        await fails(self.echo(b"sleep", timeout=0.5), grpc.StatusCode.DEADLINE_EXCEEDED)
        await self.wait_for_cancelled(1)
        if time.monotonic() - began > 25:
            raise AssertionError("the service worked on after the deadline")

    async def cancel(self):
        before = int(await self.echo(b"cancelled", timeout=30))
        call = self.echo(b"sleep", timeout=60)
        await asyncio.sleep(0.5)
        call.cancel()
        await self.wait_for_cancelled(before + 1)

    async def wait_for_cancelled(self, count):
        for _ in range(1000):
            if int(await self.echo(b"cancelled", timeout=30)) >= count:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the service was never told that nobody waits")

    async def nobody(self):
        """The name leads nowhere: the proxy answers, as a gRPC status."""
        error = await fails(self.echo(b"hello", timeout=30), grpc.StatusCode.INTERNAL)
        same(dict(error.trailing_metadata())["heddle-error"], "no-route")

    async def many(self, count=10_000, streams=250):
        """So many calls that are all under way at once."""
        channels = [self.channel() for _ in range(count // streams)]
        holds = [channel.unary_unary(f"/{SERVICE}/Hold") for channel in channels]
        calls = [hold(b"%d" % count, timeout=240) for hold in holds for _ in range(streams)]
        same(set(await asyncio.gather(*calls)), {b"%d" % count})


def same(found, expected):
    if found != expected:
        raise AssertionError(f"expected {str(expected)[:200]}, found {str(found)[:200]}")


async def fails(call, code, details=None):
    try:
        found = await call
    except grpc.aio.AioRpcError as error:
        same(error.code(), code)
        if details is not None:
            same(error.details(), details)
        return error
    raise AssertionError(f"expected {code}, found {str(found)[:200]}")


async def check(address, name, what):
    await getattr(Calls(address, name), what)()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["serve", "call"])
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    try:
        asyncio.run(serve() if options.mode == "serve" else check(*options.arguments))
    except AssertionError as error:
        sys.exit(f"failed: {error}")
