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
  /// - Parameter hasBody: more than the head follows.
  /// CONNECT, extended or not, is written as a request for a tunnel (`HTTP1Text+Tunnels`), whose bytes have no framing.
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
    for index in entries.indices where index >= target.pseudoFields && index != target.host {
      if index == target.firstCookie {
        appendCookies(from: index, to: &output)
      } else if target.firstCookie == nil || !isNamed("cookie", at: index) {
        hasLength = hasLength || isNamed("content-length", at: index)
        appendLine(index, to: &output)
      }
    }
    if hasBody && !hasLength { output.append("transfer-encoding: chunked\r\n") }
    output.append("\r\n")
    return hasBody ? hasLength ? .length : .chunks : HTTP1Body.none
  }

  /// Ends a body in chunks with these trailers.
  public func writeTrailers(into output: inout ByteBuffer) {
    output.append("0\r\n")
    for index in entries.indices { appendLine(index, to: &output) }
    output.append("\r\n")
  }

  /// Writes this answer's head.
  /// - Parameters:
  ///   - hasBody: more than the head follows.
  ///   - saysLength: an answer without a body says so; not one to HEAD, whose length would be another request's.
  /// - Returns: how the body must be written; nil, with nothing written, when there is no status.
  public func writeResponseHead(hasBody: Bool, saysLength: Bool, into output: inout ByteBuffer) -> HTTP1Body? {
    guard let status = entries.indices.first(where: { isNamed(":status", at: $0) }) else { return nil }
    output.append("HTTP/1.1 ")
    append(status, to: &output)
    output.append(" \r\n")
    var hasLength = false
    for index in entries.indices where index != status {
      hasLength = hasLength || isNamed("content-length", at: index)
      appendLine(index, to: &output)
    }
    if hasBody && !hasLength { output.append("transfer-encoding: chunked\r\n") }
    if !hasBody && !hasLength && saysLength && !isBodiless(status) { output.append("content-length: 0\r\n") }
    output.append("\r\n")
    return hasBody ? hasLength ? .length : .chunks : HTTP1Body.none
  }

  // MARK: Pieces

  /// Whether an answer of this status never has a body: 1xx, 204, 304.
  private func isBodiless(_ status: Int) -> Bool {
    let entry = entries[status]
    let start = Int(entry.start + entry.nameLength)
    let value = bytes.span.extracting(start..<(start + Int(entry.valueLength)))
    return value.count == 3 && (value[0] == UInt8(ascii: "1") || equals(value, "204") || equals(value, "304"))
  }

  func appendLine(_ index: Int, to output: inout ByteBuffer) {
    let entry = entries[index]
    let start = Int(entry.start)
    let valueStart = start + Int(entry.nameLength)
    output.append(bytes.span.extracting(start..<valueStart))
    output.append(": ")
    output.append(bytes.span.extracting(valueStart..<(valueStart + Int(entry.valueLength))))
    output.append("\r\n")
  }

  func append(_ index: Int, to output: inout ByteBuffer) {
    let entry = entries[index]
    let start = Int(entry.start) + Int(entry.nameLength)
    output.append(bytes.span.extracting(start..<(start + Int(entry.valueLength))))
  }

  func appendCookies(from first: Int, to output: inout ByteBuffer) {
    output.append("cookie: ")
    append(first, to: &output)
    for index in entries.indices where index > first && isNamed("cookie", at: index) {
      output.append("; ")
      append(index, to: &output)
    }
    output.append("\r\n")
  }

  fileprivate func haveEqualValues(_ a: Int, _ b: Int) -> Bool {
    let (x, y) = (entries[a], entries[b])
    let (i, j) = (Int(x.start) + Int(x.nameLength), Int(y.start) + Int(y.nameLength))
    return bytes[i..<(i + Int(x.valueLength))].elementsEqual(bytes[j..<(j + Int(y.valueLength))])
  }
}

/// Where in a list the fields stand that make a request line.
struct RequestTargetFields {
  var method: Int?
  var path: Int?
  var authority: Int?
  var host: Int?
  var firstCookie: Int?
  /// Pseudo-fields come first (RFC 9113 §8.3; libnghttp2 sees to it).
  var pseudoFields = 0
  private var hasSeveralHosts = false

  init(_ list: HeaderList) {
    for index in list.entries.indices {
      if list.isPseudo(index) {
        pseudoFields = index + 1
        if list.isNamed(":method", at: index) { method = index }
        if list.isNamed(":path", at: index) { path = index }
        if list.isNamed(":authority", at: index) { authority = index }
      } else if list.isNamed("host", at: index) {
        hasSeveralHosts = host != nil
        host = index
      } else if firstCookie == nil, list.isNamed("cookie", at: index) {
        firstCookie = index
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
