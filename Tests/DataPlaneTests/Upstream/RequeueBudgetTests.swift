import Testing

@testable import DataPlane

/// How often requests may be sent again: the floor is shared by the fleet, the rest grows with what is answered.
@Suite struct RequeueBudgetTests {
  /// Answers one request per connection and closes without a word at the next, so that each further request needs one more send.
  private func forgetful() throws -> ScriptedServer {
    try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send(ForwardingTests.hello)
      _ = try server.readRequest(connection)
    }
  }

  /// Requests until the first that was not sent again.
  private func answeredInARow(_ proxy: ProxyHarness) throws -> Int {
    let connection = try proxy.connect()
    for answered in 0..<1000 {
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      if try connection.readAnswer().status == 502 { return answered }
    }
    return 1000
  }

  @Test func theFloorIsThisProxysShare() throws {
    // All of one window: a hundred in reserve is the whole fleet's, ten are a tenth of it, and one is the least.
    for (share, reserve) in [(1.0, 100), (0.1, 10), (0.0001, 1)] {
      let server = try forgetful()
      let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
      proxy.worker.send(.requeueShare(share))
      // A fifth of the answered comes on top: n answered need n - 1 re-sends, of which n / 5 are earned.
      let answered = try answeredInARow(proxy)
      #expect(((reserve + 1)...(reserve * 5 / 4 + 3)).contains(answered), "share \(share): \(answered)")
    }
  }

  @Test func theShareCountsForNamesInUseAndForLaterOnes() throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let leaf = "/$/inet/127.0.0.1/\(server.port)"
    let proxy = try ProxyHarness(dtab: "/svc/web => \(leaf) ; /svc/late => /$/inet/127.0.0.1/1")
    _ = try proxy.get("web")
    #expect(try proxy.collect(ticket: 1).requeueBalances == [BalanceFact(backend: leaf, balance: 100)])
    proxy.worker.send(.requeueShare(0.25))
    _ = try proxy.get("late")
    let balances = try proxy.collect(ticket: 2).requeueBalances.sorted { $0.backend < $1.backend }
    #expect(
      balances == [BalanceFact(backend: "/$/inet/127.0.0.1/1", balance: 25), BalanceFact(backend: leaf, balance: 25)])
  }

  @Test func onlyASharethatWasToldIsTaken() {
    var floor = RequeueFloor()
    let told: [(Double, isNew: Bool, share: Double)] = [
      (0, false, 1), (-1, false, 1), (1.5, false, 1), (.nan, false, 1), (.infinity, false, 1), (0.5, true, 0.5), (0.5, false, 0.5),
      (0, false, 0.5), (1, true, 1),
    ]
    for (share, isNew, expected) in told {
      let isTaken = floor.told(share)
      #expect(isTaken == isNew && floor.share == expected, "\(share)")
    }
    #expect(RequeueFloor.ofWorker(share: 1, workers: 4) == 2.5)
    #expect(RequeueFloor.ofWorker(share: 0.001, workers: 4) == RequeueFloor.least)
  }

  @Test func aScrapeShowsAllWorkersTogetherAndBoundsTheNames() {
    func facts(_ balances: [BalanceFact]) -> WorkerFacts {
      var facts = WorkerFacts()
      facts.requeueBalances = balances
      return facts
    }
    var ledger = FactLedger(workers: 2, listeners: 2)
    ledger.add(facts([BalanceFact(backend: "/#/a", balance: 3)]), worker: 0, now: 0)
    ledger.add(facts([BalanceFact(backend: "/#/a", balance: 4), BalanceFact(backend: "/#/b", balance: 1)]), worker: 1, now: 0)
    #expect(ledger.requeueBalances == [BalanceFact(backend: "/#/a", balance: 7), BalanceFact(backend: "/#/b", balance: 1)])
    ledger.add(facts([]), worker: 1, now: 1)  // no longer in use there
    #expect(ledger.requeueBalances == [BalanceFact(backend: "/#/a", balance: 3)])
    let many = (0..<FactLedger.balanceLimit + 7).map { BalanceFact(backend: "/#/\($0)", balance: 2) }
    ledger.add(facts(many), worker: 0, now: 2)
    #expect(ledger.requeueBalances.count == FactLedger.balanceLimit + 1)
    #expect(ledger.requeueBalances.last == BalanceFact(backend: "_other", balance: 14))
  }
}
