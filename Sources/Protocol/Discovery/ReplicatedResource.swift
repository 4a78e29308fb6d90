/// A resource as it came, known to read. What it says is read again when it is asked for: of the thousands of rules that
/// a proxy holds, requests come to few.
public final class ReplicatedResource: Sendable {
  /// The encoded `Resource`, as the controller made it: what is hashed and what is kept on disk.
  public let bytes: [UInt8]
  // Two words and not a SetHash, whose alignment would take the object from 64 bytes of the heap to 80.
  private let hashParts: (UInt64, UInt64)
  /// Of the identity.
  private let identityHash: Int
  /// Where in `bytes` the name stands.
  private let nameStart: UInt32
  private let nameLength: UInt8
  private let kindNumber: UInt8

  /// Reads an encoded `Resource` whole, to know that it reads.
  public convenience init(reading bytes: [UInt8]) throws(ResourceFault) {
    try self.init(reading: bytes, hash: SetHash(of: bytes))
  }

  /// The same of bytes whose hash is known.
  init(reading bytes: [UInt8], hash: SetHash) throws(ResourceFault) {
    let identity = try ConfigurationResource(decoding: bytes).identity
    // A message holds its strings in one piece.
    guard let start = position(of: identity.name.utf8, in: bytes), let start = UInt32(exactly: start) else {
      throw ResourceFault(identity: identity, message: "its name does not stand in its bytes")
    }
    self.bytes = bytes
    hashParts = (UInt64(truncatingIfNeeded: hash.value >> 64), UInt64(truncatingIfNeeded: hash.value))
    identityHash = identity.hashValue
    nameStart = start
    nameLength = UInt8(identity.name.utf8.count)
    kindNumber = UInt8(identity.kind.rawValue)
  }

  /// Stands for any resource of this identity when one is looked for; nil when there is none of such a name.
  init?(lookingFor identity: ResourceIdentity) {
    guard let length = UInt8(exactly: identity.name.utf8.count),
      let kind = UInt8(exactly: identity.kind.rawValue)
    else { return nil }
    bytes = Array(identity.name.utf8)
    hashParts = (0, 0)
    identityHash = identity.hashValue
    nameStart = 0
    nameLength = length
    kindNumber = kind
  }

  /// Of `bytes`.
  public var hash: SetHash { SetHash(value: UInt128(hashParts.0) << 64 | UInt128(hashParts.1)) }

  public var kind: Heddle_Mesh_V1_ResourceKind {
    Heddle_Mesh_V1_ResourceKind(rawValue: Int(kindNumber)) ?? .UNRECOGNIZED(Int(kindNumber))
  }

  public var identity: ResourceIdentity {
    ResourceIdentity(kind: kind, name: String(decoding: nameBytes, as: UTF8.self))
  }

  var nameBytes: ArraySlice<UInt8> { bytes[Int(nameStart)..<Int(nameStart) + Int(nameLength)] }

  /// Whether both are of one kind and name.
  func isNamed(as other: ReplicatedResource) -> Bool {
    identityHash == other.identityHash && kindNumber == other.kindNumber && nameBytes == other.nameBytes
  }

  func hashIdentity(into hasher: inout Hasher) { hasher.combine(identityHash) }
}

// What it says
extension ReplicatedResource {
  /// All of it, read again.
  public var resource: ConfigurationResource {
    if let rule = EncodedRule(bytes), let body = try? rule.body {
      return ConfigurationResource(identity: identity, revision: rule.revision, body: .rule(body))
    }
    do {
      return try ConfigurationResource(decoding: bytes)
    } catch {
      preconditionFailure("bytes that were read once do not read again: \(error)")
    }
  }

  /// What a rule or split applies to; nil for any other kind.
  public var prefix: Prefix? {
    if let rule = EncodedRule(bytes), let prefix = try? rule.prefix { return prefix }
    switch resource.body {
    case .rule(let rule): return rule.dentry.prefix
    case .split(let split): return split.prefix
    case .route, .authorization: return nil
    }
  }
}

private func position(of text: String.UTF8View, in bytes: [UInt8]) -> Int? {
  let last = bytes.count - text.count
  guard last >= 0 else { return nil }
  return (0...last).first { bytes[$0..<$0 + text.count].elementsEqual(text) }
}
