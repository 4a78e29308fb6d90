import CNGHTTP2
import HTTP
import Memory

/// A head's fields as libnghttp2 wants them: pointers into the text. It copies what it keeps, and writes names in lower case.
extension OwnHeadText {
  /// Fields that the text has no lines for, at most.
  private static let pseudoFields = 6

  /// Lends the fields; `text` is what the head was read from.
  @unsafe func withFields<Result>(
    of text: Span<UInt8>, _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
  ) -> Result {
    unsafe text.withUnsafeBufferPointer { buffer in
      // libnghttp2 takes pointers to mutable bytes and does not change them. There is a first line, so there is an address.
      let base = unsafe UnsafeMutablePointer(mutating: buffer.baseAddress.unsafelyUnwrapped)
      let room = lines.count + Self.pseudoFields
      return unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: room) { fields in
        var list = unsafe FieldWriter(fields: fields, text: base)
        switch first {
        case .answer(let status): unsafe list.append(":status", status)
        case .request(let method, let path, let scheme):
          unsafe list.append(":method", method)
          unsafe list.append(":scheme", scheme)
          unsafe list.append(":path", path)
          if let authority { unsafe list.append(":authority", authority) }
        case .connect(let spoken, let path, let scheme):
          unsafe list.append(":method", "CONNECT")
          unsafe list.append(":protocol", spoken)
          unsafe list.append(":scheme", scheme)
          unsafe list.append(":path", path)
          if let authority { unsafe list.append(":authority", authority) }
        case .tunnel: unsafe list.append(":status", "200")
        }
        for line in lines {
          let isUnique = line.name.count == 9 && equalsIgnoringCase(text.extracting(line.name), "l5d-reqid")
          unsafe list.append(line, isUnique: isUnique)
        }
        if asksForTrailers { unsafe list.append("te", "trailers") }
        return unsafe body(fields.baseAddress, list.count)
      }
    }
  }

  /// The fields in a list of their own, for tests and printing.
  public func fields(of text: Span<UInt8>) -> HeaderList {
    unsafe withFields(of: text) { first, count in
      var list = HeaderList()
      for index in 0..<count {
        let field = unsafe first.unsafelyUnwrapped[index]
        unsafe list.append(
          name: Span(_unsafeStart: field.name, count: field.namelen),
          value: Span(_unsafeStart: field.value, count: field.valuelen))
      }
      return list
    }
  }
}

@unsafe private struct FieldWriter {
  let fields: UnsafeMutableBufferPointer<nghttp2_nv>
  let text: UnsafeMutablePointer<UInt8>
  var count = 0

  mutating func append(_ name: StaticString, _ value: Range<Int>) {
    unsafe add(pointer(name), name.utf8CodeUnitCount, text + value.lowerBound, value.count)
  }

  mutating func append(_ name: StaticString, _ value: StaticString) {
    unsafe add(pointer(name), name.utf8CodeUnitCount, pointer(value), value.utf8CodeUnitCount)
  }

  /// - Parameter isUnique: nobody will say this again: it is not to push other fields out of the peer's table.
  mutating func append(_ line: FieldLine, isUnique: Bool) {
    let (name, value) = (line.name, line.value)
    unsafe add(text + name.lowerBound, name.count, text + value.lowerBound, value.count, isUnique: isUnique)
  }

  private func pointer(_ text: StaticString) -> UnsafeMutablePointer<UInt8> {
    unsafe UnsafeMutablePointer(mutating: text.utf8Start)
  }

  private mutating func add(
    _ name: UnsafeMutablePointer<UInt8>, _ nameLength: Int, _ value: UnsafeMutablePointer<UInt8>, _ valueLength: Int,
    isUnique: Bool = false
  ) {
    let flags = isUnique ? NGHTTP2_NV_FLAG_NO_INDEX.rawValue : NGHTTP2_NV_FLAG_NONE.rawValue
    unsafe fields.initializeElement(
      at: count,
      to: nghttp2_nv(name: name, value: value, namelen: nameLength, valuelen: valueLength, flags: UInt8(flags)))
    unsafe count += 1
  }
}
