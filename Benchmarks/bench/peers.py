"""The proxies under measure and the service behind them: each with one worker, keep-alive on both sides, no access log."""
import glob
import json
import os
import shutil
import subprocess
import sys

from .processes import FLOOR, Failure, free_port
from . import heddle

ALL = ["floor", "heddle", "haproxy", "nginx", "envoy"]
HOST = "users"
BODY = "0123456789abcdef" * 8


def tool(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise Failure(f"{name} is not there; make bench installs it")
    return found


def envoy_binary():
    """The wheel brings the binary; where in it differs between versions."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".venv")
    for path in glob.glob(os.path.join(root, "lib", "python3*", "site-packages", "envoy*", "**", "envoy*"), recursive=True):
        if os.path.isfile(path) and os.access(path, os.X_OK) and os.path.getsize(path) > 1 << 20:
            return path
    return tool("envoy")


def versions(options):
    said = {}
    commands = {"nginx": lambda: [tool("nginx"), "-v"], "haproxy": lambda: [tool("haproxy"), "-v"],
                "envoy": lambda: [envoy_binary(), "--version"],
                "heddle": lambda: [os.path.join(options.bin, "heddle-proxy"), "--version"]}
    for name in options.proxies:
        if name in commands:
            command = commands[name]()
            done = subprocess.run(command, capture_output=True, text=True)
            # Some programs say where they lie; results travel, paths do not.
            text = (done.stdout + done.stderr).replace(command[0], name).strip().splitlines()
            said[name] = next((line.strip() for line in text if line.strip()), "unknown")
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.splitlines()
    said["wrk"] = wrk[0] if wrk else "unknown"
    said["commit"] = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                                    cwd=os.path.dirname(os.path.abspath(__file__))).stdout.strip()
    return said


def backend(shop, name="backend", body=BODY, http2=False):
    """A static answer from nginx, one worker."""
    port = free_port()
    text = NGINX_HEAD.format(name=name, folder=shop.folder) + f"""
  server {{
    listen 127.0.0.1:{port} {"http2 " if http2 else ""}reuseport backlog=4096;
    location / {{ return 200 "{body}"; }}
  }}
}}
"""
    program = shop.start(name, [tool("nginx"), "-p", shop.folder, "-e", f"{shop.folder}/{name}.error",
                                "-c", shop.write(f"{name}.conf", text)])
    program.wait_for_port(port)
    return program, port


NGINX_HEAD = """
worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log {folder}/{name}.error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
"""


def start(shop, name, backend_port, options, http2=False):
    """Returns (program, port); the program answers before this returns. `http2`: on both sides, in clear."""
    program, port = {"floor": floor, "nginx": nginx, "haproxy": haproxy, "envoy": envoy, "heddle": heddle_proxy}[name](
        shop, backend_port, options, http2)
    program.wait_for_port(port)
    return program, port


def floor(shop, backend_port, _, http2):
    port = free_port()
    return shop.start("floor", [os.path.join(FLOOR, "floor"), str(port), str(backend_port)]), port


def nginx(shop, backend_port, _, http2):
    if http2:
        raise Failure("nginx speaks no HTTP/2 to a service")
    port = free_port()
    text = NGINX_HEAD.format(name="nginx", folder=shop.folder) + f"""
  upstream users {{ server 127.0.0.1:{backend_port}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    location / {{
      proxy_pass http://users;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""
    return shop.start("nginx", [tool("nginx"), "-p", shop.folder, "-e", f"{shop.folder}/nginx.error",
                                "-c", shop.write("nginx.conf", text)]), port


HAPROXY_HEAD = """
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 1s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
"""


def haproxy(shop, backend_port, _, http2):
    port = free_port()
    proto = " proto h2" if http2 else ""
    text = HAPROXY_HEAD + f"""
frontend in
  bind 127.0.0.1:{port}{proto}
  acl users hdr(host) -i {HOST}
  use_backend users if users
  default_backend users
backend users
  http-reuse always
  server one 127.0.0.1:{backend_port}{proto}
"""
    return shop.start("haproxy", [tool("haproxy"), "-db", "-f", shop.write("haproxy.cfg", text)]), port


def envoy(shop, backend_port, _, http2):
    port = free_port()
    text = json.dumps(envoy_config(port, backend_port, http2_upstream=http2))
    return shop.start("envoy", [envoy_binary(), "-c", shop.write("envoy.json", text), "--concurrency", "1",
                                "--disable-hot-restart", "-l", "error"]), port


def envoy_config(port, backend_port, http2_upstream=False):
    """One listener, one cluster; what a caller speaks is found out."""
    router = {"name": "envoy.filters.http.router",
              "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
    manager = {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
               "stat_prefix": "in", "http_filters": [router],
               "route_config": {"virtual_hosts": [{"name": "users", "domains": ["*"], "routes": [
                   {"match": {"prefix": "/"}, "route": {"cluster": "users"}}]}]}}
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": backend_port}}}}
    cluster = {"name": "users", "type": "STATIC", "lb_policy": "LEAST_REQUEST", "connect_timeout": "1s",
               "load_assignment": {"cluster_name": "users", "endpoints": [{"lb_endpoints": [endpoint]}]},
               "circuit_breakers": {"thresholds": [{"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000}]}}
    if http2_upstream:
        cluster["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}
    listener = {"name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def heddle_proxy(shop, backend_port, options, http2):
    """With a live controller and everything on: this is what is compared."""
    mesh = heddle.Mesh(shop, options.bin)
    mesh.register("users-v1", backend_port, protocol="http2" if http2 else None)
    mesh.put_split({"v1": (100, "users-v1")})
    proxy = mesh.start_proxy(workers=1)
    mesh.wait_for_answer(proxy, HOST)
    proxy.program.mesh = mesh
    return proxy.program, proxy.port
