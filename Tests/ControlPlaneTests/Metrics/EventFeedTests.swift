import JSONFormat
import Synchronization
import Testing

@testable import ControlPlane

@Suite struct EventFeedTests {
  @Test func watcherGetsItsNamespaceAsServerSentEvents() throws {
    let journal = MeshJournal(run: "r")
    let watcher = Reader()
    #expect(journal.subscribe(namespace: "default", lastEventID: nil, send: watcher.send) != nil)
    journal.publish("default", "revision", ["revision": 7])
    journal.publish("other", "revision", ["revision": 1])
    #expect(watcher.text.hasSuffix("id: r-1\nevent: revision\ndata: {\"revision\":7}\n\n"))
    #expect(!watcher.text.contains("r-2"))
  }

  @Test func whoComesBackGetsWhatItMissed() {
    let journal = MeshJournal(run: "r")
    for n in 1...10 { journal.publish(n % 2 == 0 ? "default" : "other", "e", JSON(n)) }
    let watcher = Reader()
    _ = journal.subscribe(namespace: "default", lastEventID: "r-5", send: watcher.send)
    #expect(watcher.text.split(separator: "\n").filter { $0.hasPrefix("data") } == ["data: 6", "data: 8", "data: 10"])
  }

  @Test(arguments: ["x-5", "r-99", "r-", "r-abc", "5", "r--1", "r-1"])
  func unknownOrOldIdMeansLoadingAnew(id: String) {
    let journal = MeshJournal(run: "r")
    for n in 0..<(EventRing.capacity + 10) { journal.publish("default", "e", JSON(n)) }
    let watcher = Reader()
    _ = journal.subscribe(namespace: "default", lastEventID: id == "r-99" ? "r-99999999" : id, send: watcher.send)
    #expect(watcher.text.contains("event: reset"))
  }

  @Test func ringKeepsTheNewest() throws {
    var ring = EventRing(run: "r")
    for n in 1...(EventRing.capacity * 2 + 3) { _ = ring.append("default", "e", "\(n)") }
    let oldest = ring.lastNumber - UInt64(EventRing.capacity)
    let events = try #require(ring.events(of: "default", after: ring.id(oldest)))
    #expect(events.count == EventRing.capacity)
    #expect(events.map(\.number) == Array(oldest + 1...ring.lastNumber))
    #expect(ring.events(of: "default", after: ring.id(oldest - 1)) == nil)
  }

  @Test func closedWatchersAreDropped() {
    let journal = MeshJournal(run: "r")
    let watcher = Reader()
    _ = journal.subscribe(namespace: "default", lastEventID: nil, send: watcher.send)
    watcher.close()
    journal.publish("default", "e", 1)
    #expect(journal.watchedNamespaces.isEmpty)
  }

  @Test func watchersAreBounded() {
    let journal = MeshJournal(run: "r")
    var keys: [UInt64] = []
    for _ in 0..<MeshJournal.watcherLimit {
      if let key = journal.subscribe(namespace: "d", lastEventID: nil, send: { _ in true }) { keys.append(key) }
    }
    #expect(keys.count == MeshJournal.watcherLimit)
    #expect(journal.subscribe(namespace: "d", lastEventID: nil, send: { _ in true }) == nil)
    journal.unsubscribe(keys[0])
    #expect(journal.subscribe(namespace: "d", lastEventID: nil, send: { _ in true }) != nil)
  }

  @Test func hubTellsRevisionsProgressAndRefusals() throws {
    let mesh = try MeshHarness()
    let watcher = Reader()
    _ = mesh.journal.subscribe(namespace: "default", lastEventID: nil, send: watcher.send)
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("p")
    proxy.refuses = 2
    mesh.connect(proxy)
    mesh.settle()
    mesh.hub.publishProgress()
    #expect(watcher.text.contains("event: proxies\ndata: {\"revision\":1,\"synced\":1,"))
    mesh.commit(["b": "/#/registry/1"])
    mesh.settle()
    #expect(watcher.text.contains("event: rejected\ndata: {\"revision\":2,\"proxy\":\"p\""))
    let before = watcher.text
    mesh.hub.publishProgress()
    mesh.hub.publishProgress()
    #expect(watcher.text.dropFirst(before.count).split(separator: "\n").count { $0 == "event: proxies" } == 1)
  }

  @Test func expositionShowsEveryKindFromTheStart() {
    let text = MeshCounters().exposition(proxies: [.synced: 3])
    #expect(text.contains("heddle_proxies{state=\"synced\"} 3\n"))
    #expect(text.contains("heddle_proxies{state=\"disconnected\"} 0\n"))
    #expect(text.contains("heddle_push_bytes_total{kind=\"snapshot\"} 0\n"))
    #expect(text.contains("heddle_desync_total{kind=\"endpoints\"} 0\n"))
    #expect(text.contains("heddle_config_propagation_seconds_count 0\n"))
  }

  /// Collects what a watcher gets.
  private final class Reader: Sendable {
    private let state = Mutex((text: "", isOpen: true))
    var text: String { state.withLock { $0.text } }
    func close() { state.withLock { $0.isOpen = false } }
    var send: @Sendable ([UInt8]) -> Bool {
      { [self] bytes in
        state.withLock {
          $0.text += String(decoding: bytes, as: UTF8.self)
          return $0.isOpen
        }
      }
    }
  }
}
