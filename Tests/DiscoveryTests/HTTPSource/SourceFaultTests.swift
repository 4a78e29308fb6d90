import Testing

@testable import Discovery

/// What a name is while its source is broken, whatever the source: one table of sources, one of faults.
@Suite struct SourceFaultTests {
  typealias Kind = SampleSource.Kind

  private let old = ["10.0.0.1", "10.0.0.2"]
  private let new = ["10.0.0.3"]

  /// Answers that never end as they should; each says that nothing is there, which must not be believed.
  private static let truncations: [@Sendable (_ body: String) -> String] = [
    { "HTTP/1.1 200 OK\r\nContent-Length: \($0.utf8.count + 1)\r\n\r\n\($0)" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n0\r\n" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n\($0)" },
    { "HTTP/1.1 200 OK\r\nX: \($0)" },
  ]

  private static func broken(_ source: SampleSource) -> [FaultyLink.Fault] {
    let answers = ["<html>", "[1,"] + source.strange
    return [.cut, .saying("SSH-2.0-x\r\n")] + truncations.map { .saying($0(source.nothing)) }
      + answers.map { .saying("HTTP/1.1 200 OK\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)") }
      + [.saying("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")]
  }

  private func linked(_ kind: Kind) throws -> (SampleSource, FaultyLink) {
    let source = try SampleSource(kind)
    source.set(old)
    return (source, try FaultyLink(to: source.server.address))
  }

  @Test(arguments: Kind.allCases) func aBrokenAnswerFailsTheNameUntilARightOneComes(_ kind: Kind) async throws {
    let (source, link) = try linked(kind)
    defer { link.end() }
    for fault in Self.broken(source) {
      link.set(fault)
      let discovering = try source.discovering(through: link)
      let state = await discovering.want(source.name) { $0.state != .pending }
      #expect(state?.state == .failed && state?.reason.isEmpty == false, "\(fault): \(String(describing: state))")
      // It is asked again without anybody's doing.
      #expect(await eventually { link.accepted >= 3 }, "\(fault)")
      link.set(.none)
      #expect(await discovering.sees(source.name, bound: source.addresses(old)), "\(fault)")
    }
  }

  @Test(arguments: Kind.allCases) func whatWasBoundStaysWhileAnswersAreBroken(_ kind: Kind) async throws {
    let (source, link) = try linked(kind)
    defer { link.end() }
    for fault in Self.broken(source) {
      source.set(old)
      let discovering = try source.discovering(through: link)
      #expect(await discovering.wants(source.name, bound: source.addresses(old)))
      link.set(fault)
      // A question that waits for news is answered, and the answer cut, when there is news.
      if kind == .consul { source.set(new) }
      let stale = await discovering.wait(source.name) { !$0.reason.isEmpty }
      #expect(stale?.has(source.addresses(old)) == true, "\(fault): \(String(describing: stale))")
      source.set(new)
      link.set(.none)
      let fresh = await discovering.wait(source.name) { $0.has(source.addresses(new)) && $0.reason.isEmpty }
      #expect(fresh != nil, "\(fault)")
      #expect(discovering.told.all.allSatisfy { $0.state == .bound }, "\(fault)")
    }
  }

  @Test(arguments: Kind.allCases) func aSilentSourceChangesNothing(_ kind: Kind) async throws {
    let (source, link) = try linked(kind)
    defer { link.end() }
    link.set(.silent)
    let discovering = try source.discovering(through: link)
    discovering.service.want(path(source.name))
    #expect(await eventually { link.accepted >= 1 })
    #expect(await discovering.service.look(path(source.name), within: .milliseconds(50)).state == .pending)
    link.set(.none)
    #expect(await discovering.sees(source.name, bound: source.addresses(old)))
    link.set(.silent)
    source.set(new)
    #expect(await eventually { link.accepted >= 1 })
    #expect(discovering.told.all.last?.has(source.addresses(old)) == true)
    link.set(.none)
    #expect(await discovering.wait(source.name) { $0.has(source.addresses(new)) && $0.reason.isEmpty } != nil)
    #expect(discovering.told.all.allSatisfy { $0.state == .bound || $0.state == .failed })
  }

  /// 15 s without a byte end a question whose answer is due. All kinds wait at the same time.
  @Test func aSourceThatStaysSilentFailsItsNames() async throws {
    let sources = try Kind.allCases.map { try linked($0) }
    let all = try sources.map { source, link in
      link.set(.silent)
      return (source, link, try source.discovering(through: link))
    }
    for (source, _, discovering) in all { discovering.service.want(path(source.name)) }
    for (source, link, discovering) in all {
      defer { link.end() }
      var state: DiscoveredName?
      for _ in 0..<6 where state == nil { state = await discovering.wait(source.name) { $0.state == .failed } }
      #expect(state?.reason.isEmpty == false, "\(source.name): \(String(describing: state))")
    }
  }

  @Test(arguments: Kind.allCases) func aSlowSourceIsHeardOut(_ kind: Kind) async throws {
    let (source, link) = try linked(kind)
    defer { link.end() }
    link.set(.dripping)
    let discovering = try source.discovering(through: link)
    #expect(await discovering.wants(source.name, bound: source.addresses(old)))
    source.set(new)
    #expect(await discovering.sees(source.name, bound: source.addresses(new)))
    #expect(discovering.told.all.allSatisfy { $0.state == .bound && $0.reason.isEmpty })
  }

  @Test(arguments: Kind.allCases) func aSourceThatIsEmptyForAMomentLosesNothing(_ kind: Kind) async throws {
    let source = try SampleSource(kind)
    source.set(old)
    let discovering = try source.discovering(grace: "1h")
    #expect(await discovering.wants(source.name, bound: source.addresses(old)))
    for _ in 0..<3 {
      source.set([])
      let doubted = await discovering.wait(source.name) { $0.reason.contains("not believed yet") }
      #expect(doubted?.has(source.addresses(old)) == true, "\(String(describing: doubted))")
      source.set(old)
      #expect(await discovering.wait(source.name) { $0.has(source.addresses(old)) && $0.reason.isEmpty } != nil)
    }
    #expect(discovering.told.all.allSatisfy { $0.has(source.addresses(old)) })
  }

  /// Beyond the grace empty is empty. Where the source knows the service still, it is bound to nobody; else there is no such name.
  @Test(arguments: Kind.allCases) func aSetThatShrinksToNothingIsBelievedAfterTheGrace(_ kind: Kind) async throws {
    let source = try SampleSource(kind)
    source.set(old)
    let discovering = try source.discovering(grace: "50ms")
    #expect(await discovering.wants(source.name, bound: source.addresses(old)))
    for host in old.indices {
      let left = Array(old.dropFirst(host + 1))
      source.set(left)
      if !left.isEmpty { #expect(await discovering.sees(source.name, bound: source.addresses(left))) }
    }
    let isKnown = kind == .marathon || kind == .swarm
    let end = await discovering.wait(source.name) { isKnown ? $0.has([]) : $0.state == .negative }
    #expect(end?.endpoints.isEmpty == true && end?.reason.contains("not believed") == false)
    source.set(new)
    #expect(await discovering.sees(source.name, bound: source.addresses(new)))
  }
}
