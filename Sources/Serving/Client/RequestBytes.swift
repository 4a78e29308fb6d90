import HTTP
import HTTP2
import Memory

/// A whole request as it goes over the wire. `host` is written unless the fields have one; the length always is ours.
/// - Throws: `invalidRequest` when the method, target or a field has characters that may not stand there.
func requestBytes(
  _ method: String, _ target: String, authority: String, _ headers: HeaderList, _ body: [UInt8]
) throws(HTTPClientError) -> [UInt8] {
  var buffer = ByteBuffer()
  guard appendRequestLine(method: method, target: target, to: &buffer) else {
    throw .invalidRequest("'\(method) \(target)' is no request line")
  }
  if !headers.contains("host") { _ = appendField(name: "host", value: authority, to: &buffer) }
  for (name, value) in headers.fields where name != "content-length" {
    guard appendField(name: name, value: value, to: &buffer) else {
      throw .invalidRequest("the field '\(name)' is invalid")
    }
  }
  let hasBody = !body.isEmpty || method == "POST" || method == "PUT" || method == "PATCH"
  if hasBody { appendField("content-length", body.count, to: &buffer) }
  appendHeadEnd(to: &buffer)
  var bytes: [UInt8] = []
  bytes.append(contentsOf: buffer.span, in: 0..<buffer.count)
  return bytes + body
}
