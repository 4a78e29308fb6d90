import Memory
import Mux

/// A Mux message with its length, made by hand from the description of the protocol.
func muxMessage(_ type: Int8, _ tag: UInt32, _ body: [UInt8]) -> [UInt8] {
  number(4 + body.count, 4) + [UInt8(bitPattern: type)] + number(Int(tag), 3) + body
}

func number(_ value: Int, _ width: Int) -> [UInt8] {
  (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

func counted(_ text: String, _ width: Int = 2) -> [UInt8] { number(text.utf8.count, width) + Array(text.utf8) }

/// The body of a Tdispatch.
func dispatchBody(
  contexts: [(String, String)] = [], destination: String, delegations: [(String, String)] = [], payload: String
) -> [UInt8] {
  let pairs = { (list: [(String, String)]) in number(list.count, 2) + list.flatMap { counted($0.0) + counted($0.1) } }
  return pairs(contexts) + counted(destination) + pairs(delegations) + Array(payload.utf8)
}

let sampleDispatch = dispatchBody(
  contexts: [("com.twitter.finagle.Deadline", "\u{1}\u{2}"), ("trace", "")], destination: "/users",
  delegations: [("/svc/users", "/svc/users-v2")], payload: "hello")

func outcome<Value>(_ read: () throws(MuxFault) -> Value) -> Result<Value, MuxFault> {
  do throws(MuxFault) { return .success(try read()) } catch { return .failure(error) }
}

func frame(_ bytes: [UInt8]) -> Result<MuxFrame, MuxFault> {
  outcome { () throws(MuxFault) in try MuxFrame(bytes.span) }
}

func dispatch(_ bytes: [UInt8]) -> Result<MuxDispatch, MuxFault> {
  outcome { () throws(MuxFault) in try MuxDispatch(bytes.span) }
}

func reply(_ bytes: [UInt8], hasContexts: Bool = true) -> Result<MuxReply, MuxFault> {
  outcome { () throws(MuxFault) in try MuxReply(bytes.span, hasContexts: hasContexts) }
}

func initialize(_ bytes: [UInt8]) -> Result<MuxInit, MuxFault> {
  outcome { () throws(MuxFault) in try MuxInit(bytes.span) }
}

func written(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
  var buffer = ByteBuffer()
  write(&buffer)
  return (0..<buffer.count).map { buffer.span[$0] }
}
