import Memory
import SystemIO
import TestSupport
import Testing

@testable import Discovery

/// A session with a real server; the test drops its connection when it likes.
private final class LiveSession {
  var session: ZooKeeperSession
  private(set) var events: [ZooKeeperSession.Event] = []
  private var link: Link?
  private let port: UInt16

  private final class Link {
    let socket: Socket
    init(_ port: UInt16) throws { socket = try Socket.connect(to: .loopback(port: port)) }
  }

  init(_ port: UInt16) {
    self.port = port
    session = ZooKeeperSession(
      ZooKeeperSession.Setup(servers: 1, timeout: .seconds(30)), random: SystemRandomNumberGenerator())
    session.start(digest: nil, at: .now())
  }

  func ask(_ request: ZooKeeperRequest) { session.ask(request, at: .now()) }

  func drop() { session.disconnected("dropped", at: .now()) }

  /// Carries on until the events satisfy; those before are forgotten.
  func run(until isEnough: ([ZooKeeperSession.Event]) -> Bool) async throws -> [ZooKeeperSession.Event] {
    let end = Instant.now() + patience
    events = []
    while !isEnough(events) {
      guard Instant.now() < end else { throw ZooKeeperWriter.Lost() }
      session.wake(at: .now())
      try perform()
      if !read() { try await Task.sleep(for: .milliseconds(1)) }
    }
    return events
  }

  private func perform() throws {
    for action in session.takeActions() {
      switch action {
      case .connect:
        link = try Link(port)
        session.connected(at: .now())
        try perform()
      case .send(let bytes): try send(bytes)
      case .disconnect: link = nil
      case .tell(let event): events.append(event)
      }
    }
  }

  private func send(_ bytes: [UInt8]) throws {
    var rest = ByteBuffer()
    rest.append(bytes)
    let end = Instant.now() + patience
    while let link, !rest.isEmpty {
      if case .bytes(let count) = link.socket.send(rest) { rest.removeFirst(count) }
      guard Instant.now() < end else { throw ZooKeeperWriter.Lost() }
    }
  }

  private func read() -> Bool {
    var input = ByteBuffer()
    guard let link else { return false }
    switch link.socket.receive(into: &input, atMost: 4096) {
    case .bytes(let count): session.received((0..<count).map { input.span[$0] }, at: .now())
    case .wouldBlock: return false
    case .endOfFile, .failed:
      self.link = nil
      session.disconnected("closed", at: .now())
    }
    return true
  }
}

/// The session machine against a real ZooKeeper: what the scripted tests take for granted.
@Suite struct ZooKeeperServerTests {
  private let server: RunningZooKeeper
  private let writer: ZooKeeperWriter

  init() throws {
    server = try RunningZooKeeper.started()
    writer = try ZooKeeperWriter(server.port)
    try writer.create("/web")
  }

  private func hasAnswers(_ count: Int) -> ([ZooKeeperSession.Event]) -> Bool {
    { $0.count { if case .answered = $0 { true } else { false } } == count }
  }

  @Test func watchesThatAreSetAnewTellWhatWasMissed() async throws {
    let live = LiveSession(server.port)
    live.ask(.children(of: "/web"))
    live.ask(.data(of: "/web"))
    live.ask(.exists("/none"))
    let first = try await live.run(until: hasAnswers(3))
    #expect(first.first == .established(isNew: true))
    #expect(first.contains(.answered(.children(of: "/web"), .children([]))))
    #expect(first.contains(.answered(.exists("/none"), .refused(.noNode))))
    live.drop()
    try writer.create("/web/a")
    try writer.set("/web", "x")
    try writer.create("/none")
    let second = try await live.run { $0.contains(.established(isNew: false)) }
    let changes = second.compactMap { if case .changed(let change) = $0 { change } else { nil } }
    #expect(second.last == .established(isNew: false) && changes.count == 3)
    for kind in [ZooKeeperChange(.children, "/web"), ZooKeeperChange(.data, "/web"), ZooKeeperChange(.created, "/none")] {
      #expect(changes.contains(kind))
    }
  }

  @Test func anExpiredSessionIsFollowedByANewOne() async throws {
    let live = LiveSession(server.port)
    live.ask(.children(of: "/web"))
    _ = try await live.run(until: hasAnswers(1))
    live.drop()
    // Somebody ends the session in the server: the same as if its time were over.
    try ZooKeeperWriter(server.port, as: live.session.identity).close()
    let events = try await live.run { $0.contains(.established(isNew: true)) }
    #expect(!events.contains(.established(isNew: false)))
    live.ask(.data(of: "/web"))
    #expect(try await live.run(until: hasAnswers(1)).contains(.answered(.data(of: "/web"), .data([]))))
  }

  @Test func watchesAreTakenBack() async throws {
    let live = LiveSession(server.port)
    live.ask(.data(of: "/web"))
    _ = try await live.run(until: hasAnswers(1))
    live.session.forget("/web", at: .now())
    #expect(try await live.run(until: hasAnswers(1)) == [.answered(.removeWatches("/web"), .done)])
    try writer.set("/web", "x")
    live.ask(.exists("/web"))
    #expect(try await live.run(until: hasAnswers(1)) == [.answered(.exists("/web"), .present)])
  }

  /// The largest data that a server takes: with the answer's head above what we take.
  @Test func aHugeNodeCostsNobodyElse() async throws {
    try writer.set("/web", String(repeating: "x", count: ZooKeeperFrames.limit - 60))
    let live = LiveSession(server.port)
    live.ask(.data(of: "/web"))
    live.ask(.children(of: "/web"))
    let events = try await live.run(until: hasAnswers(2))
    // Compared outside: the data in a message would be the largest of all.
    let isRefused = events.contains(.answered(.data(of: "/web"), .refused(.tooLarge)))
    let isAnswered = events.contains(.answered(.children(of: "/web"), .children([])))
    #expect(isRefused && isAnswered)
  }
}
