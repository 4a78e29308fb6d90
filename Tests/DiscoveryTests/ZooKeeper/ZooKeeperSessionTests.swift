import SystemIO
import TestSupport
import Testing

@testable import Discovery

@Suite struct ZooKeeperSessionTests {
  private let web = ZooKeeperRequest.children(of: "/web")

  @Test func greetsAsksAndTells() {
    var client = ScriptedClient()
    client.ask(web)
    #expect(client.connects == [0] && client.sent.isEmpty)
    client.connect()
    #expect(client.sent == [ZooKeeperFrame.connect(ZooKeeperIdentity(), seen: 0, timeoutMilliseconds: 3000)])
    client.clear()
    client.hear(Reply.greeting())
    #expect(client.events == [.established(isNew: true)] && client.sent == [web.frame(xid: 1)])
    client.hear(Reply.children(xid: 1, ["a", "b"]))
    client.hear(Reply.event(.children, "/web"))
    #expect(client.events.last == .changed(ZooKeeperChange(.children, "/web")))
    #expect(client.answers == [.children(["a", "b"])])
  }

  /// Answers cut anywhere are the same answers.
  @Test func everySplitIsTheSame() {
    let stream = Reply.greeting() + Reply.children(xid: 1, ["a"]) + Reply.event(.data, "/web/a") + Reply.ping
    var whole = ScriptedClient()
    whole.ask(web)
    whole.connect()
    whole.hear(stream)
    #expect(whole.events.count == 3)
    forEverySplit(of: stream) { first, second in
      var client = ScriptedClient()
      client.ask(web)
      client.connect()
      client.hear(first)
      client.hear(second)
      #expect(client.events == whole.events && client.sent == whole.sent)
    }
  }

  @Test func setsItsWatchesAnewAndAsksWhatWasUnderWay() {
    var client = ScriptedClient(servers: 2)
    client.establish()
    client.ask(web)
    client.ask(.exists("/none"))
    client.hear(Reply.children(xid: 1, zxid: 99, []) + Reply.refusal(xid: 2, -101))
    client.ask(.data(of: "/web/member_1"))
    client.clear()
    client.lose()
    #expect(client.events == [.failed("lost", inARow: 1)] && client.disconnects == 1)
    client.wait()
    client.connect()
    var identity = ZooKeeperIdentity(session: 7)
    identity.password = [UInt8](repeating: 1, count: 16)
    #expect(client.sent == [ZooKeeperFrame.connect(identity, seen: 99, timeoutMilliseconds: 3000)])
    client.clear()
    client.hear(Reply.greeting())
    var set = WatchSet()
    set.children = ["/web"]
    set.exists = ["/none"]
    #expect(client.sent == [ZooKeeperFrame.setWatches(set, after: 99)])
    // Nothing counts as told before the server has told what was missed.
    #expect(client.events.isEmpty)
    client.clear()
    client.hear(Reply.event(.created, "/none"))
    client.hear(Reply.setWatches)
    #expect(client.events == [.changed(ZooKeeperChange(.created, "/none")), .established(isNew: false)])
    #expect(client.sent == [ZooKeeperRequest.data(of: "/web/member_1").frame(xid: 4)])
  }

  @Test func anExpiredSessionBeginsAnewAtOnce() {
    var client = ScriptedClient()
    client.establish()
    client.ask(web)
    client.hear(Reply.children(xid: 1, zxid: 5, []))
    client.lose()
    client.wait()
    client.connect()
    client.clear()
    client.hear(Reply.greeting(timeout: 0, session: 0))
    #expect(client.disconnects == 1 && client.connects == [0] && client.events.isEmpty)
    client.connect()
    // The transactions that it has seen are not forgotten: a server that is behind must not take it back in time.
    #expect(client.sent == [ZooKeeperFrame.connect(ZooKeeperIdentity(), seen: 5, timeoutMilliseconds: 3000)])
    client.clear()
    client.hear(Reply.greeting(session: 8))
    #expect(client.events == [.established(isNew: true)] && client.sent.isEmpty)
  }

