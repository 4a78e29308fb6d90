import SystemIO

/// A token: written in the configuration, or in a file that somebody replaces from time to time.
final class Secret {
  enum Origin: Hashable, Sendable {
    case value(String)
    case file(String)
  }

  /// Bytes of a token file. Why: a wrong path must not fill the memory.
  static let limit = 64 << 10
  /// How long a file's text is believed. Why: tokens rotate at least ten minutes before they end; reading at each request would
  /// be a system call for nothing.
  static let freshness = Duration.seconds(30)

  private let origin: Origin
  private var kept: (text: String, until: Instant)?

  init(_ origin: Origin) { self.origin = origin }

  /// The token, without blanks around it; nil when the file cannot be read and never could, or has what no field may have. The
  /// read is of a small local file.
  func text(at now: Instant) -> String? {
    switch origin {
    case .value(let text): return text
    case .file(let path):
      if let kept, now < kept.until { return kept.text }
      guard let bytes = try? readFile(path, limit: Self.limit) else { return kept?.text }
      let text = Self.trimmed(bytes)
      guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return kept?.text }
      kept = (text, now + Self.freshness)
      return text
    }
  }

  /// The source refused the token: the file is read again before the next request.
  func doubt() { kept?.until = .zero }

  private static func trimmed(_ bytes: [UInt8]) -> String {
    let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    let front = bytes.drop(while: isBlank)
    guard let last = front.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(decoding: front[...last], as: UTF8.self)
  }
}
