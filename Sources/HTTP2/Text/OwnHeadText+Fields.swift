import HTTP
import Memory

// A head's fields as a field block: straight from the text, names in lower case.
extension OwnHeadText {
  /// Appends the fields to a block; `text` is what the head was read from.
  func encode(of text: Span<UInt8>, by encoder: inout HPACKEncoder, into output: inout ByteBuffer) {
    switch first {
    case .answer(let status): encoder.encode(.status, text.extracting(status), into: &output)
    case .tunnel: withBytes(of: "200") { encoder.encode(.status, $0, into: &output) }
    case .request(let method, let path, let scheme):
      encoder.encode(.method, text.extracting(method), into: &output)
      encode(scheme, path, text, &encoder, &output)
    case .connect(let spoken, let path, let scheme):
      withBytes(of: "CONNECT") { encoder.encode(.method, $0, into: &output) }
      withBytes(of: ":protocol") { encoder.encode(name: $0, value: text.extracting(spoken), into: &output) }
      encode(scheme, path, text, &encoder, &output)
    }
    for index in 0..<lines.count {
      let line = lines[index]
      // Nobody will say this again: it is not to push other fields out of the peer's table.
      let isUnique = line.name.count == 9 && equalsIgnoringCase(text.extracting(line.name), "l5d-reqid")
      line.encode(of: text, isUnique: isUnique, by: &encoder, into: &output)
    }
    if asksForTrailers {
      withBytes(of: "te") { name in withBytes(of: "trailers") { encoder.encode(name: name, value: $0, into: &output) } }
    }
  }

  private func encode(
    _ scheme: StaticString, _ path: Range<Int>, _ text: Span<UInt8>, _ encoder: inout HPACKEncoder,
    _ output: inout ByteBuffer
  ) {
    withBytes(of: scheme) { encoder.encode(.scheme, $0, into: &output) }
    encoder.encode(.path, text.extracting(path), into: &output)
    if let authority { encoder.encode(.authority, text.extracting(authority), into: &output) }
  }

  /// Appends the fields of a trailer section that this program wrote.
  static func encodeTrailers(_ text: Span<UInt8>, by encoder: inout HPACKEncoder, into output: inout ByteBuffer) {
    var lines = LineReader()
    while let line = lines.nextField(text) {
      line.encode(of: text, isUnique: false, by: &encoder, into: &output)
    }
  }

  /// The fields in a list of their own, for tests and printing: what a peer reads of them.
  public func fields(of text: Span<UInt8>) -> HeaderList {
    var block = ByteBuffer()
    var encoder = HPACKEncoder()
    encoder.begin(&block)
    encode(of: text, by: &encoder, into: &block)
    var decoder = HPACKDecoder()
    var fields = FieldCollector()
    fields.begin(limit: .max / 8)
    guard decoder.decode(block.span, into: &fields) == .whole else { preconditionFailure("a block of ours") }
    return fields.take() ?? HeaderList()
  }
}

extension FieldLine {
  @inline(__always) fileprivate func encode(
    of text: Span<UInt8>, isUnique: Bool, by encoder: inout HPACKEncoder, into output: inout ByteBuffer
  ) {
    if isPlain {
      encoder.encode(line: text.extracting(whole), nameLength: name.count, isUnique: isUnique, into: &output)
    } else {
      encoder.encode(name: text.extracting(name), value: text.extracting(value), isUnique: isUnique, into: &output)
    }
  }
}
