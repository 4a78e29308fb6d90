import MeshProtocol

/// What of a host's spelling counts as part of the name.
public struct HostOptions: Hashable, Sendable {
  /// `keep_port: true` of the configuration.
  public var keepPort = false
  /// `keep_case: true`.
  public var keepCase = false

  public init(keepPort: Bool = false, keepCase: Bool = false) {
    self.keepPort = keepPort
    self.keepCase = keepCase
  }
}

/// The name in a `Host` field, an authority or an SNI: lower-cased, without port and trailing dot.
///
/// An IPv6 literal loses its brackets, so that `[::1]:80` is `::1`. Refused, as nobody's name: empty, longer than 255
/// bytes, user information, bytes other than letters, digits and `-._~`, empty labels, zone ids, a port that is no
/// number up to 65 535.
/// - Parameter name: replaced by the name's bytes; what it holds after false is undefined.
/// - Returns: whether there is a name.
public func identifyHost(_ host: Span<UInt8>, into name: inout [UInt8], options: HostOptions = HostOptions()) -> Bool {
  name.removeAll(keepingCapacity: true)
  guard host.count > 0, host.count <= 255 else { return false }
  guard let end = host[0] == UInt8(ascii: "[") ? addLiteral(host, &name) : addName(host, &name) else { return false }
  guard isPort(host, from: end) else { return false }
  if !options.keepCase { lowercase(&name) }
  if options.keepPort, end + 1 < host.count { for index in end..<host.count { name.append(host[index]) } }
  return true
}

/// The same as text; nil when there is no name.
public func identifyHost(_ host: String, options: HostOptions = HostOptions()) -> Segment? {
  let bytes = Array(host.utf8)
  var name: [UInt8] = []
  return identifyHost(bytes.span, into: &name, options: options) ? Segment(bytes: name) : nil
}

/// Up to a colon or the end. Returns where it stopped; nil when it is no name.
private func addName(_ host: Span<UInt8>, _ name: inout [UInt8]) -> Int? {
  var index = 0
  var afterDot = true
  while index < host.count, host[index] != UInt8(ascii: ":") {
    let byte = host[index]
    if byte == UInt8(ascii: ".") ? afterDot : !isNameByte(byte) { return nil }
    afterDot = byte == UInt8(ascii: ".")
    name.append(byte)
    index += 1
  }
  if name.last == UInt8(ascii: ".") { name.removeLast() }
  return name.isEmpty ? nil : index
}

/// What stands in brackets: hex digits, colons (at least two) and dots.
private func addLiteral(_ host: Span<UInt8>, _ name: inout [UInt8]) -> Int? {
  var index = 1
  var colons = 0
  while index < host.count, host[index] != UInt8(ascii: "]") {
    let byte = host[index]
    guard isHexDigit(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") else { return nil }
    if byte == UInt8(ascii: ":") { colons += 1 }
    name.append(byte)
    index += 1
  }
  return index < host.count && colons >= 2 ? index + 1 : nil
}

/// Nothing, or a colon and up to five digits.
private func isPort(_ host: Span<UInt8>, from start: Int) -> Bool {
  guard start < host.count else { return true }
  guard host[start] == UInt8(ascii: ":"), host.count - start <= 6 else { return false }
  var port = 0
  for index in (start + 1)..<host.count {
    guard isDigit(host[index]) else { return false }
    port = port * 10 + Int(host[index] - UInt8(ascii: "0"))
  }
  return port <= 65_535
}

private func lowercase(_ name: inout [UInt8]) {
  for index in name.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(name[index]) { name[index] |= 0x20 }
}

private func isNameByte(_ byte: UInt8) -> Bool {
  isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "-")
    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
private func isHexDigit(_ byte: UInt8) -> Bool {
  isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
}
