/// Cuts a stream of JSON objects, one after the other with or without line ends between, into its objects. It counts braces and
/// knows strings; whether an object is right JSON is its reader's affair.
struct JSONSplitter {
  enum Step: Equatable {
    /// The bytes of one object.
    case object([UInt8])
    case needMore
    /// The stream makes no sense; nothing after this can be trusted.
    case fault(String)
  }

  /// Bytes of one object. Why: the sender may be anybody. At the limit: a fault.
  let limit: Int
  private var bytes: [UInt8] = []
  /// Where the search goes on, and where the current object began.
  private var at = 0
  private var start: Int?
  private var depth = 0
  private var isInString = false
  private var isEscaped = false

  init(limit: Int = 8 << 20) { self.limit = limit }

  mutating func append(_ more: [UInt8]) { bytes += more }

  /// Bytes of an unfinished object: the stream must not end here.
  var isMidObject: Bool { start != nil }

  mutating func next() -> Step {
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if isInString { passString(byte); continue }
      if depth == 0 {
        guard byte != UInt8(ascii: "{") else { start = at - 1; depth = 1; continue }
        guard [0x20, 0x09, 0x0A, 0x0D].contains(byte) else { return .fault("an object should begin here") }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if depth == 0 { return .object(take()) }
      default: break
      }
    }
    return rest()
  }

  private mutating func passString(_ byte: UInt8) {
    if isEscaped {
      isEscaped = false
    } else if byte == UInt8(ascii: "\\") {
      isEscaped = true
    } else if byte == UInt8(ascii: "\"") {
      isInString = false
    }
  }

  private mutating func take() -> [UInt8] {
    let object = Array(bytes[(start ?? 0)..<at])
    start = nil
    return object
  }

  /// Nothing more to find: drops what was used.
  private mutating func rest() -> Step {
    let used = start ?? at
    if used > 0 {
      bytes.removeFirst(used)
      at -= used
      if start != nil { start = 0 }
    }
    return bytes.count > limit ? .fault("an object of more than \(limit) bytes") : .needMore
  }
}
