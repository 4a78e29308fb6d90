import Serving
import SystemIO
import Testing

@Suite struct ServiceLoopTests {
  private final class Counter {
    var value = 0
    let gone: Collected<Bool>
    init(_ gone: Collected<Bool>) { self.gone = gone }
    deinit { gone.add(true) }
  }

  @Test func confinedObjectsAreReachedInOrderAndReleased() throws {
    let gone = Collected<Bool>()
    let seen = Collected<Int>()
    var started: (executor: LoopExecutor, value: Confined<Counter>)? = try ServiceLoop.start(name: "loop") { loop in
      loop.confine(Counter(gone))
    }
    let executor = try #require(started?.executor)
    for index in 0..<1000 {
      started?.value.execute { counter in
        if counter.value == index { counter.value += 1 }
        if index == 999 { seen.add(counter.value) }
      }
    }
    #expect(seen.wait { $0.count == 1 } == [1000])
    #expect(gone.all.isEmpty)
    started = nil
    #expect(gone.wait { $0.count == 1 } == [true])
    executor.stop()
  }

  @Test func timersFireInOrderUnlessCancelled() throws {
    let seen = Collected<Int>()
    let (executor, _) = try ServiceLoop.start(name: "loop") { loop in
      loop.schedule(after: .milliseconds(30)) { seen.add(3) }
      loop.schedule(after: .milliseconds(10)) { seen.add(1) }
      let cancelled = loop.schedule(after: .milliseconds(20)) { seen.add(2) }
      loop.cancel(cancelled)
      loop.cancel(cancelled)
      return 0
    }
    #expect(seen.wait { $0.count == 2 } == [1, 3])
    executor.stop()
  }

  @Test func whatSetupThrowsIsThrown() {
    struct Refused: Error {}
    #expect(throws: Refused.self) { _ = try ServiceLoop.start(name: "loop") { _ -> Int in throw Refused() } }
  }

  @Test func anAddressThatIsTakenIsTold() throws {
    let taken = try Socket.listen(on: anyPort, reusePort: false)
    let address = try address(of: taken)
    #expect(throws: SystemError.self) {
      _ = try ServiceLoop.start(name: "loop") { loop in
        try HTTPServer(loop: loop, address: address, handler: echo).localAddress
      }
    }
    _ = taken.descriptor
  }

  @Test func stoppingTheLoopClosesItsConnections() throws {
    let (executor, address) = try ServiceLoop.start(name: "loop") { loop in
      try HTTPServer(loop: loop, address: anyPort, handler: echo).localAddress
    }
    let client = try RawClient(to: address)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readText(until: "GET / a ").hasSuffix("GET / a "))
    executor.stop()
    client.read()
    #expect(client.isEnded)
  }
}
