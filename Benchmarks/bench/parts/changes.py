"""100 rule changes a second (PATCH of a split's weights over REST) under load: how many requests fail, and what it does to
latency and cost. Open loop at half of the highest rate that this machine reached just before; at least 200 000 requests."""
import http.client
import threading
import time

from .. import heddle, load, peers

CHANGES_PER_SECOND = 100
REQUESTS = 200_000
CONNECTIONS = 64


def measure(shop, options):
    mesh = heddle.Mesh(shop, options.bin)
    ports = [peers.backend(shop, f"backend{n}")[1] for n in (1, 2)]
    for number, port in enumerate(ports, 1):
        mesh.register(f"users-v{number}", port)
    mesh.put_split({"v1": (50, "users-v1"), "v2": (50, "users-v2")})
    proxy = mesh.start_proxy()
    mesh.wait_for_answer(proxy, peers.HOST)
    load.wrk(proxy.port, 1, CONNECTIONS, peers.HOST)
    most = load.wrk(proxy.port, 3, CONNECTIONS, peers.HOST)
    rate = int(most["requests"] / most["seconds"] / 2)
    seconds = max(options.seconds, REQUESTS / rate + 1)
    calm = run(mesh, proxy, rate, seconds, with_changes=False)
    churn = run(mesh, proxy, rate, seconds, with_changes=True)
    return {"rate": rate, "calm": calm, "under_changes": churn,
            "p99_inflation": churn["p99_ms"] / calm["p99_ms"] - 1 if calm["p99_ms"] else None}


def run(mesh, proxy, rate, seconds, with_changes):
    changer = Changer(mesh) if with_changes else None
    before = proxy.program.cpu_seconds()
    process = load.start_pace(proxy.port, rate, seconds, CONNECTIONS, peers.HOST)
    if changer:
        changer.start()
    done = load.finish_pace(process, seconds)
    cpu = proxy.program.cpu_seconds() - before
    if changer:
        changer.finish()
    proxy.program.check()
    return {"requests": done["requests"], "failed": done["failed"], "p50_ms": done["p50"] / 1000, "p99_ms": done["p99"] / 1000,
            "max_ms": done["max"] / 1000, "cpu_us": cpu * 1e6 / done["requests"],
            "changes": changer.made if changer else 0, "changes_failed": changer.failed if changer else 0,
            "changes_per_second": changer.made / changer.seconds if changer else 0}


class Changer(threading.Thread):
    def __init__(self, mesh):
        super().__init__(daemon=True)
        self.mesh, self.made, self.failed, self.seconds = mesh, 0, 0, 1
        self.ended = threading.Event()

    def run(self):
        client = http.client.HTTPConnection("127.0.0.1", self.mesh.rest, timeout=10)
        began = time.monotonic()
        while not self.ended.is_set():
            weight = 1 + self.made % 99
            try:
                self.mesh.shift({"v1": weight, "v2": 100 - weight}, client=client)
                self.made += 1
            except Exception:   # counted and shown: a refused change is a finding, not an end of the measure
                self.failed += 1
                client.close()
            pause = began + (self.made + self.failed) / CHANGES_PER_SECOND - time.monotonic()
            if pause > 0:
                self.ended.wait(pause)
        self.seconds = time.monotonic() - began

    def finish(self):
        self.ended.set()
        self.join()
