import TestSupport
import Testing

@testable import Discovery

@Suite struct SplitterTests {
  private static let objects = [#"{"a":"}\"{"}"#, "{}", #"{"b":[{"c":"\\"},[]]}"#]
  private static let stream = objects[0] + "\n" + objects[1] + objects[2] + " \r\n\t"

  /// The objects found, and the fault that ended it.
  private func split(_ pieces: [[UInt8]], limit: Int = 1000) -> (objects: [String], fault: String?) {
    var splitter = JSONSplitter(limit: limit)
    var found: [String] = []
    for piece in pieces {
      splitter.append(piece)
      reading: while true {
        switch splitter.next() {
        case .object(let bytes): found.append(text(bytes))
        case .needMore: break reading
        case .fault(let fault): return (found, fault)
        }
      }
    }
    return (found, nil)
  }

  @Test func everySplitGivesTheSameObjects() {
    forEverySplit(of: bytes(Self.stream)) { first, second in
      #expect(split([first, second]).objects == Self.objects)
    }
    #expect(split(bytes(Self.stream).map { [$0] }).objects == Self.objects)
  }

  @Test func refusesWhatIsNoObject() {
    for stream in ["3", "}", "[", "{}]", "\"x\""] { #expect(split([bytes(stream)]).fault != nil) }
  }

  @Test func holdsNoMoreThanTheLimit() {
    let endless = [bytes("{\"a\":\"")] + Array(repeating: bytes(String(repeating: "x", count: 100)), count: 20)
    #expect(split(endless).fault == "an object of more than 1000 bytes")
    // Many small ones are no large one.
    #expect(split([bytes(String(repeating: "{}", count: 5000))]).objects.count == 5000)
  }

  @Test func randomStreamsNeverTrap() {
    var mutator = Mutator(corpus: [Self.stream], alphabet: "{}[]\"\\ ,:\n", seed: 0x5b11)
    for _ in 0..<fuzzRounds {
      let whole = mutator.next()
      let once = split([whole])
      let pieces = split(mutator.pieces(of: whole, most: 9))
      #expect(once.objects == pieces.objects && once.fault == pieces.fault)
    }
  }
}

@Suite struct EventLinesTests {
  private static let stream = "event: a\ndata: 1\ndata:2\n\n: comment\n\nid: 7\r\ndata: x\r\n\r\nevent: nothing\n\ndata: last\n\n"
  private static let events = [
    EventLines.Event(name: "a", data: bytes("1\n2")), EventLines.Event(data: bytes("x")),
    EventLines.Event(data: bytes("last")),
  ]

  private func read(_ pieces: [[UInt8]], limit: Int = 1000) -> (events: [EventLines.Event], fault: String?) {
    var lines = EventLines(limit: limit)
    var found: [EventLines.Event] = []
    for piece in pieces {
      lines.append(piece)
      reading: while true {
        switch lines.next() {
        case .event(let event): found.append(event)
        case .needMore: break reading
        case .fault(let fault): return (found, fault)
        }
      }
    }
    return (found, nil)
  }

  @Test func everySplitGivesTheSameEvents() {
    forEverySplit(of: bytes(Self.stream)) { first, second in #expect(read([first, second]).events == Self.events) }
    #expect(read(bytes(Self.stream).map { [$0] }).events == Self.events)
  }

  @Test func holdsNoMoreThanTheLimit() {
    let line = bytes("data: " + String(repeating: "x", count: 100) + "\n")
    #expect(read(Array(repeating: line, count: 50)).fault != nil)
    #expect(read([bytes(String(repeating: "x", count: 2000))]).fault != nil)
  }

  @Test func randomStreamsNeverTrap() {
    var mutator = Mutator(corpus: [Self.stream], alphabet: "\r\n: dataevent", seed: 0xe7)
    for _ in 0..<fuzzRounds {
      let whole = mutator.next()
      #expect(read([whole]).events == read(mutator.pieces(of: whole, most: 9)).events)
    }
  }
}
