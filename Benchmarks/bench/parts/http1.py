"""HTTP/1.1 cost: CPU microseconds of the proxy per request, closed loop, keep-alive, one worker each.

Rounds alternate between the proxies, so that a change of the machine's load meets all of them. The direct path is measured
in each round as the control; a round whose direct rate is under half of the median is void.
"""
from .. import load, peers
from ..processes import Failure
from ..statistics import median, spread, valid_rounds


def measure(shop, options):
    def run(port, seconds):
        return load.wrk(port, seconds, options.connections, peers.HOST)

    result = rounds_of(shop, options, options.proxies, run)
    result["ratios"] = ratios(result["rows"])
    return result


def rounds_of(shop, options, proxies, run, http2=False):
    """`run(port, seconds)` is the load; it returns requests, seconds and errors."""
    _, backend_port = peers.backend(shop, http2=http2)
    running = {name: peers.start(shop, name, backend_port, options, http2) for name in proxies}
    return alternate(options, running, run, lambda: run(backend_port, 1))


def alternate(options, running, run, control):
    """`running`: by name what costs and where it listens. `control()` is a load that no proxy carries."""
    for name, (_, port) in running.items():
        done = run(port, 1)
        if done["requests"] == 0 or done["errors"] > done["requests"] / 10:
            raise Failure(f"{name} answers {done['requests']} requests with {done['errors']} errors: its cost would say nothing")
    rounds = {name: [] for name in running}
    direct = []
    for _ in range(options.rounds):
        done = control()
        direct.append(done["requests"] / done["seconds"])
        for name, (program, port) in running.items():
            rounds[name].append(one(program, port, options, run))
    valid = valid_rounds([1 / rate for rate in direct])
    rows = {name: summary([items[i] for i in valid]) for name, items in rounds.items()}
    return {"rows": rows, "direct_requests_per_second": median(direct), "rounds": len(direct), "void": len(direct) - len(valid)}


def one(program, port, options, run):
    before = program.cpu_seconds()
    done = run(port, options.seconds)
    program.check()
    cpu = program.cpu_seconds() - before
    return {"cpu_us": cpu * 1e6 / max(1, done["requests"]), "rate": done["requests"] / done["seconds"],
            "requests": done["requests"], "errors": done["errors"]}


def summary(items):
    return {"cpu_us": spread([item["cpu_us"] for item in items]), "rate": median([item["rate"] for item in items]),
            "requests": sum(item["requests"] for item in items), "errors": sum(item["errors"] for item in items)}


def ratios(rows):
    """Of Heddle's median to what the issue compares it with."""
    cost = {name: row["cpu_us"]["median"] for name, row in rows.items()}
    if "heddle" not in cost:
        return {}
    better = [cost[name] for name in ("nginx", "haproxy") if name in cost]
    found = {"heddle / better of nginx and haproxy": cost["heddle"] / min(better)} if better else {}
    for name in ("envoy", "floor"):
        if name in cost:
            found[f"heddle / {name}"] = cost["heddle"] / cost[name]
    return found
