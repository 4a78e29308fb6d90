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

  /// Bad-inputs 112: a proxy that says Hello and never reads. What waits for it is bounded, it is cut off, and nobody else notices.
  @Test func aProxyThatNeverReadsIsBoundedAndCutOff() async throws {
    var limits = StreamLimits()
    limits.stalled = .seconds(5)  // above any pause of a slow machine: the other one is never slow
    let mesh = try Running(limits: limits)
    let long = String(repeating: "x", count: 2000)
    let all = Dictionary(uniqueKeysWithValues: (0..<4000).map { ("r\($0)", "/#/registry/\(long)\($0)") })
    let whole = mesh.source.commit("default", put: all).after.resources.reduce(0) { $0 + $1.value.bytes.count }
    let other = try mesh.connect("other")
    try await mesh.wait { other.applied == [1] }
    #expect(mesh.pushed(.snapshot) >= whole)

    let before = mesh.pushed(.snapshot)
    let deaf = try mesh.connect("deaf", readsAfter: 0)
    try await mesh.wait { mesh.pushed(.snapshot) > before }
    for revision in 2...20 as ClosedRange<UInt64> {
      mesh.service.configurationChanged(mesh.source.commit("default", put: ["r1": "/#/registry/v\(revision)"]))
      try await mesh.wait { other.applied.last == revision }
    }
    try await mesh.wait { mesh.closed("slow_reader") == 1 }
    // What the peer's window took, what may wait, and the part that filled it up.
    let most = 2 * limits.queuedBytes + (256 << 10)
    let held = mesh.pushed(.snapshot) - before
    #expect(held <= most && held < whole / 4, "\(held) bytes of \(whole) were queued for one that reads nothing")
    #expect(other.applied.last == 20 && deaf.applied.isEmpty)
    try await mesh.wait { mesh.service.half.proxies.connectedCount(namespace: "default") == 1 }
    deaf.hearAgain()
    await mesh.service.drain(reason: "over")
  }

  /// A service on a free port of the loopback, with real clocks.
  private final class Running: Sendable {
    let source = MemorySource(time: TestTime())
    let service: MeshService

    init(limits: StreamLimits = StreamLimits()) throws {
      let clocks = Clocks(wall: { WallTime(milliseconds: Int64(wallClockMilliseconds())) }, monotonic: { .now() })
      let source = source
      let ledger = try ProxyLedger(archive: MemoryArchive(), clocks: clocks, epoch: { source.epoch })
      let address = try #require(SocketAddress("127.0.0.1:0"))
      service = try MeshService.start(source: source, ledger: ledger, clocks: clocks, address: address, limits: limits)
    }

    /// Bytes given to all streams so far, of one kind.
    func pushed(_ kind: PushKind) -> Int { figure("heddle_push_bytes_total{kind=\"\(kind.rawValue)\"}") }
    /// Streams that ended for this reason.
    func closed(_ reason: String) -> Int { figure("heddle_mesh_streams_closed_total{reason=\"\(reason)\"}") }

    private func figure(_ series: String) -> Int {
      let line = service.half.exposition().split(separator: "\n").first { $0.hasPrefix(series + " ") }
      return line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? 0
    }

    /// - Parameter readsAfter: messages after which the proxy reads nothing more, until `Seen.hearAgain`.
    func connect(_ id: String, path: String = MeshEngine.syncPath, readsAfter: Int? = nil) throws -> WireProxy.Seen {
      let seen = WireProxy.Seen(readsAfter: readsAfter)
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
      /// Messages until the thread stands still; nil: never.
      let readsAfter: Int?
      private let hears = Mutex(false)

      init(readsAfter: Int? = nil) { self.readsAfter = readsAfter }

      func hearAgain() { hears.withLock { $0 = true } }

      /// Blocks the thread, which then reads nothing, for a minute at most.
      func beDeaf() {
        guard let poller = try? Poller() else { return }
        for _ in 0..<6000 where !hears.withLock({ $0 }) { _ = poller.wait(milliseconds: 10) }
      }

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
    private weak var loop: ServiceLoop?
    private var sync = Handle.none
    private var report = Handle.none

    init(_ id: String, path: String, seen: Seen) {
      proxy = TestProxy(id)
      self.path = path
      self.seen = seen
    }

    func connect(to address: SocketAddress, on loop: ServiceLoop) throws {
      self.loop = loop
      client = try GRPCClient(loop: loop, events: self)
      client?.connect(to: address)
    }

    func connected() {
      sync = client?.open(path: path) ?? .none
      say(.hello(proxy.hello))
      say(proxy.subscription("/#/registry/users"))
      // What was said goes out at the end of this turn; then nothing is read.
      if let loop, seen.readsAfter == 0 { loop.schedule(after: .milliseconds(1)) { [seen] in seen.beDeaf() } }
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
