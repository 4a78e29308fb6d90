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
  private static let magic = Array("HEDDLEST".utf8)
  private static let format: UInt32 = 1
  private static let digestLength = 32

  /// The bytes of a file.
  func encoded() -> [UInt8] {
    var writer = StateWriter()
    writer.bytes += Self.magic
    writer.put(Self.format)
    writer.put(UInt64(bitPattern: savedAt))
    writer.put(Array(namespace.utf8))
    writer.put(version.epoch)
    writer.put(version.revision)
    writer.put(version.hash.bytes)
    writer.put(UInt32(clamping: resources.count))
    for resource in resources { writer.put(resource) }
    writer.put(UInt32(clamping: names.count))
    for name in names {
      writer.put(UInt64(bitPattern: name.confirmed))
      writer.put(name.endpoints)
    }
    return writer.bytes + SHA256.digest(writer.bytes.span)
  }

  /// Reads the bytes of a file; whole and right, or not at all.
  init(decoding file: [UInt8]) throws(KeptStateFault) {
    guard file.count >= Self.magic.count + 4 + Self.digestLength else { throw .tooShort }
    guard file.starts(with: Self.magic) else { throw .notOurs }
    let body = Array(file.dropLast(Self.digestLength))
    guard SHA256.digest(body.span) == Array(file.suffix(Self.digestLength)) else { throw .checksum }
    var reader = StateReader(body, from: Self.magic.count)
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

private struct StateWriter {
  var bytes: [UInt8] = []

  mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  mutating func put(_ block: [UInt8]) {
    put(UInt32(clamping: block.count))
    bytes += block
  }
}

private struct StateReader {
  private let bytes: [UInt8]
  private var position: Int

  init(_ bytes: [UInt8], from position: Int) {
    self.bytes = bytes
    self.position = position
  }

  var isAtEnd: Bool { position == bytes.count }

  mutating func number<Number: FixedWidthInteger>() throws(KeptStateFault) -> Number {
    let width = Number.bitWidth / 8
    guard bytes.count - position >= width else { throw .malformed }
    var number: Number = 0
    for index in 0..<width { number |= Number(truncatingIfNeeded: bytes[position + index]) << (index * 8) }
    position += width
    return number
  }

  mutating func block() throws(KeptStateFault) -> [UInt8] {
    let length: UInt32 = try number()
    guard bytes.count - position >= Int(length) else { throw .malformed }
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
