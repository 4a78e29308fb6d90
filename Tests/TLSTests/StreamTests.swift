import Memory
import SystemIO
import TLS
import TestSupport
import Testing

/// Bytes after the handshake: many, few, wrong, and their end.
@Suite struct StreamTests {
  private func connected() throws -> Pair {
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext())
    try pair.connect()
    return pair
  }

  @Test func aBigTransfer() throws {
    var pair = try connected()
    var random = SeededRandom(seed: 8)
    let whole = (0..<3_000_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    try pair.client.send(whole.span, output: &pair.fromClient)
    let count = pair.fromClient.count
    #expect(count < whole.count + whole.count / 500 + 100)
    var got: [UInt8] = []
    while !pair.fromClient.isEmpty {
      let before = pair.atServer.capacity
      pair.step(most: 1 + random.below(40_000))
      got += take(&pair.atServer)
      let after = pair.atServer.capacity
      #expect(after <= max(before, 262_144))
    }
    #expect(got == whole)
  }

  @Test func closing() throws {
    var pair = try connected()
    try pair.client.send(bytes("last words").span, output: &pair.fromClient)
    pair.client.close(output: &pair.fromClient)
    pair.pump()
    #expect(text(take(&pair.atServer)) == "last words")
    #expect(pair.server.state == .closed)
    try pair.server.connectionEnded()
    // The other direction is still open.
    try pair.server.send(bytes("good bye").span, output: &pair.fromServer)
    pair.pump()
    #expect(text(take(&pair.atClient)) == "good bye")
  }

  @Test func aCutConnectionIsNoEnd() throws {
    var pair = try connected()
    #expect(throws: TLSError.truncated) { try pair.server.connectionEnded() }
    #expect(throws: TLSError.truncated) {
      try pair.server.receive(bytes("x").span, plaintext: &pair.atServer, output: &pair.fromServer)
    }
    var early = Pair(try Kit.clientContext(), try Kit.serverContext())
    try early.start()
    #expect(throws: TLSError.truncated) { try early.client.connectionEnded() }
  }

  @Test func aChangedByteIsFound() throws {
    var random = SeededRandom(seed: 5)
    for _ in 0..<50 {
      var pair = try connected()
      try pair.client.send(bytes("a message of some length").span, output: &pair.fromClient)
      var wire = take(&pair.fromClient)
      wire[5 + random.below(wire.count - 5)] ^= 1 << UInt8(random.below(8))
      pair.fromClient.append(wire)
      pair.pump()
      guard case .broken = pair.serverError else { Issue.record("\(String(describing: pair.serverError))"); return }
      let got = pair.atServer.count
      #expect(got == 0)
      guard case .alert = pair.clientError else { Issue.record("\(String(describing: pair.clientError))"); return }
      // The error stays, and the queue of this thread is clean: a fresh pair works.
      #expect(throws: TLSError.self) {
        try pair.server.receive(bytes("x").span, plaintext: &pair.atServer, output: &pair.fromServer)
      }
    }
    _ = try connected()
  }

  @Test func plainHTTPIsNoTLS() throws {
    for text in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "hello, is anybody there?"] {
      var pair = Pair(try Kit.clientContext(), try Kit.serverContext())
      pair.fromClient.append(bytes(text))
      pair.step()
      #expect(pair.serverError == .notTLS, "\(text)")
      var answered = Pair(try Kit.clientContext(), try Kit.serverContext())
      try answered.start()
      _ = take(&answered.fromClient)
      answered.fromServer.append(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"))
      answered.step()
      #expect(answered.clientError == .notTLS)
    }
  }

  /// Handshakes with errors of all kinds end in an error or a wait, and nothing worse.
  @Test func randomHandshakes() throws {
    let (client, server) = (try Kit.clientContext(), try Kit.serverContext())
    var hello = Pair(client, server)
    try hello.start()
    let first = take(&hello.fromClient)
    try hello.server.receive(first.span, plaintext: &hello.atServer, output: &hello.fromServer)
    let answer = take(&hello.fromServer)
    var mutator = Mutator(corpus: [first, answer], alphabet: [0, 1, 2, 3, 20, 21, 22, 23, 0xff], seed: 0x1301)
    for _ in 0..<(fuzzRounds / 5) {
      var pair = Pair(client, server)
      try pair.start()
      pair.fromClient.removeAll()
      pair.fromClient.append(mutator.next())
      pair.fromServer.append(mutator.next())
      for _ in 0..<8 { pair.step(most: 1 + mutator.random.below(2000)) }
      let got = pair.atServer.count + pair.atClient.count
      #expect(got == 0)
    }
  }

  /// Thousands of sessions, ended in every way, leave nothing behind.
  @Test func nothingLeaks() throws {
    let (client, server) = (try Kit.clientContext(), try Kit.serverContext())
    let stranger = try Kit.clientContext(trust: .certificates(pem: try Kit.other.get().certificate))
    func round(_ number: Int) throws {
      var pair = Pair(number % 4 == 0 ? stranger : client, server)
      try pair.start()
      if number % 4 == 1 { return }
      pair.pump()
      if number % 4 == 2 { pair.client.close(output: &pair.fromClient) }
    }
    for number in 0..<600 { try round(number) }
    let before = processStats().residentBytes
    for number in 0..<3000 { try round(number) }
    let after = processStats().residentBytes
    // A leaked session would be above 4 KB: 12 MB and more.
    #expect(after < before + 4_000_000, "\(before) → \(after)")
  }
}
