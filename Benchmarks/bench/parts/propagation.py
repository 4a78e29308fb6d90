"""A posted change until its last acknowledgement, with simulated proxies (heddle-swarm) on the same machine: from the sending of
the REST request, so the write to disk is in it."""
import json
import os
import subprocess

from .. import heddle
from ..processes import Failure

SIZES = [1, 100, 1000]
CHANGES = 100
PAUSE_MS = 50


def measure(shop, options):
    rows = {}
    for size in SIZES:
        mesh = heddle.Mesh(shop, options.bin)
        rows[str(size)] = summary(swarm(mesh, options, size))
        shop.stop_all()
    return {"changes": CHANGES, "rows": rows}


def swarm(mesh, options, size):
    command = [os.path.join(options.bin, "heddle-swarm"), "--mesh", f"127.0.0.1:{mesh.stream}", "--rest", f"127.0.0.1:{mesh.rest}",
               "--proxies", str(size), "--changes", str(CHANGES), "--pause", str(PAUSE_MS),
               "--controller-pid", str(mesh.controller.process.pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failure(f"heddle-swarm: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def summary(said):
    row = {"complete": said["complete"], "sync_ms": said["sync_ms"]}
    for key in ("rest_ms", "each_answer_ms", "last_answer_ms"):
        row |= {f"{key[:-3]} {quantile}": said[key][quantile] for quantile in ("p50", "p99")}
    row["controller_mb"] = said["controller"]["resident_bytes"] / (1 << 20)
    row["controller_cpu_s"] = said["controller"]["cpu_s"]
    return row
