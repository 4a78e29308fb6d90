import JSONFormat
import MeshProtocol
import Serving
import Settings
import Synchronization
import SystemIO
import Telemetry

@testable import Discovery

/// How a fake source misbehaves.
enum Mood: Sendable {
  case up
  /// Every request is answered so.
  case refusing(Int)
  /// No request is answered.
  case silent
  /// Every answer is this text.
  case babbling(String)
}

/// A source as far as its namer sees one, behind a server of its own.
protocol FakeSource: AnyObject, Sendable {
  var server: FakeServer { get }
  func handle(_ request: HTTPRequest, _ respond: Responder)
}

/// A source's HTTP server on loopback, on a loop of its own; what it serves is its handler's affair.
final class FakeServer: Sendable {
  let address: SocketAddress
  private let executor: LoopExecutor
  private let server: Confined<HTTPServer>
  private let heard = Mutex<[HTTPRequest]>([])
  private let kept = Mutex<[Responder]>([])
  private let current = Mutex<Mood>(.up)

  private let box: HandlerBox

  /// Answers nothing before it serves something.
  init(address: SocketAddress = .loopback(port: 0)) throws {
    let box = HandlerBox()
    self.box = box
    let (executor, parts) = try ServiceLoop.start(name: "fake-source") { loop in
      let server = try HTTPServer(loop: loop, address: address, handler: box)
      return (server.localAddress, loop.confine(server))
    }
    self.executor = executor
    (self.address, server) = parts
  }

  /// Its requests are the source's, which is not kept.
  func serve(_ source: some FakeSource) {
    serve { [weak source] request, respond in source?.handle(request, respond) }
  }

  func serve(_ handler: @escaping @Sendable (HTTPRequest, Responder) -> Void) {
    box.set { [weak self] request, respond in self?.handle(request, respond, handler) }
  }

  deinit { executor.stop() }

  var url: String { "http://\(address)" }
  var requests: [HTTPRequest] { heard.withLock { $0 } }

  func set(_ mood: Mood) { current.withLock { $0 = mood } }

  private func handle(
    _ request: HTTPRequest, _ respond: Responder, _ handler: (HTTPRequest, Responder) -> Void
  ) {
    heard.withLock { $0.append(request) }
    switch current.withLock({ $0 }) {
    case .up: handler(request, respond)
    case .refusing(let status): respond.respond(HTTPResponse(status: status, text: "not today"))
    case .silent: kept.withLock { $0.append(respond) }
    case .babbling(let text): respond.respond(HTTPResponse(status: 200, contentType: "application/json", text: text))
    }
  }
}

private final class HandlerBox: RequestHandler {
  private let body = Mutex<(@Sendable (HTTPRequest, Responder) -> Void)?>(nil)

  func set(_ body: @escaping @Sendable (HTTPRequest, Responder) -> Void) { self.body.withLock { $0 = body } }

  func handle(_ request: HTTPRequest, _ respond: Responder) { body.withLock { $0 }?(request, respond) }
}

/// Discovery with one namer, and what it told.
final class Discovering: Sendable {
  let service: DiscoveryService
  let told = Told()

  /// - Parameters:
  ///   - namer: the keys of the namer's entry, one per line.
  ///   - grace: how long a name that lost its endpoints keeps them.
  init(_ namer: String, grace: String = "0s") throws {
    let entry = namer.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    let yaml = "namers:\n  -\n\(entry)\n    grace: \(grace)"
    var limits = NameLimits()
    limits.linger = .zero
    limits.pace = .zero
    service = try DiscoveryService.start(
      configuration(yaml, kinds: NamerKinds.all), log: silent, limits: limits, tell: told.add)
  }

  deinit { service.stop() }

  /// Wants the name and waits for the first state that satisfies.
  func want(_ name: String, until isEnough: @escaping (DiscoveredName) -> Bool) async -> DiscoveredName? {
    service.want(path(name))
    return await wait(name, until: isEnough)
  }

  func wait(_ name: String, until isEnough: @escaping (DiscoveredName) -> Bool) async -> DiscoveredName? {
    await told.wait(path(name), isEnough)
  }

  /// Wants the name and waits until it is bound to these addresses.
  func wants(_ name: String, bound addresses: [String]) async -> Bool {
    await want(name) { $0.has(addresses) } != nil
  }

  func sees(_ name: String, bound addresses: [String]) async -> Bool { await wait(name) { $0.has(addresses) } != nil }
}

extension DiscoveredName {
  func has(_ addresses: [String]) -> Bool { state == .bound && endpoints.map(\.address) == addresses.sorted() }
}

func json(_ text: String) -> JSON {
  do { return try JSONParser.parse(Array(text.utf8)) } catch { fatalError("a test's own JSON is wrong: \(error)") }
}

extension HTTPResponse {
  static func json(_ value: JSON, status: Int = 200, headers: HeaderList = HeaderList()) -> HTTPResponse {
    var headers = headers
    headers.append("content-type", "application/json")
    return HTTPResponse(status: status, headers: headers, bytes: value.printed)
  }
}

/// Polls until true or patience runs out.
func eventually(_ condition: @Sendable () -> Bool) async -> Bool {
  let end = Instant.now() + patience
  while !condition() {
    if Instant.now() >= end { return false }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return true
}
