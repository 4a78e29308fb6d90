import HTTP
import Memory

/// Ends a chunked body: with what may travel of a trailer section, whose fields the body's reader has found, or (empty) without.
func writeLastChunk(trailers section: Span<UInt8>, _ fields: borrowing FieldTable, to output: inout ByteBuffer) {
  if section.count > 0 {
    appendLastChunk(trailers: fields, of: section, to: &output)
  } else {
    appendLastChunk(to: &output)
  }
}

/// Copies the field lines that may be forwarded, as they stand, in as few pieces as they allow.
///
/// Most heads lose no line or one, so neighbours go out as one run of bytes. A line is written anew only where white space
/// around its value, or a dropped line behind it, keeps it from being the neighbour's.
@inline(__always)
func copyFields(
  _ fields: borrowing FieldTable, from bytes: Span<UInt8>, into output: inout ByteBuffer,
  where forwards: (Field) -> Bool
) {
  var start = -1
  var end = 0
  for i in 0..<fields.count {
    let field = fields[i]
    guard forwards(field) else { continue }
    if start >= 0 {
      if field.nameStart == end &+ 2 {
        end = field.valueEnd
        continue
      }
      output.append(bytes.extracting(start..<end))
      output.append("\r\n")
    }
    start = field.nameStart
    end = field.valueEnd
  }
  if start >= 0 {
    output.append(bytes.extracting(start..<end))
    output.append("\r\n")
  }
}
