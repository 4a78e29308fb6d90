import HTTP
import Memory

// What a field of HTTP/2 may say (RFC 9113 §8.2, §8.3). Which fields a message has is judged by `MessageRules`. Each line is checked once: an
// entry of a table keeps the verdict.

/// Whether a field may have this name.
/// - Parameter kind: `name`'s.
func isSoundName(_ kind: FieldKind, _ name: Span<UInt8>) -> Bool {
  switch kind {
  case .otherPseudo, .connection: return false
  case .other: break
  default: return true
  }
  for i in name.indices where !isToken(name[i]) || name[i] &- UInt8(ascii: "A") < 26 { return false }
  return !name.isEmpty
}

/// Whether a field of this kind may have this value.
func isSoundValue(_ kind: FieldKind, _ value: Span<UInt8>) -> Bool {
  switch kind {
  case .otherPseudo, .connection: return false
  case .te: return equalsIgnoringCase(value, "trailers")
  case .method: return isAll(value, isToken)
  case .scheme: return isAll(value) { isLetterOrDigit($0) || $0 == 0x2b || $0 == 0x2d || $0 == 0x2e }  // + - .
  case .path: return isAll(value) { $0 > 0x20 && $0 != 0x7f }
  case .authority, .host: return isAll(value, isOfAuthority)
  case .status: return value.count == 3 && isAll(value, isDigit) && value[0] != UInt8(ascii: "0")
  case .contentLength: return !value.isEmpty && value.count <= lengthDigits && isAll(value, isDigit)
  case .protocolName, .cookie, .contentType, .other: break
  }
  if value.isEmpty { return true }
  return isFieldValue(value) && !isBlank(value[0]) && !isBlank(value[value.count &- 1])
}

/// Digits of a `content-length` at most: what an `Int64` can hold, or once more that.
private let lengthDigits = 19

@inline(__always) private func isAll(_ bytes: Span<UInt8>, _ isSound: (UInt8) -> Bool) -> Bool {
  for i in bytes.indices where !isSound(bytes[i]) { return false }
  return true
}

func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
private func isLetterOrDigit(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 26 }

/// The characters of RFC 3986 §3.2 without `@`: user information may not stand there (RFC 9113 §8.3.1).
private func isOfAuthority(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "#"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"): false
  case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"): true
  case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="): true
  default: isToken(byte)
  }
}
