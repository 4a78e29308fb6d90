"""Added latency at 1000 requests/s, open loop, 16 connections. The generator's own lateness is the control of each round."""
from .. import load, peers
from ..statistics import median, valid_rounds

RATE = 1000
CONNECTIONS = 16


def measure(shop, options):
    _, backend_port = peers.backend(shop)
    running = {name: peers.start(shop, name, backend_port, options)[1] for name in options.proxies}
    ports = {"direct": backend_port, **running}
    rounds = {name: [] for name in ports}
    for port in ports.values():
        load.pace(port, RATE, 1, CONNECTIONS, peers.HOST)
    for _ in range(options.rounds):
        for name, port in ports.items():
            rounds[name].append(load.pace(port, RATE, options.seconds, CONNECTIONS, peers.HOST))
    return {"rate": RATE, "rows": {name: summary(items) for name, items in rounds.items()}}


def summary(items):
    valid = [items[i] for i in valid_rounds([item["late"]["p99"] for item in items])]
    row = {key + "_ms": median([item[key] for item in valid]) / 1000 for key in ("p50", "p90", "p99", "p999")}
    return {**row, "late_p99_ms": median([item["late"]["p99"] for item in valid]) / 1000,
            "failed": sum(item["failed"] for item in items), "requests": sum(item["requests"] for item in items),
            "void": len(items) - len(valid)}
