import HTTP
import Memory
import MeshProtocol
import Traffic

/// Writes a target with another path; the query stays as it came.
/// - Parameters:
///   - target: as it came, or empty.
///   - edit: nil: the first `segments` are left out, and nothing comes in their place.
///   - segments: of the path that the edit replaces. Runs of `/` count as one.
func appendTarget(_ target: Span<UInt8>, edit: PathEdit?, replacing segments: Int, into output: inout ByteBuffer) {
  var start = 0
  var hasPath = false
  switch edit {
  case .full(let path):
    start = PathForm.pathEnd(target)
    output.append(path)
    hasPath = true
  case .prefix(let prefix):
    start = PathForm.offset(after: segments, in: target)
    let kept = prefix.hasSuffix("/") ? prefix.dropLast() : prefix[...]
    output.append(String(kept))
    hasPath = !kept.isEmpty
  case nil: start = PathForm.offset(after: segments, in: target)
  }
  if !hasPath, start == target.count || target[start] != UInt8(ascii: "/") { output.append(UInt8(ascii: "/")) }
  output.append(target.extracting(start..<target.count))
}

/// The place that a redirect sends a request to.
func location(_ redirect: Redirect, _ head: borrowing RequestHead, _ bytes: Span<UInt8>, segments: Int) -> ByteBuffer {
  var output = ByteBuffer()
  output.append(redirect.scheme ?? "http")
  output.append("://")
  let host = bytes.extracting(head.hostRange)
  let colon = portStart(host)
  if let name = redirect.host { output.append(name) } else { output.append(host.extracting(0..<colon)) }
  if let port = redirect.port {
    if port != (redirect.scheme == "https" ? 443 : 80) {
      output.append(":")
      output.append(decimal: Int(port))
    }
  } else if redirect.scheme == nil, redirect.host == nil {
    output.append(host.extracting(colon..<host.count))  // elsewhere the port of this host would mean nothing
  }
  let target = bytes.extracting(head.pathRange)
  if head.pathLead == UInt8(ascii: "*") || head.form == .asterisk { return output }
  if let edit = redirect.path {
    appendTarget(target, edit: edit, replacing: segments, into: &output)
  } else {
    if head.pathLead != 0 { output.append(head.pathLead) }
    output.append(target)
  }
  return output
}

/// Where `:port` begins in a host; its end when there is none.
private func portStart(_ host: Span<UInt8>) -> Int {
  var i = host.count
  while i > 0, host[i &- 1] != UInt8(ascii: "]") {
    i &-= 1
    if host[i] == UInt8(ascii: ":") { return i }
  }
  return host.count
}
