import HTTP
import Memory
import Mux
import RPC
import TestSupport
import Thrift

// Messages made by hand; ThriftTests hold the codecs to what Apache Thrift writes.

func written(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
  var buffer = ByteBuffer()
  write(&buffer)
  return (0..<buffer.count).map { buffer.span[$0] }
}

func number(_ value: Int, _ width: Int) -> [UInt8] {
  (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

func framed(_ message: [UInt8]) -> [UInt8] { number(message.count, 4) + message }

/// A Thrift message whose struct has no field, or `result`.
func thrift(
  _ kind: ThriftMessage.Kind, _ method: String = "greet", sequence: Int32 = 7, as encoding: ThriftEncoding = .binary,
  result: [UInt8] = [0]
) -> [UInt8] {
  let name = bytes(method)
  return written { ThriftMessage.append(kind, name.span, sequence: sequence, as: encoding, to: &$0) } + result
}

func exception(_ text: String, _ method: String = "greet", sequence: Int32 = 7) -> [UInt8] {
  let name = bytes(method)
  return written {
    appendApplicationException(.internalError, text, method: name.span, sequence: sequence, as: .binary, to: &$0)
  }
}

/// A frame of the header transport, without its length.
func headerFrame(_ message: [UInt8], sequence: UInt32, as encoding: ThriftEncoding = .binary) -> [UInt8] {
  written { ThriftHeaderFrame.append(sequence: sequence, encoding: encoding, to: &$0) } + message
}

/// A Mux message with its length.
func mux(_ type: Int8, _ tag: Int, _ body: [UInt8] = []) -> [UInt8] {
  framed([UInt8(bitPattern: type)] + number(tag, 3) + body)
}

func dispatchBody(_ destination: String, _ payload: [UInt8], dtab: [(String, String)] = []) -> [UInt8] {
  let text = { (string: String) in number(string.utf8.count, 2) + bytes(string) }
  return [0, 0] + text(destination) + number(dtab.count, 2) + dtab.flatMap { text($0.0) + text($0.1) } + payload
}

func replyBody(_ status: UInt8, _ payload: [UInt8]) -> [UInt8] { [status, 0, 0] + payload }

/// The text of an answer that a service gave.
func answerText(_ payload: [UInt8], status: Int = 200) -> String {
  let body = replyBody(0, payload)
  return "HTTP/1.1 \(status) OK\r\ncontent-type: \(callContentType)\r\ncontent-length: \(body.count)\r\n\r\n"
    + String(body.map { Character(UnicodeScalar($0)) })
}

/// Each character a byte.
func raw(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

/// A session and what it told.
final class Peer {
  let session: CallSession
  private(set) var events: [CallEvent] = []

  init(_ role: CallSession.Role, _ speaks: CallProtocol, _ settings: CallSettings = CallSettings()) {
    session = CallSession(role, speaks: speaks, settings: settings)
  }

  /// Gives it bytes; what it tells of them.
  @discardableResult func receive(_ input: [UInt8]) -> [CallEvent] {
    session.receive(input.span)
    return drain()
  }

  @discardableResult func drain() -> [CallEvent] {
    var new: [CallEvent] = []
    while let event = session.nextEvent() { new.append(event) }
    events += new
    return new
  }

  func text(of call: Int32) -> [UInt8] { written { session.takeText(call, into: &$0) } }

  func answer(_ call: Int32, _ text: String) {
    let text = raw(text)
    session.takeAnswer(call, text.span)
  }

  /// What it has to say.
  func said() -> [UInt8] { written { session.write(into: &$0, limit: .max) } }
}

/// Head lines and body of a text.
func parts(_ text: [UInt8]) -> (head: [String], body: [UInt8]) {
  let end = text.indices.first { text[$0...].starts(with: bytes("\r\n\r\n")) } ?? text.count
  let head = String(decoding: text[..<end], as: UTF8.self)
  return (head.replacing("\r\n", with: "\n").split(separator: "\n").map(String.init), Array(text.dropFirst(end + 4)))
}
