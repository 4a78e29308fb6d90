import Memory
import Mux
import TestSupport
import Testing

@Suite struct MuxMessageTests {
  @Test func aFrameHasTypeAndTag() throws {
    let ping = try frame([65, 0, 0, 1]).get()
    #expect(ping.type == .ping && ping.tag == 1 && !ping.isFragment)
    let part = try frame([2, 0x80, 1, 2]).get()
    #expect(part.type == .dispatch && part.tag == 0x102 && part.isFragment)
    #expect(try frame([0xfe, 0x7f, 0xff, 0xff]).get().tag == MuxFrame.greatestTag)
    #expect(try frame([9, 0, 0, 1]).get().type == nil)
    #expect(frame([65, 0, 0]) == .failure(.truncated))
  }

  @Test func numbersSentByMistakeAreUnderstood() throws {
    #expect(try frame([UInt8(bitPattern: -62), 0, 0, 0]).get().type == .discarded)
    #expect(try frame([127, 0, 0, 1]).get().type == .error)
    #expect(try frame([0x80, 0, 0, 1]).get().type == .error)
  }

  @Test func whatIsWrittenIsRead() throws {
    let bytes = written { MuxFrame.append(.dispatchReply, tag: 0x12_3456, bodyCount: 3, to: &$0) }
    #expect(bytes == [0, 0, 0, 7, 0xfe, 0x12, 0x34, 0x56])
    let part = written { MuxFrame.append(.dispatch, tag: 5, bodyCount: 0, isFragment: true, to: &$0) }
    #expect(try frame(Array(part.dropFirst(4))).get().isFragment)
  }

  @Test func aDispatchIsRead() throws {
    let read = try dispatch(sampleDispatch).get()
    let string = { (range: Range<Int>) in text(Array(sampleDispatch[range])) }
    #expect(string(read.destination) == "/users")
    #expect(read.contexts.map { string($0.first) } == ["com.twitter.finagle.Deadline", "trace"])
    #expect(read.contexts.map { $0.second.count } == [2, 0])
    #expect(read.delegations.map { [string($0.first), string($0.second)] } == [["/svc/users", "/svc/users-v2"]])
    #expect(string(read.payload..<sampleDispatch.count) == "hello")
    let destination = bytes("/a")
    let own = written { MuxDispatch.append(destination: destination.span, to: &$0) }
    #expect(own == dispatchBody(destination: "/a", payload: ""))
  }

  @Test func theOlderRequestIsReadToItsBody() throws {
    let body: [UInt8] = [2, 1, 24] + [UInt8](repeating: 9, count: 24) + [2, 1, 0] + bytes("hello")
    let read = try outcome { () throws(MuxFault) in try MuxRequest(body.span) }.get()
    #expect(text(Array(body[read.payload...])) == "hello")
    let short: [UInt8] = [2, 1, 24]
    #expect(outcome { () throws(MuxFault) in try MuxRequest(short.span) } == .failure(.truncated))
  }

  @Test func answersHaveAStatus() throws {
    let ok = written { MuxReply.append(.ok, hasContexts: true, to: &$0) }
    #expect(try reply(ok + bytes("x")).get().payload == MuxReply.frontSize(hasContexts: true))
    #expect(try reply([2, 0, 0]).get().status == .nack)
    #expect(try reply([1] + bytes("why"), hasContexts: false).get().payload == MuxReply.frontSize(hasContexts: false))
    #expect(reply([3, 0, 0]) == .failure(.badStatus(3)))
    #expect(reply([0, 0]) == .failure(.truncated))
    let context: [UInt8] = [0, 0, 1] + counted("a") + counted("b")
    #expect(try reply(context).get().contexts.count == 1)
  }

  @Test func aSessionsBeginningIsRead() throws {
    let body = number(1, 2) + counted("mux-framer", 4) + number(4, 4) + number(1024, 4)
    let read = try initialize(body).get()
    #expect(read.version == 1 && text(Array(body[read.parameters[0].first])) == "mux-framer")
    #expect(try initialize([0, 1]).get().parameters.isEmpty)
    #expect(initialize([0, 1, 0]) == .failure(.truncated))
  }

  @Test func markersAreRead() throws {
    let gone: [UInt8] = [0, 1, 2] + bytes("bored")
    #expect(try outcome { () throws(MuxFault) in try muxDiscardedTag(gone.span) }.get() == 0x102)
    let lease = [UInt8(0)] + number(5000, 8)
    #expect(try outcome { () throws(MuxFault) in try muxLeaseMilliseconds(lease.span) }.get() == 5000)
    let odd = [UInt8(7)] + number(5000, 8)
    #expect(try outcome { () throws(MuxFault) in try muxLeaseMilliseconds(odd.span) }.get() == nil)
  }

  @Test func listsHaveALimit() {
    let most = [(String, String)](repeating: ("a", "b"), count: MuxDispatch.most)
    #expect((try? dispatch(dispatchBody(contexts: most, destination: "", payload: "")).get())?.contexts.count == 256)
    let more = most + [("a", "b")]
    #expect(dispatch(dispatchBody(contexts: more, destination: "", payload: "")) == .failure(.tooMany))
    #expect(dispatch(dispatchBody(destination: "", delegations: more, payload: "")) == .failure(.tooMany))
  }
}

@Suite struct MuxAssemblerTests {
  private func take(_ assembler: inout MuxAssembler, _ tag: UInt32, _ body: String, more: Bool) -> Result<[UInt8]?, MuxFault> {
    let bytes = bytes(body)
    let head = written { MuxFrame.append(.dispatch, tag: tag, bodyCount: 0, isFragment: more, to: &$0) }
    do throws(MuxFault) {
      let frame = try MuxFrame(head.span.extracting(4...))
      return .success(try assembler.take(frame, bytes.span))
    } catch { return .failure(error) }
  }

  @Test func fragmentsOfSeveralMessagesMayAlternate() throws {
    var assembler = MuxAssembler(limit: 100)
    #expect(try take(&assembler, 1, "a", more: true).get() == nil)
    #expect(try take(&assembler, 2, "x", more: true).get() == nil)
    #expect(assembler.isUnderWay(1) && assembler.heldBytes == 2)
    #expect(try take(&assembler, 1, "b", more: false).get() == bytes("ab"))
    #expect(try take(&assembler, 2, "y", more: false).get() == bytes("xy"))
    #expect(assembler.heldBytes == 0 && !assembler.isUnderWay(1))
  }

  @Test func fragmentsHaveLimits() throws {
    var assembler = MuxAssembler(limit: 3)
    _ = try take(&assembler, 1, "ab", more: true).get()
    #expect(take(&assembler, 2, "cd", more: true) == .failure(.tooLong))
    assembler.forget(1)
    #expect(assembler.heldBytes == 0)
    var wide = MuxAssembler(limit: 1000)
    for tag in 0..<UInt32(MuxAssembler.most) { _ = try take(&wide, tag, "a", more: true).get() }
    #expect(take(&wide, 1000, "a", more: true) == .failure(.tooLong))
  }

  @Test func aPingComesWhole() {
    var assembler = MuxAssembler(limit: 100)
    let ping: [UInt8] = [65, 0x80, 0, 1]
    let result = outcome { () throws(MuxFault) in
      let frame = try MuxFrame(ping.span)
      return try assembler.take(frame, ping.span.extracting(4...))
    }
    #expect(result == .failure(.badFragment))
  }
}
