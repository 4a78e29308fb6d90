"""Resident memory: just started, after load, and what one idle keep-alive connection adds (each carried one request)."""
import socket
import time

from .. import load, peers

CONNECTIONS = 2000
SETTLE_SECONDS = 1.5


def measure(shop, options):
    rows = {}
    for name in options.proxies:
        _, backend_port = peers.backend(shop)
        program, port = peers.start(shop, name, backend_port, options)
        time.sleep(SETTLE_SECONDS)
        idle, anonymous = program.resident_kb(), program.resident_kb("RssAnon")
        load.wrk(port, 2, options.connections, peers.HOST)
        time.sleep(SETTLE_SECONDS)
        before = program.resident_kb()
        held = [request_and_hold(port) for _ in range(CONNECTIONS)]
        time.sleep(SETTLE_SECONDS)
        after = program.resident_kb()
        for connection in held:
            connection.close()
        rows[name] = {"idle_mb": idle / 1024, "idle_anonymous_mb": anonymous / 1024, "after_load_mb": before / 1024, "per_connection_kb": (after - before) / CONNECTIONS}
        shop.stop_all()
    return {"connections": CONNECTIONS, "rows": rows}


def request_and_hold(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {peers.HOST}\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(peers.BODY.encode()):
        part = connection.recv(4096)
        if not part:
            raise OSError(f"closed after {answer!r}")
        answer += part
    return connection
