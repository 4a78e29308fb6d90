import JSONFormat
import Serving
import Synchronization

/// Wakes those who watch over namerd's API: at every change of configuration or of the registry, and, for names of
/// namers, at every tick.
final class NamerdWatchers: ChangeObserver {
  /// Watchers at once. Why: each looks anew at every change. At the limit: 503.
  static let limit = 512

  private struct State {
    var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    var last: UInt64 = 0
  }

  private let state = Mutex(State())

  /// What wakes one more watcher, at once and then as often as something may have changed; nil at the limit. Wakes that
  /// come while it works are one.
  func add() -> (key: UInt64, wakes: AsyncStream<Void>)? {
    let (wakes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let key: UInt64? = state.withLock { state in
      guard state.watchers.count < Self.limit else { return nil }
      state.last += 1
      state.watchers[state.last] = continuation
      return state.last
    }
    guard let key else { return nil }
    continuation.yield()
    return (key, wakes)
  }

  func remove(_ key: UInt64) { state.withLock { $0.watchers.removeValue(forKey: key) }?.finish() }

  func wake() { state.withLock { state in for watcher in state.watchers.values { watcher.yield() } } }

  func configurationChanged(_ change: ConfigurationChange) { wake() }
  func endpointsChanged(_ old: ServiceEndpoints, _ new: ServiceEndpoints) { wake() }
}

extension Call {
  /// How long a value that is not there yet is waited for when nobody watches.
  private static let patience = 10

  /// The value once, or with `watch=true` as often as it changes. `value` gives nil while there is none yet.
  func namerdAnswer(_ value: @escaping @Sendable () async -> JSON?) async throws(Problem) -> HTTPResponse {
    if try flag("watch") { return try namerdStream(type: "application/json") { await value()?.printed } }
    for _ in 0..<Self.patience {
      if let value = await value() { return .json(200, value) }
    }
    throw Problem(status: 504, detail: "A name that this one leads to has no answer yet.")
  }

  /// One line for each value that differs from the one before, until the caller leaves.
  func namerdStream(type: String, _ value: @escaping @Sendable () async -> [UInt8]?) throws(Problem) -> HTTPResponse {
    let watchers = api.namerdWatchers
    guard let (key, wakes) = watchers.add() else {
      throw .unavailable("\(NamerdWatchers.limit) callers watch already.")
    }
    let stream = ResponseStream()
    stream.onClose { watchers.remove(key) }
    Task {
      var last: [UInt8]?
      for await _ in wakes {
        guard let next = await value(), next != last else { continue }
        last = next
        if !stream.send(next + [0x0A]) { break }
      }
      watchers.remove(key)
      stream.finish()
    }
    return HTTPResponse(
      status: 200, headers: ["content-type": type, "cache-control": "no-store"], body: .stream(stream))
  }
}
