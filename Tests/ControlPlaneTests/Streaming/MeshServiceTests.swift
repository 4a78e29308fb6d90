import HTTP
import Memory
import MeshProtocol
import Serving
import Synchronization
import SystemIO
import Testing

@testable import ControlPlane

/// The mesh half over real sockets: gRPC on the wire, its own thread, changes from another.
@Suite struct MeshServiceTests {
  @Test func proxyFollowsChangesAndReportsOverTheWire() async throws {
    let mesh = try Running()
    _ = mesh.source.commit("default", put: ["a": "/#/registry/1"])
    let proxy = try mesh.connect("p")
    try await mesh.wait { proxy.applied == [1] }
    mesh.service.configurationChanged(mesh.source.commit("default", put: ["b": "/#/registry/1"]))
    try await mesh.wait { proxy.applied == [1, 2] }
    let barrier = await mesh.service.half.proxies.barrier(
      namespace: "default", revision: 2, timeout: .seconds(30), minApplied: 1)
    #expect(barrier.complete && barrier.applied == 1)
    #expect(mesh.service.half.exposition().contains("heddle_proxies{state=\"synced\"} 1\n"))
    try await mesh.wait { proxy.reportsCounted == 1 }
    let rows = mesh.service.half.metrics.query(namespace: "default", groupBy: .service, window: .seconds(60))
    #expect(rows.map { $0.labels.map(\.value) } == [["/svc/users"]])
    await mesh.service.drain(reason: "over")
    try await mesh.wait { proxy.goAway == "over" }
  }

  @Test func endpointsFollowRegistrations() async throws {
    let mesh = try Running()
    let first = mesh.source.register("default", "users", ["10.0.0.1:80"])
    let proxy = try mesh.connect("p")
    try await mesh.wait { proxy.addresses == ["10.0.0.1:80"] }
    let second = mesh.source.register("default", "users", ["10.0.0.1:80", "10.0.0.2:80"])
    mesh.service.endpointsChanged(first, second)
    try await mesh.wait { proxy.addresses == ["10.0.0.1:80", "10.0.0.2:80"] }
    await mesh.service.drain(reason: "over")
  }

  @Test func unknownMethodsAreUnimplemented() async throws {
    let mesh = try Running()
    let proxy = try mesh.connect("p", path: "/heddle.mesh.v1.Mesh/Nothing")
    try await mesh.wait { proxy.status == .unimplemented }
    await mesh.service.drain(reason: "over")
  }

  /// A service on a free port of the loopback, with real clocks.
  private final class Running: Sendable {
    let source = MemorySource(time: TestTime())
    let service: MeshService

    init() throws {
      let clocks = Clocks(wall: { WallTime(milliseconds: Int64(wallClockMilliseconds())) }, monotonic: { .now() })
      let source = source
      let ledger = try ProxyLedger(archive: MemoryArchive(), clocks: clocks, epoch: { source.epoch })
      let address = try #require(SocketAddress("127.0.0.1:0"))
      service = try MeshService.start(source: source, ledger: ledger, clocks: clocks, address: address)
    }

    func connect(_ id: String, path: String = MeshEngine.syncPath) throws -> WireProxy.Seen {
      let seen = WireProxy.Seen()
      let address = service.address
      _ = try ServiceLoop.start(name: "proxy") { loop in
        try WireProxy(id, path: path, seen: seen).connect(to: address, on: loop)
      }
      return seen
    }

    /// Bounded: fails after 30 s.
    func wait(_ holds: @Sendable () -> Bool) async throws {
      for _ in 0..<3000 where !holds() { try await Task.sleep(for: .milliseconds(10)) }
      #expect(holds())
    }
  }

  /// A proxy over a real connection.
  private final class WireProxy: GRPCClientEvents {
    final class Seen: Sendable {
      struct State {
        var applied: [UInt64] = []
        var addresses: [String] = []
        var reportsCounted: UInt64 = 0
        var goAway: String?
        var status: GRPCStatus.Code?
      }
      let state = Mutex(State())
      var applied: [UInt64] { state.withLock { $0.applied } }
      var addresses: [String] { state.withLock { $0.addresses } }
      var reportsCounted: UInt64 { state.withLock { $0.reportsCounted } }
      var goAway: String? { state.withLock { $0.goAway } }
      var status: GRPCStatus.Code? { state.withLock { $0.status } }
    }

    private let proxy: TestProxy
    private let path: String
    private let seen: Seen
    private var client: GRPCClient?
    private var sync = Handle.none
    private var report = Handle.none

    init(_ id: String, path: String, seen: Seen) {
      proxy = TestProxy(id)
      self.path = path
      self.seen = seen
    }

    func connect(to address: SocketAddress, on loop: ServiceLoop) throws {
      client = try GRPCClient(loop: loop, events: self)
      client?.connect(to: address)
    }

    func connected() {
      sync = client?.open(path: path) ?? .none
      say(.hello(proxy.hello))
      say(proxy.subscription("/#/registry/users"))
    }

    func received(_ stream: Handle, _ message: [UInt8]) {
      if stream == report {
        let ack = try? Heddle_Mesh_V1_ReportAck.decode(message)
        seen.state.withLock { $0.reportsCounted = ack?.sequence ?? 0 }
        return
      }
      proxy.receive(grpcFrame(message), .delta)
      if case .goAway(let message)? = proxy.messages.last { seen.state.withLock { $0.goAway = message.reason } }
      for answer in proxy.takeAnswers() {
        say(answer)
        if case .ack(let ack) = answer { seen.state.withLock { $0.applied.append(ack.revision) } }
      }
      seen.state.withLock { $0.addresses = proxy.endpoints.values.flatMap(\.endpoints.keys).sorted() }
      if report == .none { sendReport() }
    }

    private func sendReport() {
      report = client?.open(path: MeshEngine.reportPath) ?? .none
      var delta = Heddle_Mesh_V1_RequestDelta()
      delta.service = "/svc/users"
      delta.count = 3
      var message = Heddle_Mesh_V1_MetricsReport()
      message.instanceID = proxy.id
      message.sequence = 1
      message.requests = [delta]
      _ = client?.send(stream: report, framed: grpcFrame(message.encodedBytes()))
    }

    private func say(_ content: Heddle_Mesh_V1_ProxyMessage.OneOf_Message) {
      var message = Heddle_Mesh_V1_ProxyMessage()
      message.message = content
      _ = client?.send(stream: sync, framed: grpcFrame(message.encodedBytes()))
    }

    func closed(_ stream: Handle, _ status: GRPCStatus?) {
      guard stream == sync else { return }
      seen.state.withLock { $0.status = status?.code }
    }
    func failed(_ reason: String) { Issue.record("\(reason)") }
    func disconnected(_ reason: String) {}
  }
}
