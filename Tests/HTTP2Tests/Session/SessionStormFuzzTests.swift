import Memory
import TestSupport
import Testing

@testable import HTTP2

/// Both ends of a connection do whatever their drivers may ask, in any order, and the wire cuts it anywhere.
@Suite struct SessionStormFuzzTests {
  /// What one side wanted to say on a stream.
  private struct Speech {
    var bytes: [UInt8] = []
    var hasHead = false
    var hasEnded = false
    /// Somebody has reset it: what arrives is a part.
    var isCut = false
  }

  private final class Storm {
    var random: SeededRandom
    let pair: BackToBack
    /// By stream, what the client and the server said.
    var asked: [Int32: Speech] = [:]
    var answered: [Int32: Speech] = [:]

    init(seed: UInt64) {
      random = SeededRandom(seed: seed)
      var client = HTTP2Settings()
      var server = HTTP2Settings()
      client.streamWindow = [100, 5000, 1 << 18][random.below(3)]
      server.streamWindow = [1, 70_000, 1 << 18][random.below(3)]
      for settings in [\HTTP2Settings.resetBurst, \.idleFrameBurst] {
        client[keyPath: settings] = .max / 2000
        server[keyPath: settings] = .max / 2000
      }
      server.concurrentStreams = 200
      pair = BackToBack(client: client, server: server)
      pair.server.onEvent = { [unowned self] event in
        if case .request = event.kind { answered[event.stream] = Speech() }
        if case .closed(let code) = event.kind, code != .noError { cut(event.stream) }
      }
      pair.client.onEvent = { [unowned self] event in
        if case .closed(let code) = event.kind, code != .noError { cut(event.stream) }
      }
    }

    func cut(_ stream: Int32) {
      asked[stream]?.isCut = true
      answered[stream]?.isCut = true
    }

    private func some(_ most: Int) -> [UInt8] { (0..<random.below(most)).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

    private func any(_ speeches: [Int32: Speech]) -> Int32? {
      let open = speeches.filter { !$0.value.hasEnded && !$0.value.isCut }.keys.sorted()
      return open.isEmpty ? nil : open[random.below(open.count)]
    }

    /// One thing that a driver does.
    func act() {
      switch random.below(16) {
      case 0...2:
        let ends = random.below(3) == 0
        if let stream = pair.client.session.submitRequest(postFields, endStream: ends) { asked[stream] = Speech(hasHead: true, hasEnded: ends) }
      case 3...5: if let stream = any(asked) { speak(stream, in: \.asked, pair.client) }
      case 6...11:
        guard let stream = any(answered) else { return }
        if answered[stream]?.hasHead == true { return speak(stream, in: \.answered, pair.server) }
        if random.below(4) == 0 { pair.server.session.submitInformational(stream, [":status": "103"]) }
        let ends = random.below(4) == 0
        pair.server.session.submitResponse(stream, [":status": "200", "x": String(random.below(5))], endStream: ends)
        answered[stream]?.hasHead = true
        answered[stream]?.hasEnded = ends
      case 12:
        if random.below(4) != 0 { return }
        if let stream = any(asked) {
          pair.client.session.reset(stream, .cancel)
          cut(stream)
        }
      case 13:
        if random.below(4) != 0 { return }
        if let stream = any(answered) {
          pair.server.session.reset(stream, .internalError)
          cut(stream)
        }
      case 14: pair.client.session.ping(random.next())
      default: carry()
      }
    }

    private func speak(_ stream: Int32, in speeches: ReferenceWritableKeyPath<Storm, [Int32: Speech]>, _ end: End) {
      let bytes = some(random.below(8) == 0 ? 40_000 : 300)
      let ends = random.below(5) == 0
      switch random.below(3) {
      case 0: end.session.send(stream, bytes, endStream: ends)
      case 1: end.session.send(stream, copying: bytes.span, endStream: ends)
      default:
        end.session.send(stream, copying: bytes.span)
        if ends { end.session.submitTrailers(stream, ["grpc-status": "0"]) }
      }
      self[keyPath: speeches][stream]?.bytes += bytes
      self[keyPath: speeches][stream]?.hasEnded = ends
    }

    /// Carries what waits one way, cut anywhere.
    func carry() {
      let (from, to) = random.below(2) == 0 ? (pair.client, pair.server) : (pair.server, pair.client)
      let output = from.output(limit: 1 + random.below(40_000))
      var at = 0
      while at < output.count {
        let n = min(output.count - at, 1 + random.below(random.below(3) == 0 ? 20 : 5000))
        to.receive(Array(output[at..<(at + n)]))
        at += n
      }
    }

    /// Ends all that is open, and carries until both are silent.
    func settle() {
      while let stream = any(asked) { finish(stream, in: \.asked, pair.client) }
      pair.run()
      while let stream = any(answered) {
        if answered[stream]?.hasHead == false { pair.server.session.submitResponse(stream, okFields, endStream: false) }
        finish(stream, in: \.answered, pair.server)
      }
      pair.run()
    }

    private func finish(_ stream: Int32, in speeches: ReferenceWritableKeyPath<Storm, [Int32: Speech]>, _ end: End) {
      end.session.send(stream, [], endStream: true)
      self[keyPath: speeches][stream]?.hasEnded = true
    }
  }

