import Foundation
import Serving
import Synchronization
import SystemIO
import Telemetry

@testable import DataPlane

/// A whole proxy in this process, on ports of its own.
final class RunningProxy: Sendable {
  let program: ProxyProgram
  let hasDrained = Drained()

  final class Drained: Sendable {
    private let state = Mutex(false)
    var isSo: Bool {
      get { state.withLock { $0 } }
      set { state.withLock { $0 = newValue } }
    }
  }

  /// - Parameter outbound: the list of further outbound listeners.
  init(_ yaml: String, outbound: String = "[]", workers: Int = 2) throws {
    let listeners =
      "outbound: {listen: \"127.0.0.1:0\", listeners: \(outbound)}\nadmin: {listen: \"127.0.0.1:0\"}\nworkers: \(workers)\n"
    let log = Log(level: .error, clock: { 0 }, write: { _ in })
    program = try ProxyProgram(proxyConfiguration(listeners + yaml), log: log) { [hasDrained] in hasDrained.isSo = true
    }
  }

  /// Ends it as a process would end.
  func end() { program.end() }

  func admin(_ target: String, method: String = "GET", body: String = "") throws -> HTTPResponse {
    let client = HTTPClient(address: program.admin, timeout: .seconds(20))
    return try client.send(method, target, body: Array(body.utf8))
  }

  /// The status of a request to a service through the proxy.
  func call(_ service: String) throws -> Int {
    let client = HTTPClient(address: program.listeners[0].address, timeout: .seconds(20))
    return try client.send("GET", "/", headers: ["host": service]).status
  }

  func readiness() throws -> String { try admin("/readyz?verbose").text ?? "" }
}

/// An application that answers 200.
final class Application: Sendable {
  let address: String
  private let executor: LoopExecutor

  init() throws {
    let (executor, address) = try ServiceLoop.start(name: "application") { loop in
      let handler = DirectHandler { _ in HTTPResponse(status: 200, text: "hello\n") }
      return try HTTPServer(loop: loop, address: .loopback(port: 0), handler: handler).localAddress.description
    }
    self.executor = executor
    self.address = address
  }

  deinit { executor.stop() }
}

/// A folder that goes with the test.
func withFolder(_ body: (String) throws -> Void) throws {
  let folder = NSTemporaryDirectory() + "heddle-proxy-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}
