/// Bytes that are not what they should be.
struct JuteFault: Error, Equatable {
  let problem: String
}

/// Reads ZooKeeper's serialisation, "jute": numbers in network order, a length before what has one (zookeeper.jute in its
/// sources). Every read is checked against what is there, so no length can ask for more memory than came.
struct JuteReader {
  private let bytes: [UInt8]
  private var offset: Int

  init(_ bytes: [UInt8], from offset: Int = 0) {
    self.bytes = bytes
    self.offset = min(max(0, offset), bytes.count)
  }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func int() throws(JuteFault) -> Int32 { Int32(truncatingIfNeeded: try number(4)) }
  mutating func long() throws(JuteFault) -> Int64 { Int64(truncatingIfNeeded: try number(8)) }
  mutating func bool() throws(JuteFault) -> Bool { try number(1) != 0 }

  /// Bytes with their length; a length of -1 is none.
  mutating func buffer() throws(JuteFault) -> [UInt8] {
    let count = try length()
    let end = offset + count
    defer { offset = end }
    return Array(bytes[offset..<end])
  }

  /// UTF-8; broken sequences become U+FFFD.
  mutating func text() throws(JuteFault) -> String { String(decoding: try buffer(), as: UTF8.self) }

  /// A list of texts; nil when it has more than `limit`, and then none is read.
  mutating func texts(limit: Int) throws(JuteFault) -> [String]? {
    let count = Int(try int())
    // Each text costs its length at least.
    guard count >= -1, count <= (bytes.count - offset) / 4 else { throw JuteFault(problem: "a list of \(count) texts") }
    guard count <= limit else { return nil }
    var texts: [String] = []
    texts.reserveCapacity(max(0, count))
    for _ in 0..<max(0, count) { texts.append(try text()) }
    return texts
  }

  private mutating func length() throws(JuteFault) -> Int {
    let count = Int(try int())
    guard count >= -1, count <= bytes.count - offset else { throw JuteFault(problem: "a length of \(count)") }
    return max(0, count)
  }

  private mutating func number(_ count: Int) throws(JuteFault) -> UInt64 {
    guard bytes.count - offset >= count else { throw JuteFault(problem: "cut short") }
    var value: UInt64 = 0
    for index in offset..<(offset + count) { value = value << 8 | UInt64(bytes[index]) }
    offset += count
    return value
  }
}

/// Writes it.
struct JuteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func int(_ value: Int32) { number(UInt64(UInt32(bitPattern: value)), 4) }
  mutating func long(_ value: Int64) { number(UInt64(bitPattern: value), 8) }
  mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

  mutating func buffer(_ value: some Collection<UInt8>) {
    int(Int32(clamping: value.count))
    bytes += value
  }

  mutating func text(_ value: String) { buffer(value.utf8) }

  mutating func texts(_ values: [String]) {
    int(Int32(clamping: values.count))
    for value in values { text(value) }
  }

  private mutating func number(_ value: UInt64, _ count: Int) {
    for index in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }

  /// What `write` writes, with its length before it, as it goes over the wire.
  static func frame(_ write: (inout JuteWriter) -> Void) -> [UInt8] {
    var content = JuteWriter()
    write(&content)
    var frame = JuteWriter()
    frame.buffer(content.bytes)
    return frame.bytes
  }
}
