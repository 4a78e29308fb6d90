"""A wire between two programs that keeps all that goes over it. Standard library only.

usage: recording_relay.py HOST FOLDER
Listens on 127.0.0.1 and says `ready listen=ADDRESS`; each connection goes on to the same port of HOST. What was sent in each
direction of connection N is in FOLDER/N.to and FOLDER/N.from, written before it is passed on.
"""
import asyncio
import os
import sys

host, folder = sys.argv[1:3]
count = 0


async def copy(source, sink, name):
    with open(os.path.join(folder, name), "wb", buffering=0) as record:
        try:
            while data := await source.read(65536):
                record.write(data)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
    sink.close()


async def main():
    async def serve(reader, writer):
        global count
        count += 1
        number = count
        try:
            back_reader, back_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, back_writer, f"{number}.to"), copy(back_reader, writer, f"{number}.from"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"ready listen=127.0.0.1:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
