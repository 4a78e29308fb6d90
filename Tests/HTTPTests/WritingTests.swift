import HTTP
import Memory
import TestSupport
import Testing

private func written(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
  var buffer = ByteBuffer()
  body(&buffer)
  return (0..<buffer.count).map { buffer.span[$0] }
}

@Suite struct WritingTests {
  @Test func aWrittenRequestReadsBack() {
    var random = SeededRandom(seed: 3)
    let tokens = bytes("abcXYZ019-_!~")
    func word(_ random: inout SeededRandom, _ alphabet: [UInt8], _ n: Int) -> String {
      text((0..<n).map { _ in alphabet[random.below(alphabet.count)] })
    }
    for _ in 0..<300 {
      let method = word(&random, tokens, 1 + random.below(20))
      let target = "/" + word(&random, bytes("abc/%20?=&#\\"), random.below(40))
      let fields = (0..<random.below(20)).map { i in
        (
          "f\(i)-" + word(&random, bytes("abcX9-"), random.below(12)),
          word(&random, bytes("v \"w,;=\u{fc}z"), random.below(30))
        )
      }
      let wire = written { buffer in
        #expect(appendRequestLine(method: method, target: target, to: &buffer))
        appendField("host", "a.example", to: &buffer)
        for (name, value) in fields { #expect(appendField(name: name, value: value, to: &buffer)) }
        appendField("content-length", 5, to: &buffer)
        appendHeadEnd(to: &buffer)
      }
      let head = request(wire)
      #expect(head.result == .complete(wire.count), "\(text(wire))")
      #expect(head.methodText == method && head.target == target && head.framing == .length(5))
      #expect(head.fields.dropFirst().dropLast().map(\.name) == fields.map(\.0))
      #expect(head.fields.dropFirst().dropLast().map(\.value) == fields.map { $0.1.trimmed })
    }
  }

  @Test func aForwardedHeadReadsTheSame() {
    for good in goodRequests {
      let input = bytes(good)
      var head = RequestHead()
      let result = head.parse(input.span)
      let before = read(head, result, of: input)
      let wire = written { buffer in
        buffer.append("\(before.methodText) \(before.form == .authority ? before.target : before.path) HTTP/1.1\r\n")
        for i in 0..<head.fields.count { appendField(head.fields[i], of: input.span, to: &buffer) }
        if before.host.isEmpty { appendField("host", "x", to: &buffer) }
        appendHeadEnd(to: &buffer)
      }
      let after = request(wire)
      #expect(after.fields.map(\.value) == before.fields.map(\.value) + (before.host.isEmpty ? ["x"] : []))
      #expect(after.framing == before.framing && after.path == before.path)
    }
  }

  @Test("33 nothing that would end a line can be written", arguments: ["a\r\nb: c", "a\nb", "a\rb", "a\0", "\u{7f}"])
  func injection(_ value: String) {
    let wire = written { buffer in
      #expect(!appendField(name: "x", value: value, to: &buffer))
      #expect(!appendField("x", bytes(value).span, to: &buffer))
      #expect(!appendField(name: value, value: "x", to: &buffer))
      #expect(!appendRequestLine(method: "GET", target: value, to: &buffer))
      #expect(!appendRequestLine(method: value, target: "/", to: &buffer))
    }
    #expect(wire.isEmpty)
  }

  @Test func emptyNamesAndTargetsAreRefused() {
    let wire = written { buffer in
      #expect(!appendField(name: "", value: "x", to: &buffer) && !appendField(name: "a b", value: "x", to: &buffer))
      #expect(!appendRequestLine(method: "GET", target: "", to: &buffer))
      #expect(!appendRequestLine(method: "GET", target: "/a b", to: &buffer))
    }
    #expect(wire.isEmpty)
  }

  @Test func everyStatusLineReadsBack() {
    for status in 100...599 {
      let wire = written { buffer in
        appendStatusLine(status, to: &buffer)
        appendHeadEnd(to: &buffer)
      }
      let head = response(wire)
      #expect(head.status == status && !head.reason.isEmpty)
    }
    let wire = written { appendContinue(to: &$0) }
    #expect(response(wire).status == 100)
  }

  @Test func writtenChunksReadBack() {
    let section = bytes("X-Sum: 1\r\nTE: x\r\ngrpc-status: 0\r\n\r\n")
    var trailers = FieldTable()
    #expect(trailers.parseTrailers(section.span) == .complete(section.count))
    let wire = written { buffer in
      appendChunk(bytes("hello").span, to: &buffer)
      appendChunk([UInt8]().span, to: &buffer)
      appendChunkHeader(size: 0x1a, to: &buffer)
      buffer.append("abcdefghijklmnopqrstuvwxyz")
      appendChunkEnd(to: &buffer)
      appendLastChunk(trailers: trailers, of: section.span, to: &buffer)
    }
    let result = body(.chunked, [wire])
    #expect(result.text == "helloabcdefghijklmnopqrstuvwxyz" && result.isDone && result.rest == 0)
    #expect(text(result.trailers) == "X-Sum: 1\r\ngrpc-status: 0\r\n\r\n")
    let plain = written { appendLastChunk(to: &$0) }
    #expect(body(.chunked, [plain]).isDone)
  }

  @Test func everyFaultHasItsOwnReasonAndAnErrorStatus() {
    let reasons = HTTPFault.allCases.map { "\($0.reason)" }
    #expect(Set(reasons).count == reasons.count)
    #expect(HTTPFault.allCases.allSatisfy { (400...599).contains($0.status) })
  }
}

extension String {
  fileprivate var trimmed: String {
    var copy = Substring(self)
    while copy.first == " " { copy.removeFirst() }
    while copy.last == " " { copy.removeLast() }
    return String(copy)
  }
}
