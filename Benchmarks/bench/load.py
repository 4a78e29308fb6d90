"""The load generators: wrk and h2load (closed loop), and pace (open loop, beside the floor)."""
import json
import os
import re
import subprocess

from .processes import FLOOR, Failure


def wrk(port, seconds, connections, host, script=None, fields=(), path="/", scheme="http"):
    """Closed loop: as many requests as the connections can carry. Returns requests, seconds, errors."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-H", f"Host: {host}"]
    for field in fields:
        command += ["-H", field]
    if script:
        command += ["-s", script]
    command.append(f"{scheme}://127.0.0.1:{port}{path}")
    text = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60).stdout
    done = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text)
    if not done:
        raise Failure(f"wrk said nothing of requests:\n{text}")
    scale = {"ms": 0.001, "s": 1, "m": 60}[done.group(3)]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return {"requests": int(done.group(1)), "seconds": float(done.group(2)) * scale,
            "errors": (int(bad.group(1)) if bad else 0) + (sum(map(int, sockets.groups())) if sockets else 0)}


def s_time(port, seconds, name, callers=4):
    """Full TLS 1.3 handshakes, closed loop, each on a connection of its own. Returns requests (handshakes), seconds, errors."""
    seconds = max(1, round(seconds))
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-tls1_3", "-time", str(seconds)]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(callers)]
    total, errors = 0, 0
    for caller in callers:
        text = caller.communicate(timeout=seconds + 60)[0]
        done = re.search(r"(\d+) connections in \d+ real seconds", text)
        if not done:
            raise Failure(f"openssl s_time at {name} said nothing of connections:\n{text}")
        total += int(done.group(1))
        errors += caller.returncode != 0
    return {"requests": total, "seconds": seconds, "errors": errors}


def h2load(port, seconds, connections, streams, host, path="/", data=None, fields=()):
    """Closed loop over HTTP/2 in clear; `data` is a file to send with each request. Returns requests, seconds, errors."""
    seconds = max(1, round(seconds))
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}", f"http://127.0.0.1:{port}{path}", "-H", f":authority: {host}"]
    for field in fields:
        command += ["-H", field]
    if data:
        command += ["-d", data]
    text = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60).stdout
    done = re.search(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed", text)
    if not done:
        raise Failure(f"h2load said nothing of requests:\n{text}")
    codes = re.search(r"status codes: (\d+) 2xx", text)
    return {"requests": int(codes.group(1)) if codes else 0, "seconds": seconds, "errors": int(done.group(3))}


def h2load_count(port, count, connections, streams, host, path="/", more=()):
    """So many requests over HTTP/2 in clear, each of which must succeed; `more` are options of h2load's."""
    text = subprocess.run(["h2load", "-t1", f"-n{count}", f"-c{connections}", f"-m{streams}", f"http://127.0.0.1:{port}{path}",
                           "-H", f":authority: {host}", *more], capture_output=True, text=True, timeout=600).stdout
    done = re.search(r", (\d+) succeeded", text)
    if not done or int(done.group(1)) != count:
        raise Failure(f"not every request of {count} succeeded:\n{text}")


def pace(port, rate, seconds, connections, host, hosts=1):
    """Open loop at a fixed rate. Latencies in microseconds; see floor/pace.c."""
    command = [os.path.join(FLOOR, "pace"), str(port), str(rate), str(seconds), str(connections), host, str(hosts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise Failure(f"pace: {done.stderr}")
    return json.loads(done.stdout)


def start_pace(port, rate, seconds, connections, host):
    """The same, not waited for; `finish_pace` takes its result."""
    command = [os.path.join(FLOOR, "pace"), str(port), str(rate), str(seconds), str(connections), host, "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish_pace(process, seconds):
    out, err = process.communicate(timeout=seconds + 60)
    if process.returncode != 0:
        raise Failure(f"pace: {err}")
    return json.loads(out)
