import JSONFormat
import Serving
import Synchronization

/// The event feed: what happens in each namespace, told to everyone who watches (`GET …/watch`).
final class MeshJournal: EventFeed {
  /// Watchers at once. Why: each is a connection and gets every event. At the limit: the stream ends at once with an
  /// `error` event; EventSource tries again later.
  static let watcherLimit = 512

  private struct Watcher {
    let namespace: String
    let send: @Sendable ([UInt8]) -> Bool
  }

  private struct State {
    var ring: EventRing
    var watchers: [UInt64: Watcher] = [:]
    var lastWatcher: UInt64 = 0
  }

  private let state: Mutex<State>

  /// - Parameter run: tells the ids of this run from those of others; letters and digits.
  init(run: String) { state = Mutex(State(ring: EventRing(run: run))) }

  /// Tells an event to everyone who watches the namespace. Those that are closed or too slow are dropped.
  func publish(_ namespace: String, _ name: String, _ data: JSON) {
    let data = data.printedText
    state.withLock { state in
      let event = state.ring.append(namespace, name, data)
      deliver(state.ring.text(event), namespace, &state)
    }
  }

  /// Tells something that nobody needs to catch up on, such as rates: it has no id and is not kept.
  func tell(_ namespace: String, _ name: String, _ data: JSON) {
    let text = Array("event: \(name)\ndata: \(data.printedText)\n\n".utf8)
    state.withLock { deliver(text, namespace, &$0) }
  }

  /// Keeps connections through proxies that cut silent ones.
  func keepAlive() {
    let comment = Array(": \n\n".utf8)
    state.withLock { state in
      for (key, watcher) in state.watchers where !watcher.send(comment) { state.watchers[key] = nil }
    }
  }

  /// Namespaces that someone watches.
  var watchedNamespaces: Set<String> { state.withLock { Set($0.watchers.values.map(\.namespace)) } }

  func subscribe(namespace: String, lastEventID: String?, to stream: ResponseStream) {
    let key = subscribe(namespace: namespace, lastEventID: lastEventID) { stream.send($0) }
    guard let key else {
      _ = stream.send(Array("event: error\ndata: {\"detail\":\"too many watchers\"}\n\n".utf8))
      stream.finish()
      return
    }
    stream.onClose { [weak self] in self?.unsubscribe(key) }
  }

  /// Sends what came after `lastEventID`, then everything that comes, until `send` says false or `unsubscribe`. Nil at
  /// the limit.
  func subscribe(namespace: String, lastEventID: String?, send: @escaping @Sendable ([UInt8]) -> Bool) -> UInt64? {
    state.withLock { state in
      guard state.watchers.count < Self.watcherLimit else { return nil }
      // Closed already: there is nobody to send to, and 0 names no watcher.
      guard send(Self.greeting(state.ring, namespace, lastEventID)) else { return 0 }
      state.lastWatcher += 1
      state.watchers[state.lastWatcher] = Watcher(namespace: namespace, send: send)
      return state.lastWatcher
    }
  }

  func unsubscribe(_ key: UInt64) { state.withLock { $0.watchers[key] = nil } }

  private static func greeting(_ ring: EventRing, _ namespace: String, _ lastEventID: String?) -> [UInt8] {
    var text = Array("retry: 2000\n".utf8)
    guard let lastEventID, !lastEventID.isEmpty else {
      // An id without data shows nothing and lets the reader catch up from here if it is cut off at once.
      return text + Array("id: \(ring.id(ring.lastNumber))\n\n".utf8)
    }
    text.append(UInt8(ascii: "\n"))
    if let missed = ring.events(of: namespace, after: lastEventID) {
      for event in missed { text += ring.text(event) }
    } else {
      text += ring.resetText()
    }
    return text
  }

  private func deliver(_ text: [UInt8], _ namespace: String, _ state: inout State) {
    for (key, watcher) in state.watchers where watcher.namespace == namespace && !watcher.send(text) {
      state.watchers[key] = nil
    }
  }
}
