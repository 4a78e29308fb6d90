import HTTP
import Memory
import SystemIO
import Traffic

/// How often a request may pass a mesh before it is taken for a loop: Linkerd's `maxCallDepth`.
let callDepthLimit = 10

/// Writes the head that goes to the service.
///
/// Order of what happens to the caller's fields, and why: hop-by-hop fields end here (RFC 9110 §7.6.1) and `Transfer-Encoding` is
/// ours to set; fields that tell where the mesh sent the request are written anew, so that nobody can forge them; the request's
/// own rules leave as `l5d-ctx-dtab`; everything else passes byte for byte, in order.
/// What a route edits comes in between: its fields leave the caller's, its lines follow them.
/// What a caller that is not trusted says of the mesh, or of those before it (`x-forwarded-for`), ends here. On the way in to an
/// application the mesh's fields pass: they are for it.
/// - Parameters:
///   - route: the route that matched, if it changes the request.
///   - tail: the binding's ready-made lines (`BoundLeaf.headers`).
///   - upgrades: the protocols that the request may offer, and lines that go along; nil when it offers none of them.
/// - Returns: whether the body goes out in chunks, and where `tail` stands in `output`.
func writeRequestHead(
  _ head: borrowing RequestHead, of downstream: borrowing Downstream, route: CompiledRoute?, tail: [UInt8],
  requestID: UInt64, upgrades: (tokens: UpgradeTokens, lines: [UInt8])?, into output: inout ByteBuffer
) -> (inChunks: Bool, tail: Range<Int>) {
  let bytes = downstream.input.span
  output.append(bytes.extracting(head.methodRange))
  output.append(" ")
  let taken = Int(downstream.exchange.takenSegments)
  let rewrite = route?.rewrite
  if rewrite?.path != nil || (route == nil && taken > 0 && downstream.exchange.route < 0) {
    appendTarget(bytes.extracting(head.pathRange), edit: rewrite?.path, replacing: taken, into: &output)
  } else {
    if head.pathLead != 0 { output.append(head.pathLead) }
    output.append(bytes.extracting(head.pathRange))
  }
  output.append(" HTTP/1.1\r\n")
  let rewritesHost = head.form == .absolute || head.minorVersion == 0 || rewrite?.host != nil
  if rewritesHost {
    output.append("host: ")
    if let host = rewrite?.host { output.append(host) } else { output.append(bytes.extracting(head.hostRange)) }
    output.append("\r\n")
  }
  var carriesID = false
  let isEdited = route != nil
  let (trusted, isInbound) = (downstream.origin.isTrusted, downstream.origin.direction == .inbound)
  copyFields(head.fields, from: bytes, into: &output) { field in
    if isEdited, let route, route.requestEdits.drops(bytes.extracting(field.nameRange)) { return false }
    if field.name == .other { return !field.isHopByHop }
    if !trusted, field.name.isMesh || field.name.isForwarding { return false }
    switch field.name {
    case .host: return !rewritesHost
    case .l5dDtab, .l5dCtxDtab, .dtabLocal, .l5dDstService, .l5dDstClient, .l5dDstResidual, .l5dDtabSignature,
      .l5dCtxDtabSignature, .heddleExplain:
      return isInbound  // the proxy before this one wrote them for the application
    case .l5dReqid:
      carriesID = true
      return true
    default: return !field.isHopByHop
    }
  }
  if let caller = downstream.origin.caller { writeCaller(caller, isSecure: downstream.isSecure, into: &output) }
  if let route { output.append(route.requestEdits.lines) }
  if let upgrades {
    upgrades.tokens.writeOffer(head.fields, bytes, into: &output)
    output.append(upgrades.lines)
  }
  if !carriesID {
    output.append("l5d-reqid: ")
    appendHex(requestID, into: &output)
    output.append("\r\n")
  }
  let tailStart = output.count
  output.append(tail)
  let place = tailStart..<output.count
  if head.framing == .chunked {
    output.append("transfer-encoding: chunked\r\n\r\n")
    return (true, place)
  }
  output.append("\r\n")
  return (false, place)
}

/// Tells the service who its caller is, for whom nobody else does. Behind lines that a trusted caller brought: a list in one line or in
/// several is the same (RFC 9110 §5.3).
private func writeCaller(_ caller: SocketAddress, isSecure: Bool, into output: inout ByteBuffer) {
  output.append("x-forwarded-for: ")
  output.append(caller.host)
  output.append(isSecure ? "\r\nx-forwarded-proto: https\r\n" : "\r\nx-forwarded-proto: http\r\n")
}

/// 16 hexadecimal digits.
private func appendHex(_ value: UInt64, into output: inout ByteBuffer) {
  var shift: UInt64 = 60
  while true {
    let digit = UInt8(truncatingIfNeeded: value &>> shift) & 15
    output.append(digit < 10 ? digit &+ 0x30 : digit &+ 0x57)
    if shift == 0 { return }
    shift &-= 4
  }
}

/// What the fields ask of routing, found in one pass before the name is bound.
struct RoutingFields {
  /// The request brings dentries of its own.
  var hasLocalDtab = false
  /// Meshes the request has passed (`via` entries written by one).
  var depth = 0
  var isGRPC = false
  /// How long a gRPC caller waits (`grpc-timeout`), in nanoseconds; 0 when it does not say.
  var timeout: UInt64 = 0
  /// `grpc-timeout` says nothing that can be understood.
  var hasBadTimeout = false
  /// The request asks why it goes where it goes: index of the field, -1 when it does not.
  var explainField = -1

  /// - Parameter steers: whether the caller's own rules and questions count.
  init(_ head: borrowing RequestHead, of downstream: borrowing Downstream, steers: Bool) {
    let bytes = downstream.input.span
    for i in 0..<head.fields.count {
      let field = head.fields[i]
      switch field.name {
      case .l5dDtab, .l5dCtxDtab: hasLocalDtab = steers
      case .heddleExplain: explainField = steers ? i : -1
      case .via: depth &+= countMeshes(bytes.extracting(field.valueRange))
      case .contentType: isGRPC = isGRPCType(bytes.extracting(field.valueRange))
      case .grpcTimeout:
        if let nanoseconds = grpcTimeoutNanoseconds(bytes.extracting(field.valueRange)) {
          timeout = max(1, nanoseconds)
        } else {
          hasBadTimeout = true
        }
      default: break
      }
    }
  }
}

/// `application/grpc`, with a message type or without; not gRPC-Web, which is another protocol.
private func isGRPCType(_ value: Span<UInt8>) -> Bool {
  guard value.count >= 16, equalsIgnoringCase(value.extracting(0..<16), "application/grpc") else { return false }
  return value.count == 16 || value[16] == UInt8(ascii: "+") || value[16] == UInt8(ascii: ";")
}

/// Entries of a `Via` field that a mesh proxy wrote: `1.1 heddle` or `1.1 linkerd`.
private func countMeshes(_ value: Span<UInt8>) -> Int {
  var meshes = 0
  var start = 0
  while start < value.count {
    var end = start
    while end < value.count && value[end] != UInt8(ascii: ",") { end &+= 1 }
    let entry = value.extracting(start..<end)
    if endsWith(entry, "heddle") || endsWith(entry, "linkerd") { meshes &+= 1 }
    start = end &+ 1
  }
  return meshes
}

private func endsWith(_ value: Span<UInt8>, _ word: StaticString) -> Bool {
  let n = word.utf8CodeUnitCount
  return value.count >= n && equalsIgnoringCase(value.extracting(value.count &- n..<value.count), word)
}
