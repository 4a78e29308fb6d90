"""A mesh's own way: HTTP/1.1 into the caller's proxy, mutual TLS 1.3 with HTTP/2 between two proxies, HTTP/1.1 to the service. CPU
microseconds of both proxies together per request, closed loop, 64 connections, one worker each; two Envoys and two HAProxies doing the same
with certificates of the same kind (P-256). Heddle with identities of its controller's authority, renewed by themselves.
"""
import json

from .. import certificates, heddle, load, peers
from ..processes import free_port
from . import http1


class Pair:
    """Two programs that cost together."""

    def __init__(self, first, second):
        self.programs = (first, second)

    def cpu_seconds(self):
        return sum(program.cpu_seconds() for program in self.programs)

    def check(self):
        for program in self.programs:
            program.check()


def measure(shop, options):
    authority = certificates.Authority(shop)
    leaves = (authority.leaf("caller"), authority.leaf("users"))
    _, backend_port = peers.backend(shop)
    running = {name: STARTERS[name](shop, backend_port, options, authority.path, leaves)
               for name in options.proxies if name in STARTERS}

    def run(port, seconds):
        return load.wrk(port, seconds, options.connections, peers.HOST)

    result = http1.alternate(options, running, run, lambda: run(backend_port, 1))
    cost = {name: row["cpu_us"]["median"] for name, row in result["rows"].items()}
    result["ratios"] = {f"two heddle / two {name}": cost["heddle"] / cost[name]
                        for name in ("envoy", "haproxy") if "heddle" in cost and name in cost}
    return result


def haproxy(shop, backend_port, options, authority, leaves):
    """The caller's, then the application's."""
    first, second = free_port(), free_port()
    caller = peers.HAPROXY_HEAD + f"""
frontend in
  bind 127.0.0.1:{first}
  default_backend users
backend users
  http-reuse always
  server one 127.0.0.1:{second} ssl crt {leaves[0]['both']} ca-file {authority} verify required verifyhost users alpn h2 ssl-min-ver TLSv1.3
"""
    application = peers.HAPROXY_HEAD + f"""
frontend in
  bind 127.0.0.1:{second} ssl crt {leaves[1]['both']} ca-file {authority} verify required alpn h2 ssl-min-ver TLSv1.3
  default_backend users
backend users
  http-reuse always
  server one 127.0.0.1:{backend_port}
"""
    programs = []
    for name, text, port in (("haproxy-application", application, second), ("haproxy-caller", caller, first)):
        program = shop.start(name, [peers.tool("haproxy"), "-db", "-f", shop.write(name + ".cfg", text)])
        program.wait_for_port(port)
        programs.append(program)
    return Pair(*programs), first


def envoy(shop, backend_port, options, authority, leaves):
    first, second = free_port(), free_port()

    def context(leaf, kind):
        return {"common_tls_context": {
            "alpn_protocols": ["h2"], "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificates": [{"certificate_chain": {"filename": leaf["chain"]}, "private_key": {"filename": leaf["key"]}}],
            "validation_context": {"trusted_ca": {"filename": authority}}},
            "@type": f"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{kind}"}

    server = context(leaves[1], "DownstreamTlsContext") | {"require_client_certificate": True}
    client = context(leaves[0], "UpstreamTlsContext") | {"sni": "users"}
    application = peers.envoy_config(second, backend_port)
    application["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"] = {
        "name": "envoy.transport_sockets.tls", "typed_config": server}
    caller = peers.envoy_config(first, second, http2_upstream=True)
    caller["static_resources"]["clusters"][0]["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": client}
    programs = []
    for name, config, port in (("envoy-application", application, second), ("envoy-caller", caller, first)):
        program = shop.start(name, [peers.envoy_binary(), "-c", shop.write(name + ".json", json.dumps(config)), "--concurrency", "1",
                                    "--disable-hot-restart", "-l", "error"])
        program.wait_for_port(port)
        programs.append(program)
    return Pair(*programs), first


def heddle_pair(shop, backend_port, options, authority, leaves):
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port)
    mesh.put_split({"v1": (100, "users-v1")})
    inbound = free_port()
    application = mesh.start_proxy(workers=1, token=mesh.join_token("users"), more=f"""
inbound:
  listen: 127.0.0.1:{inbound}
  application: 127.0.0.1:{backend_port}
  mesh_only: true
""")
    application.program.wait_for_port(inbound)
    caller = mesh.start_proxy(workers=1, token=mesh.join_token("caller"))
    mesh.wait_for_answer(caller, peers.HOST)
    mesh.wait_until_counted(application, 'heddle_requests_total{direction="inbound"', lambda: mesh.wait_for_answer(caller, peers.HOST))
    pair = Pair(caller.program, application.program)
    pair.mesh = mesh
    return pair, caller.port


STARTERS = {"haproxy": haproxy, "envoy": envoy, "heddle": heddle_pair}
