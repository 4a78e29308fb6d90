import Foundation

/// One line of a file in `Tests/DetectionCorpus`, whose heads say how they are written.
public struct ByteCase: Sendable {
  /// What it comes to: the words before the bytes.
  public let expected: [String]
  public let bytes: [UInt8]

  /// Reads all lines of a file; `words` says how many words stand before the bytes of a line that begins with this one.
  public static func read(_ file: String, words: (String) -> Int) throws -> [ByteCase] {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("DetectionCorpus/\(file)")
    var lines: [String] = []
    for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix(" "), let last = lines.popLast() { lines.append(last + line) } else { lines.append(String(line)) }
    }
    return try lines.map { line in
      var rest = line[...]
      let first = word(&rest)
      let expected = [first] + (1..<max(1, words(first))).map { _ in word(&rest) }
      return ByteCase(expected: expected, bytes: try content(rest))
    }
  }

  private static func word(_ rest: inout Substring) -> String {
    rest = rest.drop { $0 == " " }
    let word = rest.prefix { $0 != " " }
    rest = rest.dropFirst(word.count)
    return String(word)
  }

  private static func content(_ text: Substring) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text.drop { $0 == " " }
    while let first = rest.first {
      if first == "\"" {
        rest.removeFirst()
        bytes += try quoted(&rest)
      } else {
        guard let byte = UInt8(rest.prefix(2), radix: 16), rest.count > 1 else { throw Malformed(line: String(text)) }
        bytes.append(byte)
        rest = rest.dropFirst(2)
      }
      rest = rest.drop { $0 == " " }
    }
    return bytes
  }

  private static func quoted(_ rest: inout Substring) throws -> [UInt8] {
    var text = ""
    while let next = rest.popFirst() {
      switch next {
      case "\"": return Array(text.utf8)
      case "\\":
        guard let escaped = rest.popFirst(), let meant = escapes[escaped] else { throw Malformed(line: text) }
        text.append(meant)
      default: text.append(next)
      }
    }
    throw Malformed(line: text)
  }

  private static let escapes: [Character: String] = ["r": "\r", "n": "\n", "0": "\0", "\"": "\"", "\\": "\\"]

  /// A line that is not written as the files' heads say.
  public struct Malformed: Error {
    public let line: String
  }
}
