"""gRPC unary cost: as http2, with calls: a message of 64 bytes each way, `te: trailers`, `grpc-status` in trailers. The service is nghttpd, which
answers every call with the same message.
"""
import os
import subprocess

from .. import load, peers
from ..processes import Failure, free_port
from . import http1, http2

MESSAGE = b"\0" + (64).to_bytes(4, "big") + b"m" * 64
# The ending tells nghttpd the content type.
METHOD = "/bench.Echo/Say.grpc"


def measure(shop, options):
    backend_port = backend(shop)
    message = os.path.join(shop.folder, "message")

    def run(port, seconds):
        return load.h2load(port, seconds, http2.CONNECTIONS, http2.STREAMS, peers.HOST, path=METHOD, data=message,
                           fields=["content-type: application/grpc", "te: trailers"])

    running = {name: peers.start(shop, name, backend_port, options, http2=True) for name in options.proxies if name != "nginx"}
    for name, (_, port) in running.items():
        if name != "floor":
            check(name, port, message)
    result = http1.alternate(options, running, run, lambda: run(backend_port, 1))
    result["ratios"] = http2.ratios(result["rows"])
    return result


def backend(shop):
    documents = os.path.join(shop.folder, "grpc")
    os.makedirs(documents + os.path.dirname(METHOD))
    for path in (documents + METHOD, os.path.join(shop.folder, "message")):
        with open(path, "wb") as file:
            file.write(MESSAGE)
    # What is asked for until a proxy routes.
    with open(os.path.join(documents, "index.html"), "w") as file:
        file.write(peers.BODY)
    port = free_port()
    types = shop.write("grpc-types", "application/grpc grpc\n")
    program = shop.start("grpc-backend", [peers.tool("nghttpd"), "--no-tls", "--htdocs", documents, "--mime-types-file", types,
                                          "--trailer=grpc-status: 0", "--max-concurrent-streams=1000", str(port)])
    program.wait_for_port(port)
    return port


def check(name, port, message):
    """That a call through this proxy brings its status: else its cost would say nothing."""
    said = subprocess.run(["nghttp", "--verbose", "--data", message, "--header", f":authority: {peers.HOST}", "--header", "te: trailers",
                           "--header", "content-type: application/grpc", f"http://127.0.0.1:{port}{METHOD}"],
                          capture_output=True, text=True, errors="replace", timeout=20).stdout
    if "grpc-status: 0" not in said:
        raise Failure(f"{name} passes no grpc-status:\n{said[-2000:]}")
