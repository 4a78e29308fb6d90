import HTTP
import Memory
import RPC
import TestSupport

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
