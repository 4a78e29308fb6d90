import MeshProtocol

/// Why kept bytes are of no use. They are never used in part.
enum KeptStateFault: Error, Equatable, CustomStringConvertible {
  case tooShort
  case notOurs
  case newerFormat(UInt32)
  case checksum
  case malformed
  case tooLong

  var description: String {
    switch self {
    case .tooShort: "it is cut off"
    case .notOurs: "it is no state of a proxy"
    case .newerFormat(let format): "it is of format \(format), which this version does not know"
    case .checksum: "its checksum does not fit"
    case .malformed: "its content does not read"
    case .tooLong: "it is longer than a proxy writes"
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
  init(decoding file: [UInt8]) throws {
    var rest = file
    try self.init(reading: {
      defer { rest = [] }
      return rest
    })
  }

  /// The same of a file that comes in pieces, an empty one at its end.
  /// - Throws: `KeptStateFault`, and what `next` throws.
  init(reading next: @escaping () throws -> [UInt8]) throws {
    var reader = StateReader(next)
    guard let magic = try reader.first(Self.magic.count + 4 + Self.digestLength)?.prefix(Self.magic.count) else {
      throw KeptStateFault.tooShort
    }
    guard magic.elementsEqual(Self.magic) else { throw KeptStateFault.notOurs }
    do {
      let state = try KeptState(&reader)
      guard try reader.end() else { throw KeptStateFault.checksum }
      self = state
    } catch let fault as KeptStateFault {
      // What does not read because bytes were lost or changed is told as that.
      throw try reader.end() ? fault : .checksum
    }
  }

  private init(_ reader: inout StateReader) throws {
    _ = try reader.bytes(Self.magic.count)
    let format: UInt32 = try reader.number()
    guard format == Self.format else { throw KeptStateFault.newerFormat(format) }
    savedAt = Int64(bitPattern: try reader.number())
    namespace = String(decoding: try reader.block(), as: UTF8.self)
    let epoch = try reader.block()
    let revision: UInt64 = try reader.number()
    guard epoch.count == 16, let hash = SetHash(bytes: try reader.block()) else { throw KeptStateFault.malformed }
    version = ConfigurationVersion(epoch: epoch, revision: revision, hash: hash)
    resources = try reader.list { reader in try reader.block() }
    names = try reader.list { reader in
      let confirmed = Int64(bitPattern: try reader.number())
      return Name(endpoints: try reader.block(), confirmed: confirmed)
    }
    guard try reader.isAtEnd() else { throw KeptStateFault.malformed }
  }

  /// Whether the bytes of a file, in pieces, are a whole one, for someone who does not need what it says.
  static func isWhole(_ next: @escaping () throws -> [UInt8]) throws -> Bool {
    var reader = StateReader(next)
    guard let magic = try reader.first(magic.count + digestLength)?.prefix(magic.count) else { return false }
    return try magic.elementsEqual(Self.magic) && reader.end()
  }
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

/// Reads what comes in pieces: a configuration may be large, and its bytes are not held twice. The last bytes are the
/// digest of those before.
private struct StateReader {
  private let next: () throws -> [UInt8]
  private var buffer: [UInt8] = []
  private var position = 0
  private var hash = SHA256()

  init(_ next: @escaping () throws -> [UInt8]) { self.next = next }

  /// Bytes before what is the digest, if no more come.
  private var ready: Int { buffer.count - position - KeptState.digestLength }

  /// Takes in the next piece; false at the end.
  private mutating func more() throws -> Bool {
    let piece = try next()
    if piece.isEmpty { return false }
    let done = position
    let old = buffer
    hash.update(old.span.extracting(..<done))
    buffer = old[done...] + piece
    position = 0
    return true
  }

  /// Nothing but the digest is left.
  mutating func isAtEnd() throws -> Bool {
    while ready <= 0 {
      guard try more() else { return ready == 0 }
    }
    return false
  }

  /// The first bytes, before any is read; nil when there are not so many.
  mutating func first(_ count: Int) throws -> [UInt8]? {
    while buffer.count < count {
      guard try more() else { return nil }
    }
    return Array(buffer.prefix(count))
  }

  /// Goes to the end; whether the digest fits.
  mutating func end() throws -> Bool {
    repeat { position = max(position, position + ready) } while try more()
    guard ready == 0 else { return false }
    let (last, all) = (buffer, position)
    hash.update(last.span.extracting(..<all))
    return hash.finish().elementsEqual(last[all...])
  }

  mutating func bytes(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    // Not more at once than a message may have: the number may be anybody's.
    bytes.reserveCapacity(min(count, MeshLimits.message))
    while bytes.count < count {
      let taken = min(count - bytes.count, ready)
      if taken <= 0 {
        guard try more() else { throw KeptStateFault.malformed }
        continue
      }
      bytes += buffer[position..<position + taken]
      position += taken
    }
    return bytes
  }

  mutating func number<Number: FixedWidthInteger>() throws -> Number {
    try bytes(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  mutating func block() throws -> [UInt8] {
    let length: UInt32 = try number()
    return try bytes(Int(length))
  }

  mutating func list<Element>(_ element: (inout StateReader) throws -> Element) throws -> [Element] {
    let count: UInt32 = try number()
    var elements: [Element] = []
    for _ in 0..<count { elements.append(try element(&self)) }
    return elements
  }
}
