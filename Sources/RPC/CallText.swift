import HTTP
import Memory
import Mux

// A call within a worker is the text of an HTTP/1.1 message. The body of a request is that of a Tdispatch, the body of an answer that
// of an Rdispatch, whichever protocol they came by and go by: contexts and dentries have a place in it that Thrift has not.

/// What the content of a call's text is called.
public let callContentType: StaticString = "application/x-heddle-call"

/// Where a call wants to go, as a field of its text: read by the identifier `header_path`.
public let callNameField: StaticString = "l5d-name"

/// What a call's head says.
struct CallHead {
  /// A path, without the method.
  var destination: [UInt8] = []
  var method: [UInt8] = []
  /// Whether the method's name is the end of the call's.
  var methodInName = false
  /// Dentries of the call's own, as a dtab has them.
  var delegations: [UInt8] = []

  /// Whether each can stand in a field: visible ASCII, and blanks where dentries have them.
  var isPlain: Bool {
    destination.allSatisfy(isVisible) && method.allSatisfy(isVisible)
      && delegations.allSatisfy { isVisible($0) || $0 == 0x20 }
      && (destination.isEmpty || destination[0] == UInt8(ascii: "/"))
  }

  /// Adds a dentry.
  mutating func delegate(_ prefix: Span<UInt8>, _ tree: Span<UInt8>) {
    for i in 0..<prefix.count { delegations.append(prefix[i]) }
    delegations.append(contentsOf: "=>".utf8)
    for i in 0..<tree.count { delegations.append(tree[i]) }
    delegations.append(UInt8(ascii: ";"))
  }

  /// Writes the head of a request whose body of so many bytes follows.
  func write(bodyCount: Int, to text: inout ByteBuffer) {
    text.append("POST /")
    if method.allSatisfy(isTokenLike) { text.append(method) }
    text.append(" HTTP/1.1\r\nhost: rpc\r\ncontent-type: ")
    text.append(callContentType)
    if destination.count > 1 || (methodInName && !method.isEmpty) {
      text.append("\r\n")
      text.append(callNameField)
      text.append(": ")
      if destination.count > 1 { text.append(destination) }
      if methodInName, !method.isEmpty {
        text.append("/")
        text.append(method)
      }
    }
    if !delegations.isEmpty {
      text.append("\r\nl5d-dtab: ")
      text.append(delegations)
    }
    appendLength(bodyCount, to: &text)
  }
}

/// Writes the head of an answer whose body of so many bytes follows.
func appendAnswerHead(isFailure: Bool, bodyCount: Int, to text: inout ByteBuffer) {
  text.append(isFailure ? "HTTP/1.1 500 Failed\r\ncontent-type: " : "HTTP/1.1 200 OK\r\ncontent-type: ")
  text.append(callContentType)
  appendLength(bodyCount, to: &text)
}

private func appendLength(_ count: Int, to text: inout ByteBuffer) {
  text.append("\r\ncontent-length: ")
  text.append(decimal: count)
  text.append("\r\n\r\n")
}

private func isVisible(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7f }

/// What may stand in a target without a second look.
private func isTokenLike(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
    true
  default: false
  }
}
