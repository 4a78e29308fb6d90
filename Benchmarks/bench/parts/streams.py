"""Instructions of the proxy's worker per request over HTTP/2 (as part http2) and per unary call of gRPC (as part grpc), under callgrind, which no
other load disturbs: 8000 requests less 2000, so that connections and what starts with them do not count. 4 connections with 8 streams each.
"""
import glob
import os
import subprocess

from .. import heddle, load, peers
from . import grpc
from .instructions import is_worker, total

FEW, MANY = 2000, 8000
CONNECTIONS, STREAMS = 4, 8


def measure(shop, options):
    message = ["--data", os.path.join(shop.folder, "message"), "--header", "content-type: application/grpc", "--header", "te: trailers"]
    _, static = peers.backend(shop, http2=True)
    return {"rows": {"http2": counted(shop, options, "http2", static, "/", []),
                     "grpc": counted(shop, options, "grpc", grpc.backend(shop), grpc.METHOD, message)}}


def counted(shop, options, name, backend_port, path, more):
    base = os.path.join(shop.folder, f"callgrind-{name}")
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port, protocol="http2")
    mesh.put_split({"v1": (100, "users-v1")})
    proxy = mesh.start_proxy(wrapper=[
        peers.tool("valgrind"), "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes", f"--callgrind-out-file={base}"])
    mesh.wait_for_answer(proxy, peers.HOST, seconds=100)
    tell = lambda *words: subprocess.run(["vgdb", f"--pid={proxy.program.process.pid}", *words], check=True, capture_output=True, timeout=120)
    ask = lambda count: load.h2load_count(proxy.port, count, CONNECTIONS, STREAMS, peers.HOST, path, more)

    def instructions(count):
        known = set(glob.glob(base + ".*"))
        tell("instrumentation", "on")
        tell("zero")
        ask(count)
        tell("dump")
        tell("instrumentation", "off")
        return max(total(path) for path in set(glob.glob(base + ".*")) - known if is_worker(path))

    ask(FEW)
    few = instructions(FEW)
    per_request = (instructions(MANY) - few) / (MANY - FEW)
    shop.stop(proxy.program)
    shop.stop(mesh.controller)
    return {"instructions": per_request}
