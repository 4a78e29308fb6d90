import Foundation
import Serving
import Synchronization
import SystemIO

/// Applications: threads that send requests through a proxy, one after the other, over connections that they keep.
///
/// They send POST, which nobody may quietly send twice: a request without an answer is seen as lost.
final class Callers: Sendable {
  struct Counts {
    /// Answers 200 by the version that gave them.
    var answered: [String: Int] = [:]
    /// Every other answer, and every request without one.
    var failed: [String] = []
    /// Callers whose new connection was refused: the proxy is gone, and no request with it.
    var refused = 0
    var ended = 0

    var total: Int { answered.values.reduce(0, +) }
  }

  private enum Outcome {
    case answered(String)
    case failed(String)
    case refused
  }

  private let counts = Mutex(Counts())
  private let isStopped = Mutex(false)
  private let number: Int

  /// - Parameter pause: microseconds that the caller with this number rests between two requests.
  init(_ number: Int, through proxy: String, host: String, pause: @escaping @Sendable (Int) -> UInt32 = { _ in 0 }) throws {
    self.number = number
    guard let address = SocketAddress(proxy) else { throw NeverHappened(description: "'\(proxy)' is an address") }
    for caller in 0..<number {
      startThread(name: "caller-\(caller)") { [self] in
        call(HTTPClient(address: address, timeout: .seconds(20)), host: host, pause: pause(caller))
        counts.withLock { $0.ended += 1 }
      }
    }
  }

  var seen: Counts { counts.withLock { $0 } }

  /// Lets each finish the request it is at.
  func stop() throws -> Counts {
    isStopped.withLock { $0 = true }
    return try eventually("the callers end") { () -> Counts? in
      let counts = seen
      return counts.ended == number ? counts : nil
    }
  }

  private func call(_ client: HTTPClient, host: String, pause: UInt32) {
    while !isStopped.withLock({ $0 }) {
      let outcome = one(client, host: host)
      counts.withLock { counts in
        switch outcome {
        case .answered(let version): counts.answered[version, default: 0] += 1
        case .failed(let text): counts.failed.append(text)
        case .refused: counts.refused += 1
        }
      }
      if case .refused = outcome { return }
      if pause > 0 { usleep(pause) }
    }
  }

  private func one(_ client: HTTPClient, host: String) -> Outcome {
    do {
      let answer = try client.send("POST", "/", headers: ["host": host], body: Array("x".utf8))
      if answer.status == 200, let version = answer.headers["demo-version"] { return .answered(version) }
      return .failed("\(answer.status) \(answer.headers["heddle-error"] ?? "") \(answer.headers["l5d-err"] ?? "")")
    } catch {
      return "\(error)".contains("refused") ? .refused : .failed("\(error)")
    }
  }
}
