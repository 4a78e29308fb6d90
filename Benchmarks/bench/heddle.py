"""A controller with its proxies, driven over REST as an operator would."""
import http.client
import json
import os
import time

from .processes import Failure, free_port


class Proxy:
    def __init__(self, program, port, admin):
        self.program = program
        self.port = port
        self.admin = admin


class Mesh:
    count = 0

    def __init__(self, shop, folder_of_programs, more=""):
        """`more`: lines of the controller's configuration file."""
        Mesh.count += 1
        self.shop = shop
        self.bin = os.path.abspath(folder_of_programs)
        self.name = f"mesh{Mesh.count}"
        self.rest, self.stream = free_port(), free_port()
        self.proxies = 0
        store = os.path.join(shop.folder, self.name)
        os.makedirs(store)
        config = shop.write(f"{self.name}.yaml", f"""
rest:
  listen: 127.0.0.1:{self.rest}
mesh:
  listen: 127.0.0.1:{self.stream}
store:
  path: {store}/controller.db
{more}""")
        self.controller = shop.start(f"{self.name}-controller", [os.path.join(self.bin, "heddle-controller"), "--config", config])
        self.controller.wait_for_port(self.rest)
        self.controller.wait_for_port(self.stream)
        self.client = http.client.HTTPConnection("127.0.0.1", self.rest, timeout=60)

    def call(self, method, path, body=None, content_type="application/json", client=None, ok=(200, 201, 204)):
        client = client or self.client
        data = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
        client.request(method, "/v1/namespaces/default" + path, data, {"content-type": content_type} if data is not None else {})
        answer = client.getresponse()
        text = answer.read()
        if answer.status not in ok:
            raise Failure(f"{method} {path}: {answer.status} {text[:500].decode(errors='replace')}")
        return json.loads(text) if text and b"json" in (answer.headers.get("content-type") or "").encode() else text

    def register(self, service, port, protocol=None):
        if protocol:
            self.call("PUT", f"/services/{service}", {"endpoints": [], "protocol": protocol})
        self.call("PUT", f"/services/{service}/endpoints/127.0.0.1:{port}", {})

    def put_split(self, backends, name="users"):
        self.call("PUT", f"/splits/{name}", {"prefix": f"/svc/{name}", "backends": [
            {"name": key, "destination": f"/#/registry/{service}", "weight": weight}
            for key, (weight, service) in backends.items()]})

    def shift(self, weights, name="users", wait=False, client=None):
        return self.call("PATCH", f"/splits/{name}" + ("?wait=applied&timeout=10s" if wait else ""), {"weights": weights}, client=client)

    def join_token(self, identity):
        return self.call("POST", "/join-tokens", {"identity": identity})["token"]

    def start_proxy(self, workers=1, wrapper=(), outbound="", token=None, more=""):
        """wrapper: a command that runs the proxy, such as a profiler; outbound, more: lines of its file."""
        self.proxies += 1
        name = f"{self.name}-proxy{self.proxies}"
        port, admin = free_port(), free_port()
        config = self.shop.write(f"{name}.yaml", f"""
node: {name}
mesh: ["127.0.0.1:{self.stream}"]
outbound:
  listen: 127.0.0.1:{port}
{outbound}admin:
  listen: 127.0.0.1:{admin}
state:
  path: {self.shop.folder}/{name}.state
workers: {workers}
{more}""")
        program = self.shop.start(name, [*wrapper, os.path.join(self.bin, "heddle-proxy"), "--config", config],
                                  env={"HEDDLE_JOIN_TOKEN": token} if token else None)
        program.wait_for_port(port, seconds=120 if wrapper else 20)
        return Proxy(program, port, admin)

    def wait_until_counted(self, proxy, metric, meanwhile, seconds=20):
        """Until the proxy's metrics have a line that begins so and is not 0."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            meanwhile()
            client = http.client.HTTPConnection("127.0.0.1", proxy.admin, timeout=5)
            client.request("GET", "/metrics")
            page = client.getresponse().read().decode()
            client.close()
            if any(line.startswith(metric) and not line.endswith(" 0") for line in page.splitlines()):
                return
            time.sleep(0.1)
        raise Failure(f"{proxy.program.name} does not count {metric}")

    def wait_for_answer(self, proxy, host, seconds=20):
        end = time.monotonic() + seconds
        last = "no answer"
        while time.monotonic() < end:
            proxy.program.check()
            try:
                client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
                client.request("GET", "/", headers={"host": host})
                answer = client.getresponse()
                last = f"{answer.status} {answer.headers.get('heddle-error')} {answer.read()[:200]}"
                client.close()
                if answer.status == 200:
                    return
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        raise Failure(f"{proxy.program.name} does not route {host}: {last}")
