import Foundation
import Memory
import Serving
import Synchronization
import SystemIO
import Testing

@testable import Discovery

/// A real etcd on loopback, with its data in a directory of its own.
final class RunningEtcd {
  static let program = ["/usr/bin/etcd", "/usr/local/bin/etcd"].first { FileManager.default.isExecutableFile(atPath: $0) }

  private let directory = FileManager.default.temporaryDirectory.appending(path: "heddle-etcd-\(UUID().uuidString)")
  private let ports: (client: UInt16, peer: UInt16)
  private var process: Process?
  private let client: HTTPClient

  var url: String { "http://127.0.0.1:\(ports.client)" }

  init() throws {
    ports = (try Self.freePort(), try Self.freePort())
    client = HTTPClient(address: .loopback(port: ports.client), timeout: .seconds(10))
    try start()
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(at: directory)
  }

  func start() throws {
    let process = Process()
    process.executableURL = URL(filePath: Self.program ?? "")
    let (client, peer) = ("http://127.0.0.1:\(ports.client)", "http://127.0.0.1:\(ports.peer)")
    process.arguments = [
      "--data-dir", directory.path(), "--listen-client-urls", client, "--advertise-client-urls", client,
      "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
      "--unsafe-no-fsync",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
    let end = Instant.now() + patience
    while (try? self.client.send("POST", "/v3/kv/range", body: Array(#"{"key":"AA=="}"#.utf8)).status) != 200 {
      guard Instant.now() < end else { throw NotStarted() }
      Thread.sleep(forTimeInterval: 0.02)
    }
  }

  struct NotStarted: Error {}

  func kill() {
    guard let process else { return }
    SystemKill.kill(process.processIdentifier)
    process.waitUntilExit()
    self.process = nil
  }

  /// Forgets everything.
  func wipe() throws { try FileManager.default.removeItem(at: directory) }

  func put(_ key: String, _ value: String) throws {
    try ask("kv/put", #"{"key":"\#(Base64.encoded(key.utf8))","value":"\#(Base64.encoded(value.utf8))"}"#)
  }

  func delete(_ key: String) throws { try ask("kv/deleterange", #"{"key":"\#(Base64.encoded(key.utf8))"}"#) }

  func compact() throws {
    let text = try ask("kv/range", #"{"key":"AA=="}"#).text ?? ""
    let revision = json(text)["header"]?["revision"]?.text ?? ""
    try ask("kv/compaction", #"{"revision":"\#(revision)","physical":true}"#)
  }

  @discardableResult private func ask(_ call: String, _ body: String) throws -> HTTPResponse {
    let response = try client.send("POST", "/v3/\(call)", body: Array(body.utf8))
    if response.status != 200 { throw NotStarted() }
    return response
  }

  private static func freePort() throws -> UInt16 {
    let socket = try Socket.listen(on: .loopback(port: 0))
    return socket.localAddress()?.port ?? 0
  }
}

private enum SystemKill {
  static func kill(_ process: Int32) { _ = Foundation.kill(process, SIGKILL) }
}

@Suite(.enabled(if: RunningEtcd.program != nil, "etcd is not installed: make install-needs")) struct EtcdNamerTests {
  private func discovering(_ etcd: RunningEtcd, root: String = "/mesh") throws -> Discovering {
    try Discovering("kind: io.l5d.etcd\nurl: \(etcd.url)\nroot: \(root)")
  }

  @Test func bindsAndTellsEveryChange() async throws {
    let etcd = try RunningEtcd()
    try etcd.put("/mesh/web/1", "10.0.0.1:80")
    try etcd.put("/mesh/web/2", #"{"address":"10.0.0.2:80","weight":0.5,"zone":"b"}"#)
    try etcd.put("/meshes/web/3", "10.9.9.9:80")
    let discovering = try discovering(etcd)
    let state = await discovering.want("/#/io.l5d.etcd/web/rest") { $0.has(["10.0.0.1:80", "10.0.0.2:80"]) }
    #expect(state?.residual == path("/rest") && state?.endpoints.map(\.weight) == [1, 0.5])
    #expect(state?.endpoints.last?.zone == "b")
    try etcd.put("/mesh/web/rest/x", "10.0.0.3:80")
    #expect(await discovering.sees("/#/io.l5d.etcd/web/rest", bound: ["10.0.0.3:80"]))
    try etcd.delete("/mesh/web/rest/x")
    #expect(await discovering.sees("/#/io.l5d.etcd/web/rest", bound: ["10.0.0.1:80", "10.0.0.2:80"]))
    #expect(await discovering.want("/#/io.l5d.etcd/db") { $0.state == .negative } != nil)
    try etcd.put("/mesh/db/a", "not an address")
    let broken = await discovering.wait("/#/io.l5d.etcd/db") { $0.reason.contains("no key makes sense") }
    #expect(broken != nil)
    try etcd.put("/mesh/db/b", "[::1]:5432")
    #expect(await discovering.sees("/#/io.l5d.etcd/db", bound: ["[::1]:5432"]))
  }

  @Test func outlivesARestartAndALoss() async throws {
    let etcd = try RunningEtcd()
    for number in 0..<5 { try etcd.put("/mesh/web/\(number)", "10.0.0.\(number + 1):80") }
    let discovering = try discovering(etcd)
    let name = "/#/io.l5d.etcd/web"
    #expect(await discovering.wants(name, bound: (1...5).map { "10.0.0.\($0):80" }))
    etcd.kill()
    #expect(await discovering.wait(name) { !$0.reason.isEmpty }?.endpoints.count == 5)
    try etcd.start()
    try etcd.put("/mesh/web/4", "10.0.0.9:80")
    #expect(await discovering.sees(name, bound: [1, 2, 3, 4, 9].map { "10.0.0.\($0):80" }))
    // A new etcd counts its revisions from 1: waiting for the old ones would be waiting for ever.
    etcd.kill()
    try etcd.wipe()
    try etcd.start()
    try etcd.put("/mesh/web/new", "10.0.1.1:80")
    #expect(await discovering.sees(name, bound: ["10.0.1.1:80"]))
  }

  @Test func listsAnewWhatWasCompacted() async throws {
    let etcd = try RunningEtcd()
    try etcd.put("/mesh/web/1", "10.0.0.1:80")
    let gate = try Relay(to: etcd.url)
    let discovering = try Discovering("kind: io.l5d.etcd\nurl: \(gate.server.url)\nroot: /mesh")
    let name = "/#/io.l5d.etcd/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80"]))
    try etcd.put("/mesh/web/2", "10.0.0.2:80")
    try etcd.put("/mesh/web/1", "10.0.0.3:80")
    try etcd.compact()
    gate.open()
    #expect(await discovering.sees(name, bound: ["10.0.0.2:80", "10.0.0.3:80"]))
    #expect(gate.server.requests.filter { $0.path == "/v3/kv/range" }.count == 2)
  }

  @Test func readsManyKeysInPages() async throws {
    let etcd = try RunningEtcd()
    for number in 0..<(EtcdNamer.pageSize + 50) { try etcd.put("/mesh/s\(number)/1", "10.0.0.1:\(number + 1)") }
    let discovering = try discovering(etcd)
    for number in [0, 500, EtcdNamer.pageSize + 49] {
      #expect(await discovering.wants("/#/io.l5d.etcd/s\(number)", bound: ["10.0.0.1:\(number + 1)"]))
    }
  }
}

/// Passes lists on to etcd, and refuses watches until it is opened.
private final class Relay: Sendable {
  let server: FakeServer
  private let isOpen = Atomic<Bool>(false)

  init(to url: String) throws {
    let port = UInt16(url.split(separator: ":").last ?? "") ?? 0
    server = try FakeServer()
    server.serve { [weak self] request, respond in
      let isWatch = request.path == "/v3/watch"
      guard !isWatch || self?.isOpen.load(ordering: .relaxed) == true else {
        return respond.respond(HTTPResponse(status: 503))
      }
      startThread(name: "relay") {
        let client = HTTPClient(address: .loopback(port: port), timeout: patience)
        guard isWatch else {
          return respond.respond(
            (try? client.send(request.method, request.target, body: request.body)) ?? HTTPResponse(status: 502))
        }
        let stream = ResponseStream()
        respond.respond(HTTPResponse(status: 200, body: .stream(stream)))
        _ = try? client.stream(request.method, request.target, body: request.body) { stream.send($0) }
        stream.finish()
      }
    }
  }

  func open() { isOpen.store(true, ordering: .relaxed) }
}

@Suite struct EtcdGatewayTests {
  @Test(arguments: [
    Mood.refusing(500), .babbling("x"), .babbling("{}"), .babbling(#"{"header":{"revision":"x"}}"#),
    .babbling(#"{"header":{"revision":"1"},"kvs":[{"key":"!"}]}"#),
  ])
  func whatIsNoEtcdFailsItsNames(mood: Mood) async throws {
    let server = try FakeServer()
    server.serve { _, respond in respond.respond(HTTPResponse(status: 404)) }
    server.set(mood)
    let discovering = try Discovering("kind: io.l5d.etcd\nurl: \(server.url)")
    #expect(await discovering.want("/#/io.l5d.etcd/web") { $0.state == .failed } != nil)
  }

  @Test(arguments: [
    ("10.0.0.1:80", true), (" 10.0.0.1:80\n", true), (#"{"address":"[::1]:1"}"#, true), ("host:80", false),
    ("10.0.0.1:0", false), ("", false), ("{}", false), (#"{"address":"10.0.0.1:80","weight":-1}"#, false),
    (#"{"address":"10.0.0.1:80","weight":"1"}"#, false), ("10.0.0.1:80 10.0.0.2:80", false),
  ])
  func readsValues(text: String, isGood: Bool) {
    if case .endpoint = EtcdEndpoint(Array(text.utf8)) { #expect(isGood) } else { #expect(!isGood) }
  }
}
