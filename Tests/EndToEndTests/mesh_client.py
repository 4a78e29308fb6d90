#!/usr/bin/env python3
"""A proxy's end of the mesh stream over grpcio: shows that any gRPC client can speak it.

    pip install grpcio grpcio-tools
    python3 Tests/EndToEndTests/mesh_client.py --mesh 127.0.0.1:4321 [--subscribe /#/registry/users] [--revisions 3]

It says Hello, checks every part, delta and set hash as docs/mesh-stream.md asks, acknowledges, prints one JSON line for each
thing that happens, and leaves after --revisions applied revisions (0: never) or at the --timeout. Exit code 0: all hashes were
right and everything asked for came; 1: not. With --nack it refuses the first revision that is a delta; with --report it sends
one metrics report and waits for its acknowledgement.
"""
import argparse
import hashlib
import importlib
import json
import pathlib
import queue
import sys
import tempfile
import threading
import time

import grpc
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "Sources" / "Protocol" / "Discovery" / "mesh.proto"


def load_messages():
    """Compiles our .proto; nothing generated is kept."""
    out = tempfile.mkdtemp(prefix="mesh-client-")
    code = protoc.main(["protoc", f"-I{PROTO.parent}", f"--python_out={out}", f"--grpc_python_out={out}", PROTO.name])
    if code != 0:
        sys.exit(f"protoc failed: {code}")
    sys.path.insert(0, out)
    return importlib.import_module("mesh_pb2"), importlib.import_module("mesh_pb2_grpc")


def element(message: bytes) -> int:
    """First 16 bytes of SHA-256, as a big-endian number."""
    return int.from_bytes(hashlib.sha256(message).digest()[:16], "big")


def set_hash(messages) -> bytes:
    return (sum(element(m) for m in messages) % (1 << 128)).to_bytes(16, "big")


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Replica:
    """What a proxy holds, and whether what comes fits on it."""

    def __init__(self, pb):
        self.pb = pb
        self.version = None
        self.resources = {}
        self.parts = []

    def key(self, encoded):
        resource = self.pb.Resource.FromString(encoded)
        return (resource.key.kind, resource.key.name)

    def snapshot(self, part):
        if part.part != len(self.parts):
            return None
        self.parts.append(list(part.resources))
        if not part.last:
            return False
        resources = {self.key(r): r for p in self.parts for r in p}
        self.parts = []
        return self.take(part.version, resources)

    def delta(self, delta):
        if self.version is None or delta.base_revision != self.version.revision or delta.version.epoch != self.version.epoch:
            return None
        resources = dict(self.resources)
        for removed in delta.removes:
            resources.pop((removed.kind, removed.name), None)
        for encoded in delta.upserts:
            resources[self.key(encoded)] = encoded
        return self.take(delta.version, resources)

    def take(self, version, resources):
        if set_hash(resources.values()) != version.hash:
            return None
        self.version, self.resources = version, resources
        return True


