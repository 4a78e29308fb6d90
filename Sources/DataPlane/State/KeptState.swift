import MeshProtocol

/// What a proxy keeps on disk to start from when no controller answers: the configuration in force, and for every
/// concrete name in use its last good endpoints with their age.
struct KeptState: Sendable, Equatable {
  /// One concrete name.
  struct Name: Sendable, Equatable {
    /// An encoded, full `Endpoints` message.
    var endpoints: [UInt8]
    /// When a controller last confirmed it, in wall-clock milliseconds since 1970.
    var confirmed: Int64
  }

  /// Of another namespace it is of no use.
  var namespace: String
  var version: ConfigurationVersion
  /// The encoded resources, as the controller made them.
  var resources: [[UInt8]]
  var names: [Name]
  /// Wall-clock milliseconds of the writing.
  var savedAt: Int64
}

/// Why kept bytes are of no use. They are never used in part.
enum KeptStateFault: Error, Equatable, CustomStringConvertible {
  case tooShort
  case notOurs
  case newerFormat(UInt32)
  case checksum
  case malformed

  var description: String {
    switch self {
    case .tooShort: "it is cut off"
    case .notOurs: "it is no state of a proxy"
    case .newerFormat(let format): "it is of format \(format), which this version does not know"
    case .checksum: "its checksum does not fit"
    case .malformed: "its content does not read"
    }
  }
}

/// The file's format: magic, format number, body, SHA-256 of all before it. Numbers are little-endian; texts and
/// messages carry their length in front.
extension KeptState {
  fileprivate static let magic = Array("HEDDLEST".utf8)
  private static let format: UInt32 = 1
  fileprivate static let digestLength = 32

  /// Bytes after which a piece goes out.
  private static let piece = 64 << 10

  /// The bytes of a file.
  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    encode { bytes += $0 }
    return bytes
  }

  /// Gives the bytes of a file to `sink` in pieces: a configuration may be large, and is held already.
  func encode<Failure: Error>(to sink: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
    var writer = StateWriter()
    writer.bytes += Self.magic
    writer.put(Self.format)
    writer.put(UInt64(bitPattern: savedAt))
    writer.put(Array(namespace.utf8))
    writer.put(version.epoch)
    writer.put(version.revision)
    writer.put(version.hash.bytes)
    writer.put(UInt32(clamping: resources.count))
    for resource in resources {
      writer.put(resource)
      if writer.bytes.count >= Self.piece { try sink(writer.take()) }
    }
    writer.put(UInt32(clamping: names.count))
    for name in names {
      writer.put(UInt64(bitPattern: name.confirmed))
      writer.put(name.endpoints)
      if writer.bytes.count >= Self.piece { try sink(writer.take()) }
    }
    try sink(writer.end())
  }

  /// Reads the bytes of a file; whole and right, or not at all.
  init(decoding file: [UInt8]) throws(KeptStateFault) {
    guard file.count >= Self.magic.count + 4 + Self.digestLength else { throw .tooShort }
    guard file.starts(with: Self.magic) else { throw .notOurs }
    let end = file.count - Self.digestLength
    let digest = SHA256.digest(file.span.extracting(..<end))
    guard digest == Array(file[end...]) else { throw .checksum }
    var reader = StateReader(file, Self.magic.count..<end)
    let format: UInt32 = try reader.number()
    guard format == Self.format else { throw .newerFormat(format) }
    savedAt = Int64(bitPattern: try reader.number())
    namespace = String(decoding: try reader.block(), as: UTF8.self)
    let epoch = try reader.block()
    let revision: UInt64 = try reader.number()
    guard epoch.count == 16, let hash = SetHash(bytes: try reader.block()) else { throw .malformed }
    version = ConfigurationVersion(epoch: epoch, revision: revision, hash: hash)
    resources = try reader.list { reader throws(KeptStateFault) in try reader.block() }
    names = try reader.list { reader throws(KeptStateFault) in
      let confirmed = Int64(bitPattern: try reader.number())
      return Name(endpoints: try reader.block(), confirmed: confirmed)
    }
    guard reader.isAtEnd else { throw .malformed }
  }
}

/// Whether the bytes of a file are a whole one, for someone who does not need what it says: they may come in pieces.
struct KeptStateCheck {
  private var hash = SHA256()
  /// The last bytes, which may be the digest.
  private var tail: [UInt8] = []
  private var isOurs: Bool?

  mutating func take(_ bytes: Span<UInt8>) {
    var all = tail
    for index in bytes.indices { all.append(bytes[index]) }
    if isOurs == nil, all.count >= KeptState.magic.count { isOurs = all.starts(with: KeptState.magic) }
    let hashed = max(0, all.count - KeptState.digestLength)
    hash.update(all.span.extracting(..<hashed))
    tail = Array(all[hashed...])
  }

  consuming func isWhole() -> Bool { isOurs == true && hash.finish() == tail }
}

private struct StateWriter {
  var bytes: [UInt8] = []
  private var hash = SHA256()

  mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  mutating func put(_ block: [UInt8]) {
    put(UInt32(clamping: block.count))
    bytes += block
  }

  /// What was put since the last time.
  mutating func take() -> [UInt8] {
    let piece = bytes
    bytes = []
    hash.update(piece.span)
    return piece
  }

  /// The same, and the digest of all.
  consuming func end() -> [UInt8] {
    let last = take()
    return last + hash.finish()
  }
}

private struct StateReader {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    (position, end) = (range.lowerBound, range.upperBound)
  }

  var isAtEnd: Bool { position == end }

  mutating func number<Number: FixedWidthInteger>() throws(KeptStateFault) -> Number {
    let width = Number.bitWidth / 8
    guard end - position >= width else { throw .malformed }
    var number: Number = 0
    for index in 0..<width { number |= Number(truncatingIfNeeded: bytes[position + index]) << (index * 8) }
    position += width
    return number
  }

  mutating func block() throws(KeptStateFault) -> [UInt8] {
    let length: UInt32 = try number()
    guard end - position >= Int(length) else { throw .malformed }
    defer { position += Int(length) }
    return Array(bytes[position..<(position + Int(length))])
  }

  mutating func list<Element>(
    _ element: (inout StateReader) throws(KeptStateFault) -> Element
  ) throws(KeptStateFault) -> [Element] {
    let count: UInt32 = try number()
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try element(&self)) }
    return elements
  }
}