  @Test func aServerThatGivesNoSessionIsLeft() {
    var client = ScriptedClient()
    client.connect()
    client.hear(Reply.greeting(timeout: 0, session: 0))
    #expect(client.failures == ["the server gives us no session"] && client.connects == [0])
  }

  @Test func readOnlyServersAreLeft() {
    var client = ScriptedClient()
    client.connect()
    client.hear(Reply.greeting(isReadOnly: true))
    #expect(client.failures.count == 1 && client.disconnects == 1)
    client.wait()
    client.connect()
    // Servers before 3.4 do not say whether they are.
    client.hear(Reply.greeting(isReadOnly: nil))
    #expect(client.events.last == .established(isNew: true))
  }

  @Test func pingsAndGivesUpSilentServers() {
    var client = ScriptedClient()
    client.establish()
    let start = client.now
    client.wait()
    #expect(client.sent == [ZooKeeperFrame.ping] && client.now == start + .seconds(1))
    client.hear(Reply.ping)
    client.clear()
    client.wait()
    #expect(client.sent == [ZooKeeperFrame.ping] && client.now == start + .seconds(2))
    client.wait()
    #expect(client.failures == ["the server is silent"] && client.now == start + .seconds(3))
    #expect(client.disconnects == 1)
  }

  @Test(arguments: [(Int32.max, Duration.seconds(200)), (1, .nanoseconds(33_333_333))])
  func timeoutsThatNobodyWouldGrantAreBounded(granted: Int32, ping: Duration) {
    var client = ScriptedClient()
    client.connect()
    client.hear(Reply.greeting(timeout: granted))
    #expect(client.session.wakeAt == client.now + ping)
  }

