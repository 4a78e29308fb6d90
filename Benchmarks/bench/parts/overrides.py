"""Requests with rules of their own (`l5d-dtab`, seen before) against requests without: CPU microseconds per request, alternating rounds."""
from .. import heddle, load, peers
from ..statistics import median

RULE = "l5d-dtab: /svc/users => /svc/other"


def measure(shop, options):
    _, backend_port = peers.backend(shop)
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port)
    for name in ("users", "other"):
        mesh.call("POST", "/rules", {"prefix": f"/svc/{name}", "destination": "/#/registry/users-v1"})
    proxy = mesh.start_proxy()
    mesh.wait_for_answer(proxy, "users")
    rounds = {"without": [], "with a rule": []}
    for _ in range(options.rounds):
        for label, fields in (("without", ()), ("with a rule", (RULE,))):
            before = proxy.program.cpu_seconds()
            done = load.wrk(proxy.port, options.seconds, options.connections, "users", fields=fields)
            cpu = proxy.program.cpu_seconds() - before
            rounds[label].append({"cpu_us": cpu * 1e6 / done["requests"], "errors": done["errors"]})
    rows = {label: {"cpu_us": median([item["cpu_us"] for item in items]), "errors": sum(item["errors"] for item in items)}
            for label, items in rounds.items()}
    return {"rows": rows, "ratio": rows["with a rule"]["cpu_us"] / rows["without"]["cpu_us"]}
