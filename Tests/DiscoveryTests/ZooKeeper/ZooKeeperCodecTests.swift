import TestSupport
import Testing

@testable import Discovery

@Suite struct JuteTests {
  private static let written: [UInt8] = {
    var writer = JuteWriter()
    writer.int(-2)
    writer.long(.min)
    writer.bool(true)
    writer.buffer([1, 2, 3])
    writer.text("é")
    writer.texts(["a", "", "bc"])
    return writer.bytes
  }()

  private func read(_ bytes: [UInt8]) throws(JuteFault) {
    var reader = JuteReader(bytes)
    let numbers = (try reader.int(), try reader.long(), try reader.bool())
    #expect(numbers == (-2, .min, true))
    let (buffer, text, texts) = (try reader.buffer(), try reader.text(), try reader.texts(limit: 3))
    #expect(buffer == [1, 2, 3] && text == "é" && texts == ["a", "", "bc"] && reader.isAtEnd)
  }

  @Test func readsWhatWasWritten() throws { try read(Self.written) }

  @Test func everyShorterTextIsAFault() {
    forEveryPrefix(of: Self.written) { prefix in #expect(throws: JuteFault.self) { try read(prefix) } }
  }

  @Test(arguments: [[0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xfe], [0, 0, 0, 5, 1, 2, 3, 4]] as [[UInt8]])
  func lengthsAreCheckedBeforeAnythingIsMade(bytes: [UInt8]) {
    #expect(throws: JuteFault.self) {
      var reader = JuteReader(bytes)
      _ = try reader.buffer()
    }
    #expect(throws: JuteFault.self) {
      var reader = JuteReader(bytes)
      _ = try reader.texts(limit: .max)
    }
  }

  @Test func minusOneIsNothing() throws {
    var reader = JuteReader([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    let (buffer, texts) = (try reader.buffer(), try reader.texts(limit: 0))
    #expect(buffer == [] && texts == [])
  }

  @Test func moreThanTheLimitIsNotRead() throws {
    var writer = JuteWriter()
    writer.texts(["a", "b"])
    var reader = JuteReader(writer.bytes)
    let texts = try reader.texts(limit: 1)
    #expect(texts == nil)
  }
}

@Suite struct ZooKeeperFramesTests {
  private static let frames: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 20), [9]]
  private static let stream: [UInt8] = frames.reduce(into: []) { $0 += [0, 0, 0, UInt8($1.count)] + $1 }

  private func cut(_ pieces: [[UInt8]], limit: Int = 100) -> [ZooKeeperFrames.Next] {
    var frames = ZooKeeperFrames(limit: limit)
    var found: [ZooKeeperFrames.Next] = []
    for piece in pieces {
      frames.append(piece)
      reading: while true {
        switch frames.next() {
        case .needMore: break reading
        case .fault(let text): return found + [.fault(text)]
        case let next: found.append(next)
        }
      }
    }
    return found
  }

  @Test func everySplitGivesTheSameFrames() {
    let wanted = Self.frames.map { ZooKeeperFrames.Next.frame($0) }
    forEverySplit(of: Self.stream) { first, second in #expect(cut([first, second]) == wanted) }
    #expect(cut(Self.stream.map { [$0] }) == wanted)
  }

  @Test func whatIsTooLargeIsPassedOver() {
    let wanted: [ZooKeeperFrames.Next] = [
      .frame([1, 2, 3]), .frame([]), .oversized(Array(repeating: 7, count: ZooKeeperFrames.headBytes)), .frame([9]),
    ]
    forEverySplit(of: Self.stream) { first, second in #expect(cut([first, second], limit: 19) == wanted) }
    #expect(cut(Self.stream.map { [$0] }, limit: 19) == wanted)
  }

  @Test(arguments: [[0x80, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0x04, 0, 0, 1], Array("HTTP".utf8)] as [[UInt8]])
  func aLengthThatNoFrameHasIsAFault(length: [UInt8]) {
    guard case .fault = cut([length]).last else {
      Issue.record("taken: \(length)")
      return
    }
  }

  @Test func setsOfWatchesFitIntoRequests() {
    var watches = ZooKeeperWatches()
    for number in 0..<1000 { watches.answered(.children(of: "/web/\(number)"), .children([])) }
    watches.answered(.data(of: "/web/7"), .data([]))
    watches.answered(.exists("/none"), .refused(.noNode))
    watches.answered(.exists("/some"), .present)
    watches.answered(.data(of: "/gone"), .refused(.noNode))
    let sets = watches.sets(byteLimit: 1000)
    #expect(sets.flatMap(\.children).count == 1000 && sets.flatMap(\.exists) == ["/none"])
    #expect(sets.flatMap(\.data) == ["/some", "/web/7"])
    #expect(sets.allSatisfy { ZooKeeperFrame.setWatches($0, after: 1).count < 1200 })
    watches.fired(ZooKeeperChange(.deleted, "/web/7"))
    watches.fired(ZooKeeperChange(.created, "/none"))
    #expect(watches.count == 1000)
  }
}

/// Random bytes in place of a server's: nothing may trap, and no answer may be told that was not asked for.
@Suite struct ZooKeeperFuzzTests {
  @Test func randomServersNeverTrap() {
    let corpus = [
      Reply.greeting() + Reply.children(xid: 1, ["member_1", "x"]) + Reply.event(.children, "/a"),
      Reply.greeting() + Reply.refusal(xid: 1, -101) + Reply.ping, Reply.greeting(timeout: 0),
      Reply.greeting() + Reply.data(xid: 1, bytes("{}")) + Reply.setWatches,
    ]
    var mutator = Mutator(corpus: corpus, alphabet: [0, 1, 0xff, 0x7f, 0x65, 0x80], seed: 0x2001)
    for _ in 0..<fuzzRounds {
      let stream = mutator.next()
      var client = ScriptedClient()
      client.connect()
      client.session.ask(.children(of: "/a"), at: client.now)
      for piece in mutator.pieces(of: stream, most: 40) { client.session.received(piece, at: client.now) }
      client.perform()
      #expect(client.answers.count <= 1)
    }
  }

  @Test func randomMembersNeverTrap() {
    var mutator = Mutator(
      corpus: [
        bytes(member("10.0.0.1", 80, more: #","additionalEndpoints":{"http":{"host":"a","port":1}},"shard":3"#)),
        bytes(#"{"vector":[{"select":"shard=3","weight":0.5},{"select":"inet=a:1","weight":2}]}"#),
      ], alphabet: bytes(#"{}[]":,=0-"#), seed: 0x2002)
    for _ in 0..<fuzzRounds {
      let value = mutator.next()
      var book = ServersetBook()
      _ = book.hold("/a")
      book.take(.children(of: "/a"), .children(["member_1", "vector_1"]))
      book.take(.data(of: "/a/member_1"), .data(value))
      book.take(.data(of: "/a/vector_1"), .data(value))
      guard case .members(let members) = book.content(of: "/a") else {
        Issue.record("not settled")
        return
      }
      for candidate in ServersetName(path("/a:http#3")).candidates + ServersetName(path("/a")).candidates {
        _ = candidate.outcome(members, address: { $0 }, isAwaited: { _ in false })
      }
    }
  }
}

/// A member's JSON.
func member(_ host: String, _ port: Int, status: String = "ALIVE", more: String = "") -> String {
  #"{"serviceEndpoint":{"host":"\#(host)","port":\#(port)},"status":"\#(status)"\#(more)}"#
}
