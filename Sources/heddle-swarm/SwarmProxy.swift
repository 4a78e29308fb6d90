import HTTP
import Memory
import MeshProtocol
import Serving
import SystemIO

/// One simulated proxy: a connection of its own, the real replica, and an Ack as soon as a configuration is whole and
/// its hash fits. Lives on its loop's thread.
final class SwarmProxy: GRPCClientEvents {
  private let name: String
  private let namespace: String
  private let address: SocketAddress
  private let names: [String]
  private let tally: Tally
  private unowned let loop: ServiceLoop
  private var client: GRPCClient?
  private var stream = Handle.none
  private var replica = ConfigurationReplica()
  private var endpoints: [String: EndpointReplica] = [:]
  private var attempt = 0

  /// - Parameter names: concrete names to subscribe to.
  init(
    name: String, namespace: String, address: SocketAddress, names: [String], tally: Tally, loop: ServiceLoop
  ) {
    self.name = name
    self.namespace = namespace
    self.address = address
    self.names = names
    self.tally = tally
    self.loop = loop
  }

  func start() throws {
    client = try GRPCClient(loop: loop, events: self)
    client?.connect(to: address)
    scheduleHeartbeat()
  }

  // MARK: GRPCClientEvents

  func connected() {
    attempt = 0
    stream = client?.open(path: "/heddle.mesh.v1.Mesh/Sync") ?? .none
    var hello = Heddle_Mesh_V1_Hello()
    hello.node = name
    hello.instanceID = name
    hello.version = "swarm"
    hello.capabilities = ["rules", "splits", "routes", "authorizations"]
    hello.namespace = namespace
    if let held = replica.held { hello.last = held.wire }
    say(.hello(hello))
    for name in names { say(.subscribe(endpoints[name, default: EndpointReplica(name: name)].subscription)) }
    tally.connected()
  }

  func failed(_ reason: String) {
    tally.failed(reason)
    reconnect()
  }

  func disconnected(_ reason: String) {
    tally.disconnected(reason)
    reconnect()
  }

  func closed(_ stream: Handle, _ status: GRPCStatus?) {
    guard stream == self.stream else { return }
    self.stream = .none
    if let status { tally.ended("\(status.code): \(status.message)") }
    client?.close()
    reconnect()
  }

  func received(_ stream: Handle, _ message: [UInt8]) {
    guard stream == self.stream else { return }
    tally.received(bytes: message.count + 5)
    do {
      try take(Heddle_Mesh_V1_ControlMessage.decode(message))
    } catch {
      tally.ended("\(error)")
    }
  }

  // MARK: configuration

  private func take(_ message: Heddle_Mesh_V1_ControlMessage.OneOf_Message) {
    switch message {
    case .snapshot(let part): follow(replica.received(part))
    case .delta(let delta): follow(replica.received(delta))
    case .current(let current): follow(replica.received(current))
    case .endpoints(let message):
      if case .resubscribe = endpoints[message.name, default: EndpointReplica(name: message.name)].received(message) {
        tally.desynced()
        say(.subscribe(endpoints[message.name, default: EndpointReplica(name: message.name)].subscription))
      }
    case .heartbeat, .goAway, .trust: break
    }
  }

  private func follow(_ step: ConfigurationStep) {
    switch step {
    case .more: break
    case .current: tally.synced()
    case .apply:
      guard let ack = replica.applied() else { return }
      say(.ack(ack))
      tally.applied(ack.revision, at: .now())
    case .refuse(let nack): say(.nack(nack))
    case .resync(let nack, _):
      tally.desynced()
      say(.nack(nack))
    case .breach(let breach):
      tally.ended("\(breach)")
      client?.close()
      reconnect()
    }
  }

  private func say(_ content: Heddle_Mesh_V1_ProxyMessage.OneOf_Message) {
    var message = Heddle_Mesh_V1_ProxyMessage()
    message.message = content
    _ = client?.send(stream: stream, framed: grpcFrame(message.encodedBytes()))
  }

  private func scheduleHeartbeat() {
    loop.schedule(after: .seconds(MeshLimits.heartbeatSeconds)) { [weak self] in
      guard let self else { return }
      scheduleHeartbeat()
      if stream != .none { say(.heartbeat(Heddle_Mesh_V1_Heartbeat())) }
    }
  }

  /// Full jitter from 100 ms to 10 s (contract.md, section 3, rule 6).
  private func reconnect() {
    replica.disconnected()
    stream = .none
    attempt = min(attempt + 1, 7)
    let delay = Int.random(in: 0...min(10_000, 100 << attempt))
    loop.schedule(after: .milliseconds(delay)) { [weak self] in
      guard let self else { return }
      client?.connect(to: address)
    }
  }
}
