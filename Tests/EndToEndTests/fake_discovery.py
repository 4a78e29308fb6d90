"""Kubernetes' API server and Consul's agent, as far as someone who watches the service `web` sees them. Standard library only.

usage: fake_discovery.py
Says `ready listen=ADDRESS`. `PUT /endpoints` with `HOST:PORT HOST:PORT` says what both list from then on; at first, none.
"""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SERVICES = "/api/v1/namespaces/prod/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices"
HEALTH = "/v1/health/service/web"
# Questions that wait are answered after this many seconds without news, as both systems do.
PATIENCE = 30


class State:
    """The endpoints, and a version that grows with each change of them."""

    def __init__(self):
        self.changed = threading.Condition()
        self.version = 10
        self.endpoints = []

    def put(self, endpoints):
        with self.changed:
            self.version += 1
            self.endpoints = endpoints
            self.changed.notify_all()

    def after(self, version):
        """Endpoints and version, once the version is not this one any more, or patience ends."""
        with self.changed:
            self.changed.wait_for(lambda: self.version != version, PATIENCE)
            return self.endpoints, self.version


def service(version):
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return {"metadata": {"name": "web", "resourceVersion": str(version)}, "spec": {"ports": ports}}


def slice_of(endpoints, version):
    pairs = [endpoint.rsplit(":", 1) for endpoint in endpoints]
    return {
        "metadata": {
            "name": "web-1",
            "labels": {"kubernetes.io/service-name": "web"},
            "resourceVersion": str(version),
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": int(port), "protocol": "TCP"} for _, port in pairs[:1]],
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}} for host, _ in pairs],
    }


def instance(endpoint):
    host, port = endpoint.rsplit(":", 1)
    return {
        "Node": {"Address": host},
        "Checks": [{"Status": "passing"}],
        "Service": {"Address": host, "Port": int(port), "Tags": []},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = State()

    def log_message(self, *arguments):
        pass

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.state.put(body.split())
        self.answer({})

    def do_GET(self):
        target = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if target.path == HEALTH:
            endpoints, version = self.state.after(int(query.get("index", 0)))
            self.answer([instance(endpoint) for endpoint in endpoints], {"X-Consul-Index": str(version)})
        elif target.path not in (SERVICES, SLICES):
            self.send_error(404)
        elif query.get("watch"):
            self.watch(target.path, int(query["resourceVersion"]))
        else:
            endpoints, version = self.state.after(0)
            item = service(version) if target.path == SERVICES else slice_of(endpoints, version)
            self.answer({"kind": "List", "metadata": {"resourceVersion": str(version)}, "items": [item]})

    def watch(self, path, version):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            endpoints, newer = self.state.after(version)
            event = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(newer)}}}
            if newer != version and path == SLICES:
                event = {"type": "MODIFIED", "object": slice_of(endpoints, newer)}
            version = newer
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def answer(self, content, headers=None):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print("ready listen=127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
