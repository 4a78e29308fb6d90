"""Discovery: 1000 names of 100 endpoints each in watched files. Memory of the controller once a proxy has asked for all of them, and
the time from a changed file to the proxy that uses the change (the file system's own delay is part of it)."""
import http.client
import json
import os
import time

from .. import heddle, load, peers
from ..statistics import median

NAMES = 1000
ENDPOINTS = 100
CHANGES = 100


def measure(shop, options):
    _, backend_port = peers.backend(shop)
    folder = os.path.join(shop.folder, "names")
    os.makedirs(folder)
    for number in range(NAMES):
        write(folder, f"name{number}", backend_port, spare=0)
    mesh = heddle.Mesh(shop, options.bin, more=f"namers:\n  - kind: io.l5d.fs\n    rootDir: {folder}\n    grace: 0s\n")
    empty = mesh.controller.resident_kb() / 1024
    mesh.call("POST", "/rules", {"prefix": "/svc", "destination": "/#/io.l5d.fs"})
    proxy = mesh.start_proxy()
    mesh.wait_for_answer(proxy, "name0", seconds=60)
    load.pace(proxy.port, 1000, 4, 16, "name", NAMES)
    watched = mesh.controller.resident_kb() / 1024
    seen = sorted(seconds(proxy, folder, backend_port, round_) * 1000 for round_ in range(1, CHANGES + 1))
    return {"names": NAMES, "endpoints": ENDPOINTS, "controller_empty_mb": empty, "controller_mb": watched, "changes": CHANGES,
            "p50_ms": median(seen), "p99_ms": seen[int(len(seen) * 0.99) - 1]}


def write(folder, name, port, spare):
    """The service's own address, and addresses of which nobody needs to answer: weight 0."""
    lines = [f"127.0.0.1 {port}"] + [f"127.0.{spare}.{number} 9 * 0" for number in range(1, ENDPOINTS)]
    new = os.path.join(folder, f".{name}.new")
    with open(new, "w") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(new, os.path.join(folder, name))


def seconds(proxy, folder, port, round_):
    """From the rename of one name's file to the moment at which the proxy shows its endpoints."""
    admin = http.client.HTTPConnection("127.0.0.1", proxy.admin, timeout=10)
    mark = f"127.0.{round_ % 250 + 1}.99:9"
    began = time.monotonic()
    write(folder, "name7", port, spare=round_ % 250 + 1)
    while time.monotonic() - began < 10:
        admin.request("GET", "/endpoints?name=/%23/io.l5d.fs/name7")
        text = admin.getresponse().read().decode()
        if mark in text:
            return time.monotonic() - began
    raise heddle.Failure(f"the proxy does not show {mark} within 10 s: {json.dumps(text[:300])}")
