"""A posted change until its last acknowledgement, with simulated proxies (heddle-swarm) on the same machine."""
import json
import os
import subprocess

from .. import heddle
from ..processes import Failure

SIZES = [1, 100, 1000]


def measure(shop, options):
    rows = {}
    for size in SIZES:
        mesh = heddle.Mesh(shop, options.bin)
        rows[str(size)] = swarm(mesh, options, size)
        shop.stop_all()
    return {"rows": rows}


def swarm(mesh, options, size):
    command = [os.path.join(options.bin, "heddle-swarm"), "--mesh", f"127.0.0.1:{mesh.stream}",
               "--controller", f"http://127.0.0.1:{mesh.rest}", "--proxies", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failure(f"heddle-swarm: {done.stderr or done.stdout}")
    return json.loads(done.stdout.strip().splitlines()[-1])
