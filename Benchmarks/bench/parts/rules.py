"""100 000 rules against 10: CPU per request over 1000 hot names, the largest pause of requests while one rule changes, memory."""
import json
import time

from .. import heddle, load, peers
from ..statistics import median

SIZES = [10, 100_000]
NAMES = 1000

SCRIPT = """
local n = 0
request = function()
  n = (n + 1) % %d
  return wrk.format("GET", "/", {["Host"] = "name" .. n})
end
"""


def measure(shop, options):
    script = shop.write("names.lua", SCRIPT.replace("%d", str(NAMES), 1))
    _, backend_port = peers.backend(shop)
    running = {size: prepared(shop, options, size, backend_port) for size in SIZES}
    rounds = {size: [] for size in SIZES}
    for _ in range(options.rounds):
        for size, (_, proxy) in running.items():
            before = proxy.program.cpu_seconds()
            done = load.wrk(proxy.port, options.seconds, options.connections, "name0", script)
            cpu = proxy.program.cpu_seconds() - before
            rounds[size].append({"cpu_us": cpu * 1e6 / done["requests"], "errors": done["errors"]})
    rows = {str(size): {"cpu_us": median([item["cpu_us"] for item in items]), "errors": sum(item["errors"] for item in items),
                        "resident_mb": running[size][1].program.resident_kb() / 1024, **under_change(*running[size])}
            for size, items in rounds.items()}
    few, many = (rows[str(size)]["cpu_us"] for size in SIZES)
    return {"names": NAMES, "rows": rows, "many_over_few": many / few}


def prepared(shop, options, size, backend_port):
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port)
    put_rules(mesh, size)
    proxy = mesh.start_proxy()
    mesh.wait_for_answer(proxy, "name0", seconds=60)
    for _ in range(2):
        load.pace(proxy.port, 2000, 1, 16, "name", NAMES)
    return mesh, proxy


def put_rules(mesh, size):
    """One wildcard rule leads all names to the service; the others are for names that nobody asks for."""
    entries = [{"prefix": f"/svc/f{number}", "destination": f"/#/registry/gone{number % 1000}"} for number in range(size - 1)]
    entries.append({"prefix": "/svc/*", "destination": "/#/registry/users-v1"})
    # As a list: the text form is for people and ends at 1 MiB.
    mesh.call("PUT", "/dtab", json.dumps({"dtab": entries}, separators=(",", ":")))


def under_change(mesh, proxy):
    """The longest wait of any request while a rule is added and removed ten times."""
    process = load.start_pace(proxy.port, 1000, 3, 16, "name0")
    time.sleep(0.3)
    for number in range(10):
        mesh.call("POST", "/rules", {"prefix": f"/svc/extra{number}", "destination": "/#/registry/users-v1"})
        time.sleep(0.2)
    done = load.finish_pace(process, 3)
    return {"max_ms_under_change": done["max"] / 1000, "failed_under_change": done["failed"]}
