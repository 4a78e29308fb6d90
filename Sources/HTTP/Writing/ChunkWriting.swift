import Memory

/// Begins a chunk of `size` bytes; append them, then ``appendChunkEnd(to:)``. `size` must be above 0: a chunk of 0
/// ends the body.
public func appendChunkHeader(size: Int, to buffer: inout ByteBuffer) {
  precondition(size > 0, "a chunk of 0 bytes would end the body")
  buffer.append(hex: size)
  buffer.append("\r\n")
}

/// Ends a chunk.
public func appendChunkEnd(to buffer: inout ByteBuffer) { buffer.append("\r\n") }

/// Appends a whole chunk; nothing when `bytes` is empty, since a chunk of 0 bytes would end the body.
public func appendChunk(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
  if bytes.isEmpty { return }
  appendChunkHeader(size: bytes.count, to: &buffer)
  buffer.append(bytes)
  appendChunkEnd(to: &buffer)
}

/// Ends a chunked body without trailers.
public func appendLastChunk(to buffer: inout ByteBuffer) { buffer.append("0\r\n\r\n") }

/// Ends a chunked body with the fields of a parsed trailer section: those that may stand there, without hop-by-hop
/// ones.
public func appendLastChunk(trailers: borrowing FieldTable, of section: Span<UInt8>, to buffer: inout ByteBuffer) {
  buffer.append("0\r\n")
  for i in 0..<trailers.count where !trailers[i].isHopByHop {
    appendField(trailers[i], of: section, to: &buffer)
  }
  buffer.append("\r\n")
}
