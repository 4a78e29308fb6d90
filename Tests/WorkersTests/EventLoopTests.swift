import Memory
import Synchronization
import SystemIO
import Testing
import Workers

/// Records what happens, and does what a test wants at each.
private final class Recorder: LoopHandler {
  let loop: EventLoop
  var readied: [(token: UInt64, readiness: Readiness)] = []
  var expirations: [UInt64] = []
  var wakes = 0
  var edges = 0
  var onReady: (Recorder, UInt64) -> Void = { _, _ in }
  var onExpired: (Recorder, UInt64) -> Void = { _, _ in }
  var onWoken: (Recorder) -> Void = { _ in }
  var onEdge: (Recorder) -> Void = { _ in }
  private var patience = TimerHandle.none
  static let impatience: UInt64 = 0xffff

  init() throws { loop = try EventLoop() }

  /// Runs the loop until a test stops it; after 20 s the test has failed.
  func run(sourceLocation: SourceLocation = #_sourceLocation) {
    patience = loop.schedule(Recorder.impatience, at: loop.now + .seconds(20))
    loop.run(self)
    loop.cancel(patience)
    #expect(!expirations.contains(Recorder.impatience), "did not stop", sourceLocation: sourceLocation)
  }

  func ready(_ token: UInt64, _ readiness: Readiness) {
    readied.append((token, readiness))
    onReady(self, token)
  }

  func expired(_ token: UInt64) {
    expirations.append(token)
    if token == Recorder.impatience { loop.stop() } else { onExpired(self, token) }
  }

  func woken() {
    wakes += 1
    onWoken(self)
  }

  func edge() {
    edges += 1
    onEdge(self)
  }
}

@Suite struct EventLoopTests {
  @Test func timersFireInOrderAndNeverEarly() throws {
    let recorder = try Recorder()
    let start = Instant.now()
    for (token, delay) in [(1, 30), (2, 10), (3, 20)] as [(UInt64, UInt64)] {
      _ = recorder.loop.schedule(token, at: start.adding(milliseconds: delay))
    }
    recorder.onExpired = { recorder, token in
      #expect(recorder.loop.now >= start.adding(milliseconds: [1: 30, 2: 10, 3: 20][token]!))
      if token == 1 { recorder.loop.stop() }
    }
    recorder.run()
    #expect(recorder.expirations == [2, 3, 1] && recorder.loop.timerCount == 0)
  }

