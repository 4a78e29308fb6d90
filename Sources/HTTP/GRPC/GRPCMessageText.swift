// `grpc-message` travels percent-encoded (gRPC over HTTP/2, "Percent-Encoded"): printable ASCII as it is, save `%`.

/// The text as a field value: `%` and everything outside 0x20 … 0x7e as `%XX` of its UTF-8 bytes.
public func grpcPercentEncoded(_ message: String) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(message.utf8.count)
  for byte in message.utf8 {
    if byte >= 0x20 && byte <= 0x7e && byte != UInt8(ascii: "%") {
      bytes.append(byte)
    } else {
      bytes += [UInt8(ascii: "%"), digits[Int(byte &>> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// The text of a field value. It never fails, as the specification demands: an escape that is none stays as it is,
/// and bytes that are no UTF-8 become the replacement character.
public func grpcPercentDecoded(_ value: Span<UInt8>) -> String {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(value.count)
  var i = 0
  while i < value.count {
    if value[i] == UInt8(ascii: "%"), i &+ 2 < value.count,
      let high = hexValue(value[i &+ 1]), let low = hexValue(value[i &+ 2])
    {
      bytes.append(high &<< 4 | low)
      i &+= 3
    } else {
      bytes.append(value[i])
      i &+= 1
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
