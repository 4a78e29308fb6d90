"""HTTP/2 cost, in clear on both sides: CPU microseconds of the proxy per request, closed loop, 16 connections with 8 streams each, one
worker. nginx speaks no HTTP/2 to a service and is not among the proxies; otherwise as http1.
"""
from .. import load, peers
from . import http1

CONNECTIONS, STREAMS = 16, 8


def measure(shop, options):
    def run(port, seconds):
        return load.h2load(port, seconds, CONNECTIONS, STREAMS, peers.HOST)

    proxies = [name for name in options.proxies if name != "nginx"]
    result = http1.rounds_of(shop, options, proxies, run, http2=True)
    result["ratios"] = ratios(result["rows"])
    return result


def ratios(rows):
    cost = {name: row["cpu_us"]["median"] for name, row in rows.items()}
    return {f"heddle / {name}": cost["heddle"] / cost[name] for name in ("haproxy", "envoy", "floor") if "heddle" in cost and name in cost}
