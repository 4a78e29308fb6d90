import HTTP
import Memory
import Traffic

/// Decides how an answer's body is framed towards the caller.
enum AnswerFraming: Equatable {
  /// As it came: no body, or the length that the answer's own `Content-Length` says.
  case asReceived
  /// In chunks.
  case chunks
  /// Until the connection closes: the caller speaks HTTP/1.0 and the length is unknown.
  case untilClose

  init(_ framing: BodyFraming, callerMinorVersion: UInt8) {
    switch framing {
    case .none, .length: self = .asReceived
    case .chunked, .untilClose: self = callerMinorVersion == 0 ? .untilClose : .chunks
    }
  }
}

/// What follows an answer on the caller's connection.
enum AfterAnswer {
  case nextRequest
  case close
  /// Another protocol, which the answer's `Upgrade` field names.
  case tunnel
}

/// Writes the head of a service's answer for the caller. Hop-by-hop fields end here, and for an untrusted caller those of the
/// mesh; all others pass byte for byte, in order, but for what `edits` leaves out or adds.
/// - Parameter extra: field lines of ours.
func writeAnswerHead(
  _ answer: borrowing ResponseHead, of upstream: borrowing Upstream, framing: AnswerFraming, then next: AfterAnswer,
  callerMinorVersion: UInt8, success: Bool, trusted: Bool, edits: HeaderScript?, extra: [UInt8],
  into output: inout ByteBuffer
) {
  let bytes = upstream.input.span
  output.append("HTTP/1.1 ")
  output.append(decimal: answer.statusCode)
  output.append(" ")
  output.append(bytes.extracting(answer.reasonRange))
  output.append("\r\n")
  var hasClass = false
  let isEdited = edits != nil
  copyFields(answer.fields, from: bytes, into: &output) { field in
    if field.name == .l5dSuccessClass { hasClass = true }
    if isEdited, let edits, edits.drops(bytes.extracting(field.nameRange)) { return false }
    if field.isHopByHop { return next == .tunnel && field.name == .upgrade }
    return trusted || !field.name.isMesh
  }
  if let edits { output.append(edits.lines) }
  output.append(extra)
  if !hasClass, trusted { output.append(success ? "l5d-success-class: 1.0\r\n" : "l5d-success-class: 0.0\r\n") }
  if framing == .chunks { output.append("transfer-encoding: chunked\r\n") }
  switch next {
  case .nextRequest: if callerMinorVersion == 0 { output.append("connection: keep-alive\r\n") }
  case .close: output.append("connection: close\r\n")
  case .tunnel: output.append("connection: upgrade\r\n")
  }
  output.append("\r\n")
}

/// Writes an interim answer (1xx) for the caller: it has no body and no framing of its own.
func writeInterim(_ answer: borrowing ResponseHead, of upstream: borrowing Upstream, into output: inout ByteBuffer) {
  let bytes = upstream.input.span
  output.append("HTTP/1.1 ")
  output.append(decimal: answer.statusCode)
  output.append(" ")
  output.append(bytes.extracting(answer.reasonRange))
  output.append("\r\n")
  copyFields(answer.fields, from: bytes, into: &output) { !$0.isHopByHop }
  output.append("\r\n")
}
