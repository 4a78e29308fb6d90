import Memory
import Mux
import Thrift

// Messages made by hand; ThriftTests hold the codecs to what Apache Thrift writes.

public func written(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
  var buffer = ByteBuffer()
  write(&buffer)
  return (0..<buffer.count).map { buffer.span[$0] }
}

public func number(_ value: Int, _ width: Int) -> [UInt8] {
  (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

public func framed(_ message: [UInt8]) -> [UInt8] { number(message.count, 4) + message }

/// A Thrift message whose struct has no field, or `result`.
public func thrift(
  _ kind: ThriftMessage.Kind, _ method: String = "greet", sequence: Int32 = 7, as encoding: ThriftEncoding = .binary,
  result: [UInt8] = [0]
) -> [UInt8] {
  let name = bytes(method)
  return written { ThriftMessage.append(kind, name.span, sequence: sequence, as: encoding, to: &$0) } + result
}

public func exception(_ text: String, _ method: String = "greet", sequence: Int32 = 7) -> [UInt8] {
  let name = bytes(method)
  return written {
    appendApplicationException(.internalError, text, method: name.span, sequence: sequence, as: .binary, to: &$0)
  }
}

/// A frame of the header transport, without its length.
public func headerFrame(_ message: [UInt8], sequence: UInt32, as encoding: ThriftEncoding = .binary) -> [UInt8] {
  written { ThriftHeaderFrame.append(sequence: sequence, encoding: encoding, to: &$0) } + message
}

/// A Mux message with its length.
public func mux(_ type: Int8, _ tag: Int, _ body: [UInt8] = []) -> [UInt8] {
  framed([UInt8(bitPattern: type)] + number(tag, 3) + body)
}

public func dispatchBody(_ destination: String, _ payload: [UInt8], dtab: [(String, String)] = []) -> [UInt8] {
  let text = { (string: String) in number(string.utf8.count, 2) + bytes(string) }
  return [0, 0] + text(destination) + number(dtab.count, 2) + dtab.flatMap { text($0.0) + text($0.1) } + payload
}

public func replyBody(_ status: UInt8, _ payload: [UInt8]) -> [UInt8] { [status, 0, 0] + payload }