  @Test func aCancelledTimerDoesNotFire() throws {
    let recorder = try Recorder()
    let soon = recorder.loop.now.adding(milliseconds: 5)
    let second = recorder.loop.schedule(2, at: soon)
    _ = recorder.loop.schedule(3, at: recorder.loop.now.adding(milliseconds: 20))
    _ = recorder.loop.schedule(1, at: recorder.loop.now)
    recorder.onExpired = { recorder, token in
      if token == 1 { #expect(recorder.loop.cancel(second)) }
      if token == 3 { recorder.loop.stop() }
    }
    recorder.run()
    #expect(recorder.expirations == [1, 3])
  }

  @Test func aTimerThatIsAlwaysLateDoesNotStarveDescriptors() throws {
    let recorder = try Recorder()
    let waker = try Waker()
    try recorder.loop.add(waker.descriptor, token: 5, [.read])
    _ = recorder.loop.schedule(1, at: .zero)
    recorder.onExpired = { recorder, _ in
      _ = recorder.loop.schedule(1, at: .zero)
      if recorder.edges == 100 { waker.wake() }
    }
    recorder.onReady = { recorder, _ in recorder.loop.stop() }
    recorder.run()
    #expect(recorder.readied.count == 1)
    #expect(recorder.expirations.count <= recorder.edges)  // once a turn
  }

  @Test func aSlowTurnLosesNoTimer() throws {
    let recorder = try Recorder()
    for token in 1...50 as ClosedRange<UInt64> {
      _ = recorder.loop.schedule(token, at: recorder.loop.now.adding(milliseconds: token))
    }
    recorder.onExpired = { recorder, token in
      if token == 1 {  // keeps the loop busy until all the others are late
        let until = recorder.loop.now.adding(milliseconds: 60)
        while Instant.now() < until {}
      }
      if token == 50 { recorder.loop.stop() }
    }
    recorder.run()
    #expect(recorder.expirations == Array(1...50))
  }

  @Test func descriptorsComeWithTheirTokens() throws {
    let recorder = try Recorder()
    let listener = try Socket.listen(on: .loopback(port: 0))
    let address = listener.localAddress()
    let client = try Socket.connect(to: try #require(address))
    try recorder.loop.add(listener.descriptor, token: 1, .read)
    try recorder.loop.add(client.descriptor, token: 2, [.write, .edgeTriggered])
    recorder.onReady = { recorder, _ in if recorder.readied.count >= 2 { recorder.loop.stop() } }
    recorder.run()
    #expect(recorder.readied.contains { $0.token == 1 && $0.readiness == .readable })
    #expect(recorder.readied.contains { $0.token == 2 && $0.readiness.contains(.writable) })
    try recorder.loop.modify(listener.descriptor, token: 3, .read)
    let known = recorder.loop.remove(client.descriptor)
    recorder.readied = []
    recorder.onReady = { recorder, _ in recorder.loop.stop() }
    recorder.run()
    #expect(known && recorder.readied.map(\.token) == [3])
  }

  @Test func aPostWakesTheSleepingLoop() throws {
    let recorder = try Recorder()
    let mailbox = Mailbox<Int>(waker: recorder.loop.waker)
    var received: [Int] = []
    recorder.onWoken = { recorder in
      received += mailbox.drain()
      if received.count == 1000 { recorder.loop.stop() }
    }
    startThread(name: "poster") { for i in 0..<1000 { mailbox.post(i) } }
    recorder.run()
    #expect(received == Array(0..<1000))
  }

  @Test func everyPostOfManyThreadsArrives() throws {
    let recorder = try Recorder()
    let mailbox = Mailbox<Int>(waker: recorder.loop.waker)
    var counts = [Int](repeating: 0, count: 8)
    var inOrder = true
    recorder.onWoken = { recorder in
      for message in mailbox.drain() {
        inOrder = inOrder && counts[message / 10_000] == message % 10_000
        counts[message / 10_000] += 1
      }
      if counts.reduce(0, +) == 16_000 { recorder.loop.stop() }
    }
    for thread in 0..<8 {
      startThread(name: "poster") { for i in 0..<2000 { mailbox.post(thread * 10_000 + i) } }
    }
    recorder.run()
    #expect(counts == [Int](repeating: 2000, count: 8) && inOrder)
  }

  @Test func theEdgeComesAfterEventsAndTimers() throws {
    let recorder = try Recorder()
    recorder.loop.waker.wake()
    _ = recorder.loop.schedule(1, at: .zero)
    var atEdge: [Int] = []
    recorder.onEdge = { recorder in
      atEdge = [recorder.wakes, recorder.expirations.count]
      recorder.loop.stop()
    }
    recorder.run()
    #expect(atEdge == [1, 1] && recorder.edges == 1)
  }

  @Test func theClockIsReadOnceATurn() throws {
    let recorder = try Recorder()
    _ = recorder.loop.schedule(1, at: .zero)
    _ = recorder.loop.schedule(2, at: .zero)
    var seen: [Instant] = []
    recorder.onExpired = { recorder, _ in
      let until = Instant.now().adding(milliseconds: 2)
      while Instant.now() < until {}
      seen.append(recorder.loop.now)
    }
    recorder.onEdge = { recorder in
      seen.append(recorder.loop.now)
      recorder.loop.stop()
    }
    recorder.run()
    #expect(seen.count == 3 && Set(seen).count == 1)
  }

  @Test func sleepsBetweenTimers() throws {
    let recorder = try Recorder()
    for delay in [20, 40, 300] as [UInt64] {
      _ = recorder.loop.schedule(delay, at: recorder.loop.now.adding(milliseconds: delay))
    }
    recorder.onExpired = { recorder, token in if token == 300 { recorder.loop.stop() } }
    recorder.run()
    // A turn for each timer and each level that one moves down, not one a millisecond.
    #expect(recorder.edges <= 12)
  }

  @Test func runsAgainAfterAStop() throws {
    let recorder = try Recorder()
    recorder.onEdge = { $0.loop.stop() }
    _ = recorder.loop.schedule(1, at: .zero)
    recorder.run()
    _ = recorder.loop.schedule(2, at: .zero)
    recorder.run()
    #expect(recorder.expirations == [1, 2])
  }
}

@Suite struct MailboxTests {
  @Test func wakesOnlyWhenItWasEmpty() throws {
    let waker = try Waker()
    let poller = try Poller()
    try poller.add(waker.descriptor, token: 1, [.read, .edgeTriggered])
    func events() -> Int { poller.wait(milliseconds: 0) }
    let mailbox = Mailbox<String>(waker: waker)
    #expect(mailbox.post("a") && events() == 1)
    #expect(mailbox.post("b") && events() == 0)
    #expect(mailbox.drain() == ["a", "b"] && mailbox.drain().isEmpty)
    #expect(mailbox.post("c") && events() == 1)
  }

  @Test func refusesWhatIsAboveItsLimit() throws {
    let mailbox = Mailbox<Int>(waker: try Waker(), limit: 2)
    #expect(mailbox.post(1) && mailbox.post(2) && !mailbox.post(3))
    #expect(mailbox.drain() == [1, 2])
    #expect(mailbox.post(4) && mailbox.drain() == [4])
  }
}
