"""How exactly weights come out over 10 000 requests, with one worker and with eight."""
import http.client

from .. import heddle, peers

REQUESTS = 10_000
SHARES = [(50, 50), (90, 10), (99, 1), (67, 33)]
CONNECTIONS = 32


def measure(shop, options):
    mesh = heddle.Mesh(shop, options.bin)
    for number in (1, 2):
        mesh.register(f"users-v{number}", peers.backend(shop, f"backend{number}", f"v{number}")[1])
    mesh.put_split({"v1": (50, "users-v1"), "v2": (50, "users-v2")})
    rows = []
    for workers in (1, 8):
        proxy = mesh.start_proxy(workers=workers)
        mesh.wait_for_answer(proxy, peers.HOST)
        for v1, v2 in SHARES:
            mesh.shift({"v1": v1, "v2": v2}, wait=True)
            got = count(proxy.port)
            rows.append({"workers": workers, "weights": f"{v1}/{v2}", "v2_percent": 100 * got["v2"] / REQUESTS,
                         "off_points": abs(100 * got["v2"] / REQUESTS - 100 * v2 / (v1 + v2)), "failed": got["failed"]})
        shop.stop(proxy.program)
    return {"requests": REQUESTS, "rows": rows, "worst_off_points": max(row["off_points"] for row in rows)}


def count(port):
    got = {"v1": 0, "v2": 0, "failed": 0}
    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(CONNECTIONS)]
    for number in range(REQUESTS):
        client = clients[number % CONNECTIONS]
        client.request("GET", "/", headers={"host": peers.HOST})
        answer = client.getresponse()
        text = answer.read().decode()
        got[text if answer.status == 200 and text in ("v1", "v2") else "failed"] += 1
    return got
