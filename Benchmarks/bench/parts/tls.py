"""TLS at the listener, in front of a plain service: full TLS 1.3 handshakes and bulk, per CPU second of the proxy, beside HAProxy with the
same P-256 certificate; bulk in clear too. One worker each.

A handshake is a connection of its own that asks for nothing (openssl s_time -new). Bulk is a file of 8 MiB, 8 connections.
"""
import os

from .. import certificates, heddle, load, peers
from ..processes import free_port
from ..statistics import median
from . import http1

BULK_BYTES = 8 << 20
CONNECTIONS = 8


def measure(shop, options):
    leaf = certificates.Authority(shop).leaf("users")
    names = [name for name in options.proxies if name in STARTERS]
    backend_port = bulk_backend(shop)
    secure = {name: STARTERS[name](shop, backend_port, options, leaf) for name in names}
    clear = {name: STARTERS[name](shop, backend_port, options, None) for name in names}
    for program, port in [*secure.values(), *clear.values()]:
        program.wait_for_port(port)

    def bulk(scheme):
        return lambda port, seconds: load.wrk(port, seconds, CONNECTIONS, peers.HOST, path="/bulk", scheme=scheme)

    def control():
        return bulk("http")(backend_port, 1)

    result = {"handshakes": http1.alternate(options, secure, lambda port, seconds: load.s_time(port, seconds, "the proxy"), control),
              "bulk": http1.alternate(options, clear, bulk("http"), control),
              "bulk over TLS": http1.alternate(options, secure, bulk("https"), control)}
    result["ratios"] = {}
    for name, part in result.items():
        if name != "ratios":
            cost = {proxy: row["cpu_us"]["median"] for proxy, row in part["rows"].items()}
            # Per CPU second: the inverse of the cost.
            if "heddle" in cost and "haproxy" in cost:
                result["ratios"][f"{name} per CPU second, heddle / haproxy"] = cost["haproxy"] / cost["heddle"]
    return result


def bulk_backend(shop):
    with open(os.path.join(shop.folder, "bulk"), "wb") as file:
        file.write(os.urandom(BULK_BYTES))
    os.chmod(shop.folder, 0o755)
    port = free_port()
    text = peers.NGINX_HEAD.format(name="bulk-backend", folder=shop.folder) + f"""
  sendfile on;
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    root {shop.folder};
  }}
}}
"""
    program = shop.start("bulk-backend", [peers.tool("nginx"), "-p", shop.folder, "-e", f"{shop.folder}/bulk-backend.error",
                                          "-c", shop.write("bulk-backend.conf", "user root;\n" + text if os.getuid() == 0 else text)])
    program.wait_for_port(port)
    return port


def haproxy(shop, backend_port, options, leaf):
    port = free_port()
    tls = f" ssl crt {leaf['both']} alpn http/1.1" if leaf else ""
    name = "haproxy-tls" if leaf else "haproxy-clear"
    text = peers.HAPROXY_HEAD + f"""
frontend in
  bind 127.0.0.1:{port}{tls}
  default_backend users
backend users
  http-reuse always
  server one 127.0.0.1:{backend_port}
"""
    return shop.start(name, [peers.tool("haproxy"), "-db", "-f", shop.write(name + ".cfg", text)]), port


def heddle_proxy(shop, backend_port, options, leaf):
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port)
    mesh.put_split({"v1": (100, "users-v1")})
    tls = f"  tls: {{certificates: [{{chain: {leaf['chain']}, key: {leaf['key']}}}]}}\n" if leaf else ""
    proxy = mesh.start_proxy(workers=1, outbound=tls)
    proxy.program.mesh = mesh
    return proxy.program, proxy.port


STARTERS = {"haproxy": haproxy, "heddle": heddle_proxy}
