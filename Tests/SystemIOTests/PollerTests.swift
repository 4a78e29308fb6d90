import Memory
import SystemIO
import Testing

@Suite struct PollerTests {
  @Test func reportsTokensAndWhatIsReady() throws {
    let pair = try Pair()
    let poller = try Poller()
    try poller.add(pair.server.descriptor, token: 0xff00_0000_0000_0001, [.read])
    check(poller.wait(milliseconds: 0) == 0)
    let byte: [UInt8] = [1]
    _ = pair.client.send(byte.span)
    check(poller.wait(milliseconds: patience) == 1)
    check(poller.token(at: 0) == 0xff00_0000_0000_0001 && poller.readiness(at: 0) == .readable)
    check(poller.wait(milliseconds: 0) == 1)  // level-triggered: told again
    try poller.modify(pair.server.descriptor, token: 2, [.read, .write])
    check(poller.wait(milliseconds: 0) == 1)
    check(poller.token(at: 0) == 2 && poller.readiness(at: 0) == [.readable, .writable])
    check(poller.remove(pair.server.descriptor) && !poller.remove(pair.server.descriptor))
    check(poller.wait(milliseconds: 0) == 0)
  }

  @Test func edgeTriggeredTellsOfChangesOnly() throws {
    let pair = try Pair()
    let poller = try Poller()
    try poller.add(pair.server.descriptor, token: 1, [.read, .edgeTriggered])
    let byte: [UInt8] = [1]
    _ = pair.client.send(byte.span)
    check(poller.wait(milliseconds: patience) == 1)
    check(poller.wait(milliseconds: 0) == 0)
    _ = pair.client.send(byte.span)
    check(poller.wait(milliseconds: patience) == 1)
    pair.client.shutdownWrite()
    check(poller.wait(milliseconds: patience) == 1 && poller.readiness(at: 0) == [.readable, .hangup])
  }

  @Test func anExclusiveListenerCanBeAdded() throws {
    let listener = try Socket.listen(on: .loopback(port: 0))
    let poller = try Poller()
    try poller.add(listener.descriptor, token: 1, [.read, .exclusive])
    let client = try Socket.connect(to: try listener.address())
    check(poller.wait(milliseconds: patience) == 1 && poller.readiness(at: 0) == .readable)
    check(client.connectError() == 0)
  }

  @Test func moreEventsThanABatchComeInTurns() throws {
    let poller = try Poller()
    var wakers: [Waker] = []
    for token in 0..<Poller.batch + 100 {
      let waker = try Waker()
      try poller.add(waker.descriptor, token: UInt64(token), [.read, .edgeTriggered])
      waker.wake()
      wakers.append(waker)
    }
    var seen: Set<UInt64> = []
    while case let count = poller.wait(milliseconds: 0), count > 0 {
      check(count <= Poller.batch)
      for index in 0..<count { seen.insert(poller.token(at: index)) }
    }
    check(seen.count == wakers.count)
  }

  @Test func refusesWhatIsNoDescriptor() throws {
    let poller = try Poller()
    do throws(SystemError) {
      try poller.add(-1, token: 1, .read)
      Issue.record("watched")
    } catch {
      #expect(error.description == "epoll_ctl: Bad file descriptor (9)")
    }
  }

  @Test func aWakeFromAnotherThreadEndsTheWait() throws {
    let poller = try Poller()
    let waker = try Waker()
    try poller.add(waker.descriptor, token: 9, [.read, .edgeTriggered])
    for _ in 0..<100 {
      startThread(name: "waker") { waker.wake() }
      check(poller.wait(milliseconds: patience) == 1 && poller.token(at: 0) == 9)
    }
    check(poller.wait(milliseconds: 0) == 0)
    waker.wake()
    waker.wake()
    check(poller.wait(milliseconds: patience) == 1)
  }
}
