import TestSupport
import Testing

@testable import HTTP2

/// Windows of our own (RFC 9113 §5.2, §6.9).
@Suite struct FlowWindowTests {
  @Test func takesNoByteMoreThanTheWindow() {
    var window = FlowWindow(stream: 1000, isKnown: true)
    let all = window.receive(1000)
    let more = window.receive(1)
    let none = window.receive(0)
    #expect(all && !more && none)
  }

  @Test func tellsCreditByHalvesOfTheWindow() {
    var window = FlowWindow(stream: 1000, isKnown: true)
    _ = window.receive(1000)
    #expect(window.consume(499) == 0)
    #expect(window.consume(1) == 500)
    #expect(window.left == 500)
    #expect(window.consume(500) == 500)
    #expect(window.left == 1000)
  }

  /// Until it has read our settings a peer goes by the size that every connection begins with.
  @Test func holdsNothingAgainstAPeerThatDoesNotKnowYet() {
    var window = FlowWindow(stream: 1000, isKnown: false)
    let isTaken = window.receive(60_000)
    #expect(isTaken)
    window.settle()
    let more = window.receive(1)
    let empty = window.receive(0)
    #expect(!more && empty)
    #expect(window.consume(60_000) == 60_000)
    #expect(window.left == 1000)
    var wide = FlowWindow(stream: 1 << 20, isKnown: false)
    wide.settle()
    #expect(wide.left == 1 << 20)
  }

  @Test func theConnectionsWindowIsOpenedByCreditAlone() {
    #expect(FlowWindow.connection(65_535).credit == 0)
    let (window, credit) = FlowWindow.connection(1 << 20)
    #expect(credit == (1 << 20) - 65_535)
    #expect(window.left == 1 << 20)
    #expect(FlowWindow.connection(100).window.left == 65_535)
  }

  /// Item 56 of the bad inputs: INITIAL_WINDOW_SIZE to and fro while a body waits. All of it arrives, in order, and no more at once than
  /// the windows allow.
  @Test func aPeerThatMovesItsWindowsGetsTheBodyWhole() {
    let server = End(.server)
    server.receive(opening(windowSetting(10)))
    server.receive(wire(1, 5, 1, getBlock))
    let body = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
    server.session.submitResponse(1, okFields, endStream: false)
    server.session.send(1, body, endStream: true)
    var random = SeededRandom(seed: 56)
    var got = bodyBytes(server.output())
    #expect(got.count == 10)
    for _ in 0..<200 {
      let window = random.below(6000)  // of which what it has got already is used
      server.now += 1000  // no flood
      server.receive(wire(4, 0, 0, windowSetting(UInt32(window))))
      let piece = bodyBytes(server.output())
      #expect(piece.count == max(0, min(window, body.count) - got.count))
      got += piece
    }
    #expect(server.fault == nil && server.session.reproach == nil)
    #expect(got == Array(body.prefix(got.count)))
    server.receive(wire(8, 0, 1, [0, 0, 0x40, 0]))
    got += bodyBytes(server.output())
    #expect(got == body)
  }

  /// The payloads of all DATA frames.
  private func bodyBytes(_ output: [UInt8]) -> [UInt8] { frames(output).filter { $0.type == 0 }.flatMap(\.payload) }
}
