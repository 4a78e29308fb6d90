import Foundation
import HTTP
import Memory
import MeshProtocol
import Serving
import Synchronization
import SystemIO

/// Waits, for at most 20 s or as long as said, until something is so; false when it never was. A bound, not a measurement.
func eventually(within seconds: Int = 20, _ isSo: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<(seconds * 100) {
    if try isSo() { return true }
    Thread.sleep(forTimeInterval: 0.01)
  }
  return try isSo()
}

/// A controller that says what the test tells it to, and remembers what proxies say.
final class FakeController: Sendable {
  let port: UInt16
  private let executor: LoopExecutor
  private let service: Confined<Service>
  private let heard: Heard

  final class Heard: Sendable {
    let sync = Mutex<[Heddle_Mesh_V1_ProxyMessage.OneOf_Message]>([])
    let reports = Mutex<[[UInt8]]>([])
    let streams = Mutex<Int>(0)
  }

  private final class Service: GRPCService {
    var server: GRPCServer?
    let heard: Heard
    var sync: Handle?
    var report: Handle?

    init(_ heard: Heard) { self.heard = heard }

    func opened(_ stream: Handle, path: String, headers: HeaderList, peer: GRPCPeer) -> GRPCStatus? {
      if path.hasSuffix("/Sync") {
        sync = stream
        heard.streams.withLock { $0 += 1 }
      } else {
        report = stream
      }
      return nil
    }

    func received(_ stream: Handle, _ message: [UInt8]) {
      if stream == sync, let said = try? Heddle_Mesh_V1_ProxyMessage.decode(message) {
        heard.sync.withLock { $0.append(said) }
      } else if stream == report {
        heard.reports.withLock { $0.append(message) }
      }
    }

    func halfClosed(_ stream: Handle) {}
    func closed(_ stream: Handle) { if stream == sync { sync = nil } }

    func say(_ message: Heddle_Mesh_V1_ControlMessage.OneOf_Message) {
      var envelope = Heddle_Mesh_V1_ControlMessage()
      envelope.message = message
      if let sync { _ = server?.send(stream: sync, framed: grpcFrame(envelope.encodedBytes())) }
    }

    /// A proxy leaves who is silent for 15 s, which a test on a slow machine may take.
    func beat(on loop: ServiceLoop) {
      loop.schedule(after: .seconds(1)) { [weak self, weak loop] in
        guard let self, let loop else { return }
        say(.heartbeat(.init()))
        beat(on: loop)
      }
    }
  }

  init(port: UInt16 = 0) throws {
    let heard = Heard()
    self.heard = heard
    let (executor, made) = try ServiceLoop.start(name: "controller") { loop -> (Confined<Service>, UInt16) in
      let service = Service(heard)
      var limits = ServingLimits.mesh
      limits.streamQueueBytes = 256 << 20  // a test sends a whole snapshot at once
      let server = try GRPCServer(loop: loop, address: .loopback(port: port), limits: limits, service: service)
      service.server = server
      service.beat(on: loop)
      return (loop.confine(service), server.localAddress.port)
    }
    self.executor = executor
    (service, self.port) = made
  }

  /// As if killed: every connection closes at once.
  func kill() {
    service.execute { $0.server?.close() }
    executor.stop()
  }

  func send(_ message: Heddle_Mesh_V1_ControlMessage.OneOf_Message) { service.execute { $0.say(message) } }

  func acknowledge(report sequence: UInt64, interval: UInt32 = 500, floorShare: Double = 1) {
    var ack = Heddle_Mesh_V1_ReportAck()
    ack.sequence = sequence
    ack.nextIntervalMs = interval
    ack.retryFloorShare = floorShare
    let bytes = grpcFrame(ack.encodedBytes())
    service.execute { service in
      if let report = service.report { _ = service.server?.send(stream: report, framed: bytes) }
    }
  }

  /// What was said on Sync, in words.
  var said: [String] {
    heard.sync.withLock { messages in
      messages.map { message in
        switch message {
        case .hello(let hello): "hello \(hello.hasLast ? "\(hello.last.revision)" : "nothing")"
        case .ack(let ack): "ack \(ack.revision)"
        case .nack(let nack): "nack \(nack.revision) \(nack.errors.map(\.key.name).joined(separator: ","))"
        case .subscribe(let subscribe): "subscribe \(subscribe.name)"
        case .unsubscribe(let unsubscribe): "unsubscribe \(unsubscribe.name)"
        case .heartbeat: "heartbeat"
        case .trustHeld: "trust held"
        }
      }
    }
  }

  var reports: [[UInt8]] { heard.reports.withLock { $0 } }

  func heard(_ words: String, within seconds: Int = 20) -> Bool { eventually(within: seconds) { said.contains(words) } }
}

/// Full state of a concrete name, as a controller sends it.
func endpointsMessage(_ name: String, _ addresses: [String], version: UInt64 = 1) -> Heddle_Mesh_V1_Endpoints {
  var message = Heddle_Mesh_V1_Endpoints()
  message.name = name
  message.version = version
  message.full = true
  message.state = .bound
  message.id = name
  message.residual = "/"
  var hash = SetHash.empty
  for address in addresses {
    var endpoint = Heddle_Mesh_V1_Endpoint()
    endpoint.address = address
    endpoint.weight = 1
    let bytes = endpoint.encodedBytes()
    hash.insert(SetHash(of: bytes))
    message.adds.append(.init(bytes))
  }
  message.setHash = .init(hash.bytes)
  return message
}
