/// Shows where in a text a fault is: the line at fault with a caret under the byte.
///
///     1 | /svc/users => 3 * ;
///       |                   ^ expected a name tree
enum Caret {
  /// Lines longer than this are cut around the fault, so that the caret stays below it on a narrow terminal.
  static let widest = 100

  static func pointing(at offset: Int, in text: String, saying what: String) -> String {
    let bytes = Array(text.utf8)
    let fault = min(max(offset, 0), bytes.count)
    let lineStart = bytes[..<fault].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let lineEnd = bytes[fault...].firstIndex(of: 0x0A) ?? bytes.count
    let number = bytes[..<lineStart].count { $0 == 0x0A } + 1
    let before = string(bytes[lineStart..<fault])
    let after = string(bytes[fault..<lineEnd])
    let cut = max(0, before.count - widest * 2 / 3)
    let shown = (cut > 0 ? "…" : "") + before.dropFirst(cut) + after.prefix(widest - before.dropFirst(cut).count)
    let margin = "\(number) | "
    let indent = String(repeating: " ", count: margin.count - 2) + "| "
    let column = before.dropFirst(cut).count + (cut > 0 ? 1 : 0)
    return margin + shown + "\n" + indent + String(repeating: " ", count: column) + "^ " + what
  }

  private static func string(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self).replacing("\t", with: " ").replacing("\r", with: "")
  }
}
