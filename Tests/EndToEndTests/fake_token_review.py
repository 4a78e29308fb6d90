"""Kubernetes' API server, as far as someone sees it who asks whose token it is. Standard library only.

usage: fake_token_review.py CREDENTIAL
Says `ready listen=ADDRESS`. `PUT /token` with `TOKEN NAMESPACE ACCOUNT AUDIENCE` makes a token known. Reviews need CREDENTIAL.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
known = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def do_PUT(self):
        token, namespace, account, audience = self.body().decode().split()
        known[token] = (namespace, account, audience)
        self.answer(200, {})

    def do_POST(self):
        review = json.loads(self.body())
        if self.headers.get("authorization") != "Bearer " + sys.argv[1]:
            return self.answer(401, {"kind": "Status", "code": 401})
        if self.path != REVIEWS or review.get("kind") != "TokenReview":
            return self.answer(404, {"kind": "Status", "code": 404})
        review["status"] = self.judge(review["spec"])
        self.answer(201, review)

    def judge(self, spec):
        if spec["token"] not in known:
            return {"user": {}, "error": "[invalid bearer token, service account token has expired]"}
        namespace, account, audience = known[spec["token"]]
        if audience not in spec["audiences"]:
            return {"user": {}, "error": f'token audiences ["{audience}"] is invalid for the target audiences {spec["audiences"]}'}
        user = {"username": f"system:serviceaccount:{namespace}:{account}", "groups": ["system:serviceaccounts"]}
        return {"authenticated": True, "user": user, "audiences": [audience]}

    def answer(self, status, content):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"ready listen=127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
