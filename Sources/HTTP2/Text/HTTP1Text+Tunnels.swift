import HTTP
import Memory

// Requests for a tunnel as HTTP/1.1 text. CONNECT is the same in both versions (RFC 9113 §8.5); extended CONNECT is a GET that offers to
// switch protocols, and its success a 101 (RFC 8441 §5). What follows such a head is the tunnel's: it has no framing.

extension HeaderList {
  /// Whether this field has the value CONNECT.
  func isConnect(_ method: Int) -> Bool {
    equals(bytes.span.extracting(entries[method].value), "CONNECT")
  }

  /// Writes this CONNECT's head.
  /// - Returns: `none`; nil, with nothing written, when there is no authority, or `:protocol` is none.
  func writeTunnelHead(_ target: RequestTargetFields, into output: inout ByteBuffer) -> HTTP1Body? {
    let spoken = entries.indices.first { entries[$0].kind == .protocolName }
    guard let authority = target.authority, let destination = spoken == nil ? target.authority : target.path else {
      return nil
    }
    if let spoken, !isProtocolName(bytes.span.extracting(entries[spoken].value)) { return nil }
    output.append(spoken == nil ? "CONNECT " : "GET ")
    append(destination, to: &output)
    output.append(" HTTP/1.1\r\nhost: ")
    append(authority, to: &output)
    if let spoken {
      output.append("\r\nconnection: upgrade\r\nupgrade: ")
      append(spoken, to: &output)
    }
    output.append("\r\n")
    for index in entries.indices where index >= target.pseudoFields && index != target.host {
      if index == target.firstCookie {
        appendCookies(from: index, to: &output)
      } else if entries[index].kind != .cookie, !isNamed("sec-websocket-key", at: index) {
        appendLines(index..<index + 1, to: &output)  // the key is of HTTP/1.1 (RFC 8441 §5)
      }
    }
    output.append("\r\n")
    return HTTP1Body.none
  }

  /// Writes this answer, a success of extended CONNECT, as the switch to a protocol.
  /// - Parameters:
  ///   - name: the protocol's.
  ///   - accept: `Sec-WebSocket-Accept`, for a caller that has sent a key.
  public func writeSwitch(to name: [UInt8], accept: [UInt8]?, into output: inout ByteBuffer) {
    output.append("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ")
    output.append(name)
    output.append("\r\n")
    if let accept {
      output.append("sec-websocket-accept: ")
      output.append(accept)
      output.append("\r\n")
    }
    for index in entries.indices where !entries[index].kind.isPseudo && !isNamed("sec-websocket-accept", at: index) {
      appendLines(index..<index + 1, to: &output)
    }
    output.append("\r\n")
  }

  private func isNamed(_ name: StaticString, at index: Int) -> Bool {
    equals(bytes.span.extracting(entries[index].name), name)
  }
}

extension OwnHeadText {
  /// Whether extended CONNECT can say what this request says: a GET without a body that offers one protocol.
  public func isExtendedConnect(_ text: Span<UInt8>) -> Bool {
    guard let upgrade, case .request(let method, _, _) = first, requestBody == .none else { return false }
    return equals(text.extracting(method), "GET") && isProtocolName(text.extracting(upgrade))
  }

  /// Makes extended CONNECT of a request of which `isExtendedConnect` is true.
  public mutating func becomeExtendedConnect(_ text: Span<UInt8>) {
    guard let upgrade, case .request(_, let path, let scheme) = first else { return }
    first = .connect(protocol: upgrade, path: path, scheme: scheme)
    drop("sec-websocket-key", text)
    drop("content-length", text)
  }

  /// Makes the success of a CONNECT of this answer, a 101 that says that the tunnel stands.
  public mutating func becomeTunnelAnswer(_ text: Span<UInt8>) {
    first = .tunnel
    drop("sec-websocket-accept", text)
    drop("content-length", text)
  }
}

/// A name with a version or without (RFC 9110 §7.8): one of a list, and nothing that ends a line.
private func isProtocolName(_ value: Span<UInt8>) -> Bool {
  var slashes = 0
  for i in value.indices {
    if value[i] == UInt8(ascii: "/") { slashes += 1 } else if !isToken(value[i]) { return false }
  }
  return value.count > 0 && slashes <= 1
}
