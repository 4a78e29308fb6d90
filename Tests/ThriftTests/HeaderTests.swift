import Memory
import TestSupport
import Testing
import Thrift

@Suite struct HeaderTransportTests {
  @Test(arguments: [("header_binary", ThriftEncoding.binary), ("header_compact", .compact)])
  func aFrameIsReadWithItsInfo(_ name: String, _ encoding: ThriftEncoding) throws {
    let frame = Array(written[name]!.dropFirst(4))
    let isOne = ThriftHeaderFrame.isOne(frame.span)
    #expect(isOne)
    let read = try headerFrame(frame).get()
    #expect(read.encoding == encoding && read.sequence == 7)
    #expect(read.info.map { [text(Array(frame[$0.key])), text(Array(frame[$0.value]))] } == [["tenant", "blue"]])
    #expect(try message(frame, at: read.message).get().encoding == encoding)
  }

  @Test func whatIsWrittenIsRead() throws {
    for encoding in [ThriftEncoding.binary, .compact] {
      let frame = written { ThriftHeaderFrame.append(sequence: 0xfeed_beef, encoding: encoding, to: &$0) }
      let read = try headerFrame(frame).get()
      #expect(read.sequence == 0xfeed_beef && read.encoding == encoding && read.message == frame.count && read.info.isEmpty)
    }
  }

  @Test func transformsAreRefusedByName() {
    #expect(headerFrame(Array(written["header_zlib"]!.dropFirst(4))) == .failure(.transform(1)))
    #expect(ThriftFault.transform(1).reason.contains("transform 1"))
  }

  @Test(arguments: [
    ("0fff00000000000700010100", ThriftFault.truncated), ("0fff0000000000070001010000", .truncated),
    ("0fff000000000007000101000000", .unknownProtocol(1)), ("0fff000000000007000", .truncated),
    ("0ffe000000000007000100000000", .unknownEncoding), ("0fff00000000000700010000017f", .truncated),
    ("0fff0000000000070001ffffffff", .truncated),
  ]) func whatIsNoFrameIsRefused(_ digits: String, _ fault: ThriftFault) {
    #expect(headerFrame(hex(String(digits.prefix(digits.count / 2 * 2)))) == .failure(fault))
  }

  @Test func infoHasALimit() {
    let pairs = [UInt8](repeating: 0, count: 2 * (ThriftHeaderFrame.mostInfo + 1))
    var header: [UInt8] = [0, 0, 1, 0x81, 1] + pairs
    header += [UInt8](repeating: 0, count: (4 - header.count % 4) % 4)
    let frame: [UInt8] = [0x0f, 0xff, 0, 0, 0, 0, 0, 1, 0, UInt8(header.count / 4)] + header
    #expect(headerFrame(frame) == .failure(.malformed))
  }
}

@Suite struct TwitterHeaderTests {
  @Test func whatConcernsRoutingIsRead() throws {
    let bytes = written["twitter"]!
    let header = try twitterHeader(bytes).get()
    let string = { (range: Range<Int>) in text(Array(bytes[range])) }
    #expect(string(header.destination) == "/users")
    #expect(header.delegations.map { [string($0.first), string($0.second)] } == [["/svc/users", "/svc/users-v2"]])
    #expect(header.contexts.map { [string($0.first), string($0.second)] } == [["com.twitter.finagle.Deadline", "12"]])
    #expect(try message(bytes, at: header.end).get().kind == .call)
    var trace = TwitterTrace()
    (trace.trace, trace.span) = (77, 77)
    #expect(header.trace == trace)
  }

  @Test func whatIsWrittenIsRead() throws {
    let output = written { output in
      var writer = TwitterHeaderWriter()
      let (key, value) = (bytes("key"), bytes("value"))
      writer.addContext(key.span, value.span)
      writer.addDelegation(key.span, value.span)
      writer.write(destination: value.span, to: &output)
    }
    let header = try twitterHeader(output).get()
    #expect(header.end == output.count && header.trace == nil)
    #expect(text(Array(output[header.destination])) == "value")
    #expect(header.contexts.map { text(Array(output[$0.second])) } == ["value"])
    #expect(header.delegations.map { text(Array(output[$0.first])) } == ["key"])
    let start = outcome { () throws(ThriftFault) in try TwitterUpgrade.answerStart(output.span) }
    #expect(start == .success(output.count))
  }

  @Test func aTraceTravelsAsAContext() {
    var trace = TwitterTrace()
    (trace.trace, trace.span, trace.parent, trace.flags) = (1, 2, 3, .max)
    let context = written { trace.appendContext(to: &$0) }
    let read = TwitterTrace(context: context.span)
    #expect(context.count == 32 && read == trace)
    let short = TwitterTrace(context: context.span.extracting(1...))
    #expect(short == nil)
  }

  @Test func theUpgradeIsKnownAndAgreedTo() throws {
    let asked = written["upgrade"]!
    let front = try message(asked).get()
    let isAsked = TwitterUpgrade.isAsked(front, asked.span)
    #expect(isAsked)
    let call = written["binary_call"]!
    let callAsks = TwitterUpgrade.isAsked(try message(call).get(), call.span)
    #expect(!callAsks)
    let answer = written { TwitterUpgrade.appendAgreement(front, asked.span, to: &$0) }
    #expect(reply(answer) == .success(.success))
    #expect(try message(answer).get().sequence == front.sequence)
  }

  @Test func listsHaveALimit() {
    let count = TwitterHeader.most + 1
    let bytes = [UInt8](hex("0f000a0c")) + [0, 0, UInt8(count >> 8), UInt8(count & 255)] + [UInt8](repeating: 0, count: count + 1)
    #expect(twitterHeader(bytes) == .failure(.malformed))
  }
}