  private var rounds: Int { max(1, fuzzRounds / 100) }

  /// All that was said arrives, in order and once; all streams end, on both sides.
  @Test func everythingArrivesWhateverTheDriversDo() {
    var complete = 0
    for round in 0..<rounds {
      let storm = Storm(seed: UInt64(round) ^ fuzzSeed)
      for _ in 0..<200 { storm.act() }
      storm.settle()
      let (client, server) = (storm.pair.client, storm.pair.server)
      var isRight = client.fault == nil && server.fault == nil && client.session.streamCount == 0 && server.session.streamCount == 0
      isRight = isRight && client.session.reproach == nil && server.session.reproach == nil
      for (stream, speech) in storm.asked where !speech.isCut {
        isRight = isRight && server.data(stream) == speech.bytes
        complete += 1
      }
      for (stream, speech) in storm.answered where !speech.isCut { isRight = isRight && client.data(stream) == speech.bytes }
      guard isRight else {
        Issue.record("round \(round), seed \(fuzzSeed): \(client.session.streamCount) and \(server.session.streamCount) streams are left")
        return
      }
    }
    #expect(complete > rounds, "too few streams to mean anything")
  }

  /// The same with frames of nobody's in between: windows that jump, resets, GOAWAYs. Nothing is promised but that both live on, or say
  /// what is wrong, and hold nothing.
  @Test func framesOfNobodysHarmNoDriver() {
    let stray: [[UInt8]] = [
      wire(4, 0, 0, windowSetting(0)), wire(4, 0, 0, windowSetting(1)), wire(4, 0, 0, windowSetting(100_000)),
      wire(4, 0, 0, windowSetting(0) + windowSetting(70_000)), wire(4, 0, 0, [0, 3, 0, 0, 0, 1]), wire(4, 0, 0, [0, 1, 0, 0, 0, 0]),
      wire(7, 0, 0, [0, 0, 0, 5, 0, 0, 0, 0]), wire(8, 0, 0, [0, 0, 1, 0]), wire(6, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1]),
    ]
    for round in 0..<rounds {
      let storm = Storm(seed: UInt64(round) ^ fuzzSeed &+ 77)
      for _ in 0..<200 {
        storm.act()
        guard storm.random.below(10) == 0 else { continue }
        let end = storm.random.below(2) == 0 ? storm.pair.client : storm.pair.server
        let stream = UInt32(storm.random.below(20) * 2 + 1)
        switch storm.random.below(4) {
        case 0: end.receive(wire(3, 0, stream, [0, 0, 0, 8]) + wire(4, 0, 0, windowSetting(UInt32(storm.random.below(200)))))
        case 1: end.receive(wire(8, 0, stream, [0, 0, 0, UInt8(1 + storm.random.below(200))]))
        default: end.receive(stray[storm.random.below(stray.count)])
        }
      }
      storm.settle()
      for end in [storm.pair.client, storm.pair.server] {
        // What waits for a window that nobody opens is left; it is cut off like anything else.
        for stream in storm.asked.keys { end.session.reset(stream, .cancel) }
        _ = end.output()
        guard end.session.streamCount == 0 else {
          Issue.record("round \(round), seed \(fuzzSeed): \(end.session.streamCount) streams are left")
          return
        }
      }
    }
  }
}
