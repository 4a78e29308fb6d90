import Memory
import MeshProtocol

/// Header edits as bytes: which fields to leave out, and the lines to write.
public struct HeaderScript: Sendable {
  /// Whole lines with their ends: those set, then those added.
  public let lines: [UInt8]
  /// Lower-case names of the fields that are left out: removed ones, and those set anew.
  private let dropped: [[UInt8]]
  /// Bit n: a dropped name is n bytes long (63: or longer). Most fields of a head fail this test alone.
  private let lengths: UInt64

  init(_ edits: HeaderEdits) {
    var lines: [UInt8] = []
    for line in edits.set + edits.add { lines += Array("\(line.name): \(line.value)\r\n".utf8) }
    self.lines = lines
    dropped = (edits.remove + edits.set.map(\.name)).map { Array($0.utf8) }
    lengths = dropped.reduce(0) { $0 | Self.bit($1.count) }
  }

  public var isEmpty: Bool { lines.isEmpty && dropped.isEmpty }

  /// Whether a field of this name is left out.
  public func drops(_ name: Span<UInt8>) -> Bool {
    guard lengths & Self.bit(name.count) != 0 else { return false }
    for i in dropped.indices {
      let wanted = dropped[i]
      if equalsIgnoringCase(name, wanted.span) { return true }
    }
    return false
  }

  private static func bit(_ length: Int) -> UInt64 { 1 &<< UInt64(min(length, 63)) }
}
