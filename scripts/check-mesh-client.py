"""A gRPC client that is not ours (Python's grpcio with our .proto) follows the mesh stream of a real controller: snapshot, deltas
after posted rules, endpoints, a refusal, and a metrics report.
"""
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BIN = os.environ.get("HEDDLE_BIN", os.path.join(ROOT, ".build", "debug"))
CLIENT = os.path.join(ROOT, "Tests", "EndToEndTests", "mesh_client.py")


def call(port, method, path, body):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request(method, "/v1/namespaces/default" + path, json.dumps(body), {"content-type": "application/json"})
    answer = client.getresponse()
    text = answer.read().decode()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {text}")


def started(folder):
    """A controller on ports that the kernel chose; it says which when it is ready."""
    log = open(os.path.join(folder, "controller.log"), "w+")
    controller = subprocess.Popen([os.path.join(BIN, "heddle-controller"), "--rest-listen", "127.0.0.1:0", "--mesh-listen", "127.0.0.1:0",
                                   "--store-path", os.path.join(folder, "store.db")], stdout=log, stderr=log)
    end = time.monotonic() + 20
    while time.monotonic() < end and controller.poll() is None:
        with open(log.name) as file:
            ready = [line for line in file if line.startswith("ready ")]
        if ready:
            ports = dict(word.split("=") for word in ready[0].split()[1:])
            return controller, *(int(ports[name].rsplit(":", 1)[1]) for name in ("rest", "mesh"))
        time.sleep(0.05)
    with open(log.name) as file:
        sys.exit("the controller did not start:\n" + file.read())


def follow(mesh, *options):
    return subprocess.Popen([sys.executable, CLIENT, "--mesh", f"127.0.0.1:{mesh}", "--timeout", "30", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check(what, client):
    out, _ = client.communicate(timeout=60)
    if client.returncode != 0:
        sys.exit(f"{what}: exit {client.returncode}\n{out}")
    print(f"mesh client: {what}: {len(out.splitlines())} events, every hash right")


def main():
    with tempfile.TemporaryDirectory() as folder:
        controller, rest, mesh = started(folder)
        try:
            call(rest, "PUT", "/services/users/endpoints/127.0.0.1:8080", {})
            call(rest, "POST", "/rules", {"prefix": "/svc/users", "destination": "/#/registry/users"})
            client = follow(mesh, "--revisions", "3", "--subscribe", "/#/registry/users", "--report")
            time.sleep(2)   # the snapshot first, so that what follows are deltas
            for name in ("a", "b", "c"):
                call(rest, "POST", "/rules", {"prefix": f"/svc/{name}", "destination": "/#/registry/users"})
                time.sleep(0.3)
            check("snapshot, deltas, endpoints and a report", client)
        finally:
            controller.terminate()
            controller.wait(timeout=10)


if __name__ == "__main__":
    main()
