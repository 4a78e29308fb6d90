import HTTP
import HTTP2
import Memory
import Serving
import SystemIO
import TLS

/// A service that echoes on `/test/Echo`, keeps `/test/Watch` open, refuses the rest, and writes down what it is told.
final class TestMesh: GRPCService {
  let events: Collected<String>
  let peers: Collected<GRPCPeer>
  let faults: Collected<String>
  private(set) var open: [Handle] = []
  var server: GRPCServer?

  init(events: Collected<String>, peers: Collected<GRPCPeer>, faults: Collected<String>) {
    (self.events, self.peers, self.faults) = (events, peers, faults)
  }

  func failed(_ fault: TLSError, peer: SocketAddress) { faults.add(fault.label) }

  func opened(_ stream: Handle, path: String, headers: HeaderList, peer: GRPCPeer) -> GRPCStatus? {
    events.add("opened \(path)" + (path == "/test/Watch" ? "" : " \(headers["x-node"] ?? "-")"))
    if path == "/test/Unknown" { return GRPCStatus(.unimplemented, "no method \(path): 100%") }
    peers.add(peer)
    open.append(stream)
    return nil
  }

  func received(_ stream: Handle, _ message: [UInt8]) {
    events.add("received \(String(decoding: message.prefix(100), as: UTF8.self))")
    _ = server?.send(stream: stream, framed: grpcFrame(message))
  }

  func halfClosed(_ stream: Handle) {
    events.add("half-closed")
    server?.finish(stream, status: GRPCStatus(.ok, "bye"))
  }

  func closed(_ stream: Handle) {
    events.add("closed")
    open.removeAll { $0 == stream }
  }
}

/// A `GRPCServer` with a `TestMesh` on a loop of its own.
final class RunningMesh: Sendable {
  let address: SocketAddress
  let counters: ServingCounters
  let events = Collected<String>()
  let peers = Collected<GRPCPeer>()
  let faults = Collected<String>()
  let server: Confined<TestMesh>
  private let executor: LoopExecutor

  init(_ limits: ServingLimits = .mesh, security: GRPCServerSecurity? = nil) throws {
    let (executor, parts) = try ServiceLoop.start(name: "test-mesh") { [events, peers, faults] loop in
      let mesh = TestMesh(events: events, peers: peers, faults: faults)
      let server = try GRPCServer(loop: loop, address: anyPort, limits: limits, security: security, service: mesh)
      mesh.server = server
      return (server.localAddress, server.counters, loop.confine(mesh))
    }
    self.executor = executor
    (address, counters, server) = parts
  }

  deinit { executor.stop() }
}

/// Writes down what a client is told.
final class CallerEvents: GRPCClientEvents {
  let events: Collected<String>
  let messages: Collected<[UInt8]>

  init(events: Collected<String>, messages: Collected<[UInt8]>) {
    self.events = events
    self.messages = messages
  }

  func connected() { events.add("connected") }
  func failed(_ reason: String) { events.add("failed \(reason)") }
  func disconnected(_ reason: String) { events.add("disconnected \(reason)") }

  func received(_ stream: Handle, _ message: [UInt8]) {
    messages.add(message)
    events.add("received \(String(decoding: message.prefix(100), as: UTF8.self))")
  }

  func closed(_ stream: Handle, _ status: GRPCStatus?) {
    events.add("closed " + (status.map { "\($0.code) \($0.message)" } ?? "-"))
  }
}

/// A `GRPCClient` on a loop of its own.
final class RunningCaller: Sendable {
  let events = Collected<String>()
  let messages = Collected<[UInt8]>()
  let client: Confined<GRPCClient>
  private let executor: LoopExecutor

  init(_ limits: ServingLimits = .mesh) throws {
    let (executor, client) = try ServiceLoop.start(name: "test-caller") { [events, messages] loop in
      loop.confine(try GRPCClient(loop: loop, limits: limits, events: CallerEvents(events: events, messages: messages)))
    }
    self.executor = executor
    self.client = client
  }

  deinit { executor.stop() }
}
