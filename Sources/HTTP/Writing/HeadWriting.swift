import Memory

// Writing heads of our own. Whatever is not a literal is checked, so that no text from outside can end a line.

/// `HTTP/1.1 200 OK` and the line's end, with the usual reason. `status` is 100 … 599.
public func appendStatusLine(_ status: Int, to buffer: inout ByteBuffer) {
  precondition(status >= 100 && status <= 599)
  buffer.append("HTTP/1.1 ")
  buffer.append(decimal: status)
  buffer.append(UInt8(ascii: " "))
  buffer.append(reasonPhrase(status))
  buffer.append("\r\n")
}

/// `GET /path HTTP/1.1` and the line's end. False, and nothing is written, when the method is no token or the target
/// is empty or has a control character or a space.
public func appendRequestLine(method: String, target: String, to buffer: inout ByteBuffer) -> Bool {
  guard isToken(method), isTarget(target) else { return false }
  buffer.append(method)
  buffer.append(UInt8(ascii: " "))
  buffer.append(target)
  buffer.append(" HTTP/1.1\r\n")
  return true
}

/// A field line of our own words.
public func appendField(_ name: StaticString, _ value: StaticString, to buffer: inout ByteBuffer) {
  buffer.append(name)
  buffer.append(": ")
  buffer.append(value)
  buffer.append("\r\n")
}

/// A field line with a number.
public func appendField(_ name: StaticString, _ value: Int, to buffer: inout ByteBuffer) {
  buffer.append(name)
  buffer.append(": ")
  buffer.append(decimal: value)
  buffer.append("\r\n")
}

/// A field line with a value from elsewhere. False, and nothing is written, when the value has a control character
/// other than a tab.
public func appendField(_ name: StaticString, _ value: Span<UInt8>, to buffer: inout ByteBuffer) -> Bool {
  guard isFieldValue(value) else { return false }
  buffer.append(name)
  buffer.append(": ")
  buffer.append(value)
  buffer.append("\r\n")
  return true
}

/// A field line from elsewhere. False, and nothing is written, when the name is no token or the value has a control
/// character other than a tab.
public func appendField(name: String, value: String, to buffer: inout ByteBuffer) -> Bool {
  guard isToken(name), isFieldValue(value) else { return false }
  buffer.append(name)
  buffer.append(": ")
  buffer.append(value)
  buffer.append("\r\n")
  return true
}

/// A parsed field line as it came, without the blanks around its value.
public func appendField(_ field: Field, of bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
  buffer.append(bytes.extracting(field.nameRange))
  buffer.append(": ")
  buffer.append(bytes.extracting(field.valueRange))
  buffer.append("\r\n")
}

/// The empty line that ends a head.
public func appendHeadEnd(to buffer: inout ByteBuffer) { buffer.append("\r\n") }

/// The whole interim response that lets a client send its body.
public func appendContinue(to buffer: inout ByteBuffer) { buffer.append("HTTP/1.1 100 Continue\r\n\r\n") }

/// Can stand as a field value: no control character but the tab.
public func isFieldValue(_ value: Span<UInt8>) -> Bool {
  var i = firstControl(value, from: 0, to: value.count)
  while i < value.count, value[i] == 0x09 { i = firstControl(value, from: i &+ 1, to: value.count) }
  return i == value.count
}

private func isFieldValue(_ value: String) -> Bool {
  value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
}

private func isToken(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { HTTP.isToken($0) } }

private func isTarget(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } }
