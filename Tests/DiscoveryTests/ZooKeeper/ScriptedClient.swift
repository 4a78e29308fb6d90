import SystemIO
import TestSupport

@testable import Discovery

/// What a server says, as bytes.
enum Reply {
  static func greeting(timeout: Int32 = 3000, session: Int64 = 7, isReadOnly: Bool? = false) -> [UInt8] {
    JuteWriter.frame { writer in
      writer.int(0)
      writer.int(timeout)
      writer.long(session)
      writer.buffer([UInt8](repeating: 1, count: 16))
      if let isReadOnly { writer.bool(isReadOnly) }
    }
  }

  static func head(_ xid: Int32, zxid: Int64 = 0, _ error: Int32 = 0, _ body: (inout JuteWriter) -> Void = { _ in })
    -> [UInt8]
  {
    JuteWriter.frame { writer in
      writer.int(xid)
      writer.long(zxid)
      writer.int(error)
      body(&writer)
    }
  }

  static let ping = head(-2)
  static let setWatches = head(-8)
  static func refusal(xid: Int32, _ error: Int32) -> [UInt8] { head(xid, error) }

  static func children(xid: Int32, zxid: Int64 = 0, _ names: [String]) -> [UInt8] {
    head(xid, zxid: zxid) { writer in
      writer.texts(names)
      for _ in 0..<68 { writer.bool(false) }
    }
  }

  static func data(xid: Int32, _ value: [UInt8]) -> [UInt8] {
    head(xid) { writer in
      writer.buffer(value)
      for _ in 0..<68 { writer.bool(false) }
    }
  }

  static func event(_ kind: ZooKeeperChange.Kind, _ path: String) -> [UInt8] {
    head(-1) { writer in
      writer.int(kind.rawValue)
      writer.int(3)
      writer.text(path)
    }
  }
}

/// A session whose connection, clock and dice are the test's.
struct ScriptedClient {
  var session: ZooKeeperSession
  var now = Instant(nanoseconds: 1_000_000_000_000)
  /// What was done since it was looked at last.
  private(set) var connects: [Int] = []
  private(set) var sent: [[UInt8]] = []
  private(set) var disconnects = 0
  private(set) var events: [ZooKeeperSession.Event] = []

  init(servers: Int = 1, timeout: Duration = .seconds(3), digest: String? = nil) {
    session = ZooKeeperSession(
      ZooKeeperSession.Setup(servers: servers, timeout: timeout), random: SeededRandom(seed: 3))
    session.start(digest: digest, at: now)
    perform()
  }

  mutating func perform() {
    for action in session.takeActions() {
      switch action {
      case .connect(let server): connects.append(server)
      case .send(let bytes): sent.append(bytes)
      case .disconnect: disconnects += 1
      case .tell(let event): events.append(event)
      }
    }
  }

  /// Forgets what was done.
  mutating func clear() { (connects, sent, disconnects, events) = ([], [], 0, []) }

  /// The connection stands.
  mutating func connect() {
    session.connected(at: now)
    perform()
  }

  mutating func hear(_ bytes: [UInt8]) {
    session.received(bytes, at: now)
    perform()
  }

  mutating func ask(_ request: ZooKeeperRequest) {
    session.ask(request, at: now)
    perform()
  }

  mutating func lose(_ reason: String = "lost") {
    session.disconnected(reason, at: now)
    perform()
  }

  /// To the moment that the session waits for.
  mutating func wait() {
    now = session.wakeAt ?? now
    session.wake(at: now)
    perform()
  }

  /// Connected, greeted, and nothing noted.
  mutating func establish() {
    connect()
    hear(Reply.greeting())
    clear()
  }

  var answers: [ZooKeeperAnswer] { events.compactMap { if case .answered(_, let answer) = $0 { answer } else { nil } } }
  var failures: [String] { events.compactMap { if case .failed(let reason, _) = $0 { reason } else { nil } } }
}