class Client:
    def __init__(self, options, pb, stubs):
        self.options, self.pb = options, pb
        self.replica = Replica(pb)
        self.endpoints = {}
        self.outgoing = queue.Queue()
        self.applied = 0
        self.faults = 0
        self.refused = None
        self.channel = grpc.insecure_channel(options.mesh)
        self.stub = stubs.MeshStub(self.channel)

    def say(self, **content):
        self.outgoing.put(self.pb.ProxyMessage(**content))

    def speak(self):
        while True:
            message = self.outgoing.get()
            if message is None:
                return
            yield message

    def run(self):
        pb, options = self.pb, self.options
        self.say(hello=pb.Hello(node="python", instance_id=options.instance, version="mesh_client.py", namespace=options.namespace))
        for name in options.subscribe:
            self.say(subscribe=pb.Subscribe(name=name))
        call = self.stub.Sync(self.speak(), timeout=options.timeout)
        threading.Thread(target=self.beat, daemon=True).start()
        try:
            for message in call:
                self.handle(message)
                if self.is_done():
                    break
            else:
                tell("end", status="OK")
        except grpc.RpcError as error:
            tell("end", status=error.code().name, detail=error.details())
        done = self.is_done()
        reported = self.report() if options.report and done else not options.report
        self.leave(call)
        return 0 if done and reported and self.faults == 0 else 1

    def leave(self, call):
        """Ends our side and waits for the controller to end its: a cancelled call may take the last Ack with it."""
        self.outgoing.put(None)
        try:
            for _ in call:
                pass
        except grpc.RpcError:
            pass  # it was over already, and that was told
        self.channel.close()

    def beat(self):
        while True:
            time.sleep(5)
            self.say(heartbeat=self.pb.Heartbeat(revision=self.replica.version.revision if self.replica.version else 0))

    def is_done(self):
        bound = all(name in self.endpoints for name in self.options.subscribe)
        return bound and 0 < self.options.revisions <= self.applied

    def handle(self, message):
        kind = message.WhichOneof("message")
        content = getattr(message, kind) if kind else None
        if kind in ("snapshot", "delta"):
            self.configure(kind, content)
        elif kind == "endpoints":
            self.discover(content)
        elif kind == "go_away":
            tell(kind, reason=content.reason, retry_after_ms=content.retry_after_ms)
        elif kind == "heartbeat":
            tell(kind, revision=content.revision)
        else:
            tell(kind or "unknown")

    def configure(self, kind, content):
        if kind == "delta" and self.options.nack and self.refused is None:
            self.refused = content.version.revision
            fault = self.pb.ResourceError(message="refused by mesh_client.py")
            self.say(nack=self.pb.Nack(revision=self.refused, errors=[fault]))
            tell("nack", revision=self.refused)
            return
        fits = self.replica.snapshot(content) if kind == "snapshot" else self.replica.delta(content)
        if fits is None:
            self.faults += 1
            tell("gap", kind=kind, revision=content.version.revision)
            self.say(nack=self.pb.Nack(revision=content.version.revision, resync=True))
        elif fits:
            if content.version.revision == self.refused:
                self.faults += 1
            self.applied += 1
            self.say(ack=self.pb.Ack(revision=content.version.revision, hash=content.version.hash))
            tell("applied", kind=kind, revision=content.version.revision, resources=len(self.replica.resources))

    def discover(self, message):
        held = {} if message.full else dict(self.endpoints.get(message.name, (0, {}))[1])
        for address in message.removes:
            held.pop(address, None)
        for encoded in message.adds:
            held[self.pb.Endpoint.FromString(encoded).address] = encoded
        state = self.pb.NameState.Name(message.state)
        if message.state == self.pb.NAME_STATE_BOUND and set_hash(held.values()) != message.set_hash:
            self.faults += 1
            tell("endpoints", name=message.name, fault="hash")
            return
        self.endpoints[message.name] = (message.version, held)
        tell("endpoints", name=message.name, state=state, version=message.version, full=message.full, addresses=sorted(held),
             id=message.id, residual=message.residual, reason=message.reason)

    def report(self):
        pb = self.pb
        histogram = pb.Histogram(buckets=[500], counts=[10], sum_us=50000)
        delta = pb.RequestDelta(service="/svc/users", count=10, duration=histogram)
        report = pb.MetricsReport(instance_id=self.options.instance, sequence=1, interval_ms=1000, requests=[delta])
        for ack in self.stub.Report(iter([report]), timeout=10):
            tell("report_ack", sequence=ack.sequence, next_interval_ms=ack.next_interval_ms)
            return ack.sequence == 1
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mesh", default="127.0.0.1:4321")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--instance", default="mesh-client-py")
    parser.add_argument("--subscribe", action="append", default=[])
    parser.add_argument("--revisions", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--nack", action="store_true")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    sys.exit(Client(options, *load_messages()).run())


if __name__ == "__main__":
    main()