  @Test func triesTheServersInTurnWithGrowingPauses() {
    var client = ScriptedClient(servers: 3)
    var seen = client.connects
    var longest = Duration.zero
    for round in 1...12 {
      client.lose("refused")
      let pause = (client.session.wakeAt ?? client.now) - client.now
      #expect(pause >= .zero && pause <= min(.seconds(10), .milliseconds(100) * (1 << (round - 1))))
      longest = max(longest, pause)
      client.wait()
      seen.append(contentsOf: client.connects.suffix(1))
    }
    #expect(Set(seen) == [0, 1, 2] && seen.count == 13)
    for index in 3..<seen.count { #expect(seen[index] == seen[index - 3]) }
    #expect(longest > .milliseconds(100))
    #expect(client.events.last == .failed("refused", inARow: 12))
  }

  @Test func aConnectionOrGreetingThatTakesTooLongIsLeft() {
    var client = ScriptedClient(servers: 10)
    client.wait()
    #expect(client.failures == ["no connection within 1.0 seconds"])
    client.wait()
    client.connect()
    client.wait()
    #expect(client.failures.last == "the server takes the connection and says nothing")
  }

  @Test(arguments: [
    Reply.children(xid: 9, []), Reply.setWatches, [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 2, 1, 2],
    Reply.head(1) { $0.int(.max) }, Reply.head(-4, -115), Reply.head(-1) { $0.int(1) },
  ])
  func nonsenseEndsTheConnectionAndLosesNoQuestion(bytes: [UInt8]) {
    var client = ScriptedClient()
    client.establish()
    client.ask(web)
    client.hear(bytes)
    #expect(client.failures.count == 1 && client.answers.isEmpty && client.disconnects == 1)
    // What comes behind it on the same connection is not read.
    client.hear(Reply.children(xid: 1, []))
    #expect(client.answers.isEmpty)
    client.wait()
    client.connect()
    client.clear()
    client.hear(Reply.greeting())
    #expect(client.sent == [web.frame(xid: 2)])
  }

  @Test func whatIsTooLargeCostsItsOwnAnswerOnly() {
    var client = ScriptedClient()
    client.establish()
    client.ask(web)
    client.ask(.children(of: "/many"))
    client.ask(.children(of: "/good"))
    let long = Array(repeating: String(repeating: "x", count: 200), count: 6000)
    client.hear(Reply.children(xid: 1, long))
    client.hear(Reply.children(xid: 2, Array(repeating: "x", count: ZooKeeperAnswer.childLimit + 1)))
    client.hear(Reply.children(xid: 3, ["a"]))
    #expect(client.answers == [.refused(.tooLarge), .refused(.tooManyChildren), .children(["a"])])
  }

  @Test func asksOnlySoMuchAtOnce() {
    var client = ScriptedClient()
    client.establish()
    for number in 0..<(ZooKeeperQuestions.window + 5) { client.ask(.data(of: "/\(number)")) }
    #expect(client.sent.count == ZooKeeperQuestions.window)
    client.hear(Reply.data(xid: 1, []) + Reply.data(xid: 2, []))
    #expect(client.sent.count == ZooKeeperQuestions.window + 2)
  }

  /// A server whose data was deleted counts from the beginning; it turns away whoever has seen more.
  @Test func aServerThatLostItsPastIsBelievedOnceTheSessionMustBeOver() {
    var client = ScriptedClient(servers: 2)
    client.establish()
    client.ask(web)
    client.hear(Reply.children(xid: 1, zxid: 500, []))
    client.lose()
    for _ in 0..<40 {
      client.wait()
      client.connect()
      client.lose("closed")
    }
    client.wait()
    client.clear()
    client.connect()
    #expect(client.sent == [ZooKeeperFrame.connect(ZooKeeperIdentity(), seen: 0, timeoutMilliseconds: 3000)])
  }

  @Test func aServerThatIsDownForLongChangesNothing() {
    var client = ScriptedClient(servers: 2)
    client.establish()
    client.ask(web)
    client.hear(Reply.children(xid: 1, zxid: 500, []))
    client.lose()
    for _ in 0..<40 {
      client.wait()
      client.lose("refused")
    }
    client.wait()
    client.clear()
    client.connect()
    let identity = ZooKeeperIdentity(session: 7, password: [UInt8](repeating: 1, count: 16))
    #expect(client.sent == [ZooKeeperFrame.connect(identity, seen: 500, timeoutMilliseconds: 3000)])
  }

  @Test func givesItsCredentialsBeforeAnythingElse() {
    var client = ScriptedClient(digest: "u:p")
    client.ask(web)
    client.connect()
    client.clear()
    client.hear(Reply.greeting())
    #expect(client.sent == [ZooKeeperFrame.digest("u:p"), web.frame(xid: 1)])
    client.hear(Reply.head(-4))
    #expect(client.failures.isEmpty)
  }

  @Test func takesWatchesBackWhileAConnectionStands() {
    var client = ScriptedClient()
    client.establish()
    client.ask(web)
    client.hear(Reply.children(xid: 1, []))
    client.clear()
    client.session.forget("/web", at: client.now)
    client.perform()
    #expect(client.sent == [ZooKeeperRequest.removeWatches("/web").frame(xid: 2)])
    client.lose()
    client.session.forget("/other", at: client.now)
    client.wait()
    client.connect()
    client.clear()
    client.hear(Reply.greeting())
    #expect(client.sent.isEmpty && client.events == [.established(isNew: false)])
  }

  @Test func endsTheSessionInTheServerToo() {
    var client = ScriptedClient()
    client.establish()
    client.session.end()
    client.perform()
    #expect(client.sent == [ZooKeeperFrame.close(xid: 1)] && client.disconnects == 1)
    #expect(client.session.wakeAt == nil)
    client.session.start(digest: nil, at: client.now)
    client.perform()
    client.connect()
    #expect(client.sent.last == ZooKeeperFrame.connect(ZooKeeperIdentity(), seen: 0, timeoutMilliseconds: 3000))
  }
}
