import HTTP
import Memory

/// How a body stands in HTTP/1.1 text.
public enum HTTP1Body: Sendable {
  case none
  /// As it is: the head gave its length.
  case length
  case chunks
}

// Messages of HTTP/2 as HTTP/1.1 text (RFC 9113 §8, RFC 9112). Whoever reads the text judges it by HTTP/1.1's own rules, so that
// nothing gets through a change of versions that would not get through without one.

extension HeaderList {
  /// Writes this request's head.
  ///
  /// `:authority` becomes `host`, cookies are joined (RFC 9113 §8.2.3), and a body without a length goes in chunks.
  /// CONNECT, extended or not, is written as a request for a tunnel (`HTTP1Text+Tunnels`), whose bytes have no framing.
  /// - Parameter hasBody: more than the head follows.
  /// - Returns: how the body must be written; nil, with nothing written, when `:authority` and `host` differ, or there is no
  ///   method or no target.
  public func writeRequestHead(hasBody: Bool, into output: inout ByteBuffer) -> HTTP1Body? {
    let target = RequestTargetFields(self)
    guard target.areAlike(in: self), let method = target.method else { return nil }
    if isConnect(method) { return writeTunnelHead(target, into: &output) }
    guard let path = target.path else { return nil }
    append(method, to: &output)
    output.append(" ")
    append(path, to: &output)
    output.append(" HTTP/1.1\r\n")
    if let host = target.authority ?? target.host {
      output.append("host: ")
      append(host, to: &output)
      output.append("\r\n")
    }
    var hasLength = false
    // Lines that go on as they are lie side by side, and go in one piece.
    var first = target.pseudoFields
    for index in first..<entries.count {
      switch entries[index].kind {
      case .contentLength:
        hasLength = true
        continue
      case .host: appendLines(first..<index, to: &output)
      case .cookie:
        appendLines(first..<index, to: &output)
        if index == target.firstCookie { appendCookies(from: index, to: &output) }
      default: continue
      }
      first = index + 1
    }
    appendLines(first..<entries.count, to: &output)
    if hasBody && !hasLength { output.append("transfer-encoding: chunked\r\n") }
    output.append("\r\n")
    return hasBody ? hasLength ? .length : .chunks : HTTP1Body.none
  }

  /// Ends a body in chunks with these trailers.
  public func writeTrailers(into output: inout ByteBuffer) {
    output.append("0\r\n")
    appendLines(entries.indices, to: &output)
    output.append("\r\n")
  }

  /// Writes this answer's head.
  /// - Parameters:
  ///   - hasBody: more than the head follows.
  ///   - saysLength: an answer without a body says so; not one to HEAD, whose length would be another request's.
  /// - Returns: how the body must be written; nil, with nothing written, when there is no status.
  public func writeResponseHead(hasBody: Bool, saysLength: Bool, into output: inout ByteBuffer) -> HTTP1Body? {
    guard let status = entries.firstIndex(where: { $0.kind == .status }) else { return nil }
    output.append("HTTP/1.1 ")
    append(status, to: &output)
    output.append(" \r\n")
    let isBodiless = isBodiless(status)
    let hasBody = hasBody && !isBodiless  // its end may come in a frame of its own
    // A body whose length was said has no place for trailers, and of gRPC those say how the call ended.
    let dropsLength = hasBody && isGRPC
    var hasLength = false
    var first = 0
    for index in entries.indices {
      switch entries[index].kind {
      case .status: break
      case .contentLength where dropsLength: break
      case .contentLength:
        hasLength = true
        continue
      default: continue
      }
      appendLines(first..<index, to: &output)
      first = index + 1
    }
    appendLines(first..<entries.count, to: &output)
    if hasBody && !hasLength { output.append("transfer-encoding: chunked\r\n") }
    if !hasBody && !hasLength && saysLength && !isBodiless { output.append("content-length: 0\r\n") }
    output.append("\r\n")
    return hasBody ? hasLength ? .length : .chunks : HTTP1Body.none
  }

  // MARK: Pieces

  private var isGRPC: Bool {
    guard let type = entries.first(where: { $0.kind == .contentType }), type.valueLength >= 16 else { return false }
    return equalsIgnoringCase(bytes.span.extracting(type.value).extracting(0..<16), "application/grpc")
  }

  /// Whether an answer of this status never has a body: 1xx, 204, 304.
  private func isBodiless(_ status: Int) -> Bool {
    let value = bytes.span.extracting(entries[status].value)
    return value.count == 3 && (value[0] == UInt8(ascii: "1") || equals(value, "204") || equals(value, "304"))
  }

  func appendLines(_ range: Range<Int>, to output: inout ByteBuffer) {
    if range.isEmpty { return }
    output.append(bytes.span.extracting(Int(entries[range.lowerBound].start)..<entries[range.upperBound - 1].end))
  }

  func append(_ index: Int, to output: inout ByteBuffer) {
    output.append(bytes.span.extracting(entries[index].value))
  }

  func appendCookies(from first: Int, to output: inout ByteBuffer) {
    output.append("cookie: ")
    append(first, to: &output)
    for index in entries.indices where index > first && entries[index].kind == .cookie {
      output.append("; ")
      append(index, to: &output)
    }
    output.append("\r\n")
  }

  fileprivate func haveEqualValues(_ a: Int, _ b: Int) -> Bool {
    bytesEqual(bytes.span.extracting(entries[a].value), bytes.span.extracting(entries[b].value))
  }
}

/// Where in a list the fields stand that make a request line.
struct RequestTargetFields {
  var method: Int?
  var path: Int?
  var authority: Int?
  var host: Int?
  var firstCookie: Int?
  /// Pseudo-fields come first (RFC 9113 §8.3; the session sees to it).
  var pseudoFields = 0
  private var hasSeveralHosts = false

  init(_ list: HeaderList) {
    for index in list.entries.indices {
      let kind = list.entries[index].kind
      if kind.isPseudo { pseudoFields = index + 1 }
      switch kind {
      case .method: method = index
      case .path: path = index
      case .authority: authority = index
      case .host:
        hasSeveralHosts = host != nil
        host = index
      case .cookie where firstCookie == nil: firstCookie = index
      default: break
      }
    }
  }

  /// One host, whichever field says it.
  func areAlike(in list: HeaderList) -> Bool {
    guard !hasSeveralHosts else { return false }
    guard let host, let authority else { return true }
    return list.haveEqualValues(host, authority)
  }
}
