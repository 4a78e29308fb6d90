import HTTP2

/// What may go into a response's head. Values often carry text that came from outside; a line break among them would let
/// its author write fields of their own (CVE-2022-3215 and its kin).
extension HTTPResponse {
  /// The response itself, or a 500 when its status or fields cannot be sent.
  var checked: HTTPResponse {
    let isValid =
      (200...599).contains(status)
      && headers.fields.allSatisfy { isName($0.name) && isFieldValue($0.value) }
    if isValid { return self }
    if case .stream(let stream) = body { stream.close() }
    return .problem(500, "The handler's response had an invalid status or field.")
  }

  /// The status allows no body (RFC 9110 §6.4.1).
  var forbidsBody: Bool { status == 204 || status == 304 }

  /// Fields that belong to a connection or to framing: ours to write.
  static func isFraming(_ name: String) -> Bool {
    switch name {
    case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "content-length", "date": true
    default: false
    }
  }
}

/// A field name as `HeaderList` stores it: a token (RFC 9110 §5.6.2) in lower case.
private func isName(_ name: String) -> Bool {
  !name.isEmpty
    && name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
    }
}

private func isFieldValue(_ value: String) -> Bool { value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 } }
