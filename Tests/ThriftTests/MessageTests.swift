import Memory
import TestSupport
import Testing
import Thrift

@Suite struct MessageTests {
  @Test(arguments: [
    ("binary_call", ThriftEncoding.binary, ThriftMessage.Kind.call), ("binary_oneway", .binary, .oneway),
    ("binary_value", .binary, .reply), ("binary_exception", .binary, .exception), ("old_call", .oldBinary, .call),
    ("old_value", .oldBinary, .reply), ("compact_call", .compact, .call), ("compact_oneway", .compact, .oneway),
    ("compact_exception", .compact, .exception),
  ]) func theFrontOfAMessageIsRead(_ name: String, _ encoding: ThriftEncoding, _ kind: ThriftMessage.Kind) throws {
    let bytes = written[name]!
    let read = try message(bytes).get()
    #expect(read.encoding == encoding && read.kind == kind && read.sequence == 7)
    #expect(text(Array(bytes[read.method])) == "greet")
    let again = written { ThriftMessage.append(kind, bytes.span.extracting(read.method), sequence: 7, as: encoding, to: &$0) }
    #expect(again == Array(bytes[..<read.body]))
  }

  @Test func aNegativeSequenceIsKept() throws {
    for name in ["binary_rich", "compact_rich"] {
      let bytes = written[name]!
      let read = try message(bytes).get()
      #expect(read.sequence == -2)
      let again = written {
        ThriftMessage.append(.call, bytes.span.extracting(read.method), sequence: -2, as: read.encoding, to: &$0)
      }
      #expect(again == Array(bytes[..<read.body]))
    }
  }

  @Test func aMessageMayBeginAnywhere() throws {
    let bytes = [1, 2, 3] + written["compact_call"]!
    #expect(try message(bytes, at: 3).get().body == 3 + (try message(written["compact_call"]!).get().body))
    #expect(message(bytes, at: bytes.count) == .failure(.truncated))
  }

  @Test(arguments: [
    ("", ThriftFault.truncated), ("80", .truncated), ("80020001", .badVersion), ("8001000100000000", .badName),
    ("800100010000040100", .truncated), ("80010005000000016100000000", .badKind), ("80010001ffffffff", .truncated),
    ("8222", .badVersion), ("822100056772", .truncated), ("82a1000161", .badKind), ("8221ffffffffff01", .malformed),
    ("47455420", .unknownEncoding), ("00000000", .badName),
  ]) func whatIsNoMessageIsRefused(_ digits: String, _ fault: ThriftFault) {
    #expect(message(hex(String(digits.prefix(digits.count / 2 * 2)))) == .failure(fault))
  }

  @Test func aNameHasALimit() {
    let name = [UInt8](repeating: 97, count: ThriftMessage.longestName)
    let most = written { ThriftMessage.append(.call, name.span, sequence: 1, as: .binary, to: &$0) }
    #expect((try? message(most).get())?.method.count == ThriftMessage.longestName)
    let longer = name + [97]
    let beyond = written { ThriftMessage.append(.call, longer.span, sequence: 1, as: .binary, to: &$0) }
    #expect(message(beyond) == .failure(.badName))
  }
}

@Suite struct ReplyTests {
  @Test(arguments: [
    ("binary_value", ThriftReply.success), ("binary_void", .success), ("binary_declared", .declared(field: 2)),
    ("binary_exception", .application(type: 6)), ("compact_value", .success), ("compact_void", .success),
    ("compact_declared", .declared(field: 2)), ("compact_exception", .application(type: 6)),
    ("old_value", .success), ("old_exception", .application(type: 6)),
  ]) func anAnswerSaysHowItsCallWent(_ name: String, _ expected: ThriftReply) {
    #expect(reply(written[name]!) == .success(expected))
  }

  @Test func aCallIsNoAnswer() { #expect(reply(written["binary_call"]!) == .failure(.badKind)) }

  @Test func anExceptionOfOursReadsAsOne() throws {
    for (name, encoding) in [("binary_exception", ThriftEncoding.binary), ("compact_exception", .compact), ("old_exception", .oldBinary)] {
      let method = bytes("greet")
      let own = written {
        appendApplicationException(.internalError, "boom", method: method.span, sequence: 7, as: encoding, to: &$0)
      }
      #expect(own == written[name]!)
    }
  }

  @Test(arguments: ["binary_rich", "compact_rich"]) func fieldsOfEveryTypeAreReadPast(_ name: String) throws {
    let bytes = written[name]!
    let front = try message(bytes).get()
    var fields = ThriftStruct(front.encoding, at: front.body)
    var ids: [Int16] = []
    while let field = try fields.next(bytes.span) {
      ids.append(field.id)
      try fields.skip(field.type, bytes.span)
    }
    #expect(ids == [1, 2, 3, 40, 41, 42, 43, 44, 45, 46])
    #expect(fields.cursor.offset == bytes.count)
  }

  @Test func structuresEndSomewhere() {
    let nested = [UInt8](repeating: 0, count: 0) + (0..<200).flatMap { _ in [UInt8(12), 0, 1] }
    var fields = ThriftStruct(.binary, at: 0)
    let result = outcome { () throws(ThriftFault) in
      while let field = try fields.next(nested.span) { try fields.skip(field.type, nested.span) }
    }
    #expect(throws: ThriftFault.tooDeep) { try result.get() }
  }

  @Test func aCountBeyondTheBytesIsNone() {
    let list = hex("0f00010b7fffffff00")
    var fields = ThriftStruct(.binary, at: 0)
    let result = outcome { () throws(ThriftFault) in
      while let field = try fields.next(list.span) { try fields.skip(field.type, list.span) }
    }
    #expect(throws: ThriftFault.truncated) { try result.get() }
  }
}
