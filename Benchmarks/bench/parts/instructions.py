"""What names and rules cost, in instructions of the proxy's worker under callgrind, which no other load disturbs: a bound request
(1000 hot names in turn), the first request of a name (which is bound then), and in it the look-up in the rules alone; with 10 rules
and with 100 000. What the worker counts for the metrics is collected by the clock, not by requests, and taken off. Beside it, without callgrind, the worker's time for a first binding: the kernel's count of nanoseconds
(/proc/PID/task/TID/schedstat), first request less bound request."""
import glob
import os
import re
import socket
import subprocess
import time

from .. import heddle, peers
from ..processes import Failure
from ..statistics import median
from .rules import NAMES, SIZES, put_rules

REQUESTS = 5000
FIRST = 2000
TIMED = 8000           # below the 10 000 bindings that a worker keeps
# Symbols (patterns of mangled names) whose cost, all that they call included, is shown apart.
LOOK_UP = r"DelegationWalk\w*V7matchesy"
DELEGATE = r"InterpreterO8delegate"
# Runs each second, however long callgrind takes for the requests.
COLLECT = r"ProxyCoreV7collect"
# Only the threads that carry requests run this.
WORKER = "9ProxyCoreV"


def measure(shop, options):
    _, backend_port = peers.backend(shop)
    rows = {str(size): {**counted(shop, options, size, backend_port), **timed(shop, options, size, backend_port)} for size in SIZES}
    few, many = (rows[str(size)] for size in SIZES)
    return {"names": NAMES, "rows": rows,
            "many_over_few": {key: many[key] / few[key] for key in ("bound", "first", "look_up", "delegation") if few[key] and many[key]}}


def prepared(shop, options, size, backend_port, wrapper=()):
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port)
    put_rules(mesh, size)
    proxy = mesh.start_proxy(wrapper=wrapper)
    mesh.wait_for_answer(proxy, "name0", seconds=300)
    return mesh, proxy


def counted(shop, options, size, backend_port):
    base = os.path.join(shop.folder, f"callgrind-{size}")
    mesh, proxy = prepared(shop, options, size, backend_port, wrapper=[
        peers.tool("valgrind"), "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes", f"--callgrind-out-file={base}"])
    tell = lambda *words: subprocess.run(["vgdb", f"--pid={proxy.program.process.pid}", *words], check=True, capture_output=True, timeout=120)

    def instructions(names):
        """Runs the requests; what the worker spent on them, and its dump."""
        known = set(glob.glob(base + ".*"))
        tell("instrumentation", "on")
        tell("zero")
        caller.ask(names)
        tell("dump")
        tell("instrumentation", "off")
        spent, path = max((total(path), path) for path in set(glob.glob(base + ".*")) - known if is_worker(path))
        return spent - (cost(path, COLLECT) or 0), path

    with Caller(proxy.port) as caller:
        caller.ask(f"name{n}" for n in range(NAMES))
        bound, _ = instructions([f"name{n % NAMES}" for n in range(REQUESTS)])
        first, dump = instructions([f"first{n}" for n in range(FIRST)])
    shop.stop(proxy.program)
    shop.stop(mesh.controller)
    look_up, delegation = (cost(dump, symbol) for symbol in (LOOK_UP, DELEGATE))
    return {"bound": bound / REQUESTS, "first": first / FIRST, "look_up": look_up and look_up / FIRST,
            "delegation": delegation and delegation / FIRST}


def total(path):
    with open(path, errors="replace") as file:
        found = re.search(r"^(?:totals|summary): (\d+)", file.read(), re.MULTILINE)
    return int(found.group(1)) if found else 0


def is_worker(path):
    with open(path, errors="replace") as file:
        return WORKER in file.read()


def cost(dump, symbol):
    """Instructions in the function of this symbol; None when the compiler left none of it, or it did not run."""
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--show-percs=no", dump],
                          capture_output=True, text=True, timeout=300).stdout
    costs = [int(line.split()[0].replace(",", "")) for line in text.splitlines()
             if re.search(symbol, line) and re.match(r"\s*[\d,]+ ", line)]
    return max(costs) if costs else None


def timed(shop, options, size, backend_port):
    differences = []
    mesh, proxy = prepared(shop, options, size, backend_port)
    shop.stop(proxy.program)
    for _ in range(max(1, min(3, options.rounds))):
        proxy = mesh.start_proxy()
        mesh.wait_for_answer(proxy, "name0", seconds=60)
        with Caller(proxy.port) as caller:
            caller.ask(f"name{n}" for n in range(NAMES))
            bound = worker_time(proxy, lambda: caller.ask(f"name{n % NAMES}" for n in range(TIMED)))
            first = worker_time(proxy, lambda: caller.ask(f"first{n}" for n in range(TIMED)))
        differences.append((first - bound) / TIMED / 1000)
        shop.stop(proxy.program)
    shop.stop(mesh.controller)
    return {"first_binding_us": median(differences)}


def worker_time(proxy, work):
    before = nanoseconds(proxy.program.process.pid)
    work()
    return nanoseconds(proxy.program.process.pid) - before


def nanoseconds(pid):
    """On a processor, of the threads that carry requests."""
    spent = 0
    for task in glob.glob(f"/proc/{pid}/task/*"):
        with open(task + "/comm") as name, open(task + "/schedstat") as stat:
            if name.read().startswith("worker"):
                spent += int(stat.read().split()[0])
    return spent


class Caller:
    """One kept connection, one request at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, names):
        for name in names:
            self.socket.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(peers.BODY.encode()):
                more = self.socket.recv(65536)
                if not more:
                    raise Failure(f"the proxy closed while {name} was asked for: {answer[:300]}")
                answer += more
            if not answer.startswith(b"HTTP/1.1 200"):
                raise Failure(f"{name}: {answer[:300]}")
