/// What lets a proxy join: `hj1.<id>.<secret>.<hash>`.
///
/// The secret says to the controller who the proxy is. The hash says to the proxy, which knows nothing yet, who the controller
/// is: SHA-256 of the SubjectPublicKeyInfo of the root that signs the mesh's certificates (as kubeadm's discovery hash).
public struct JoinToken: Hashable, Sendable {
  /// Why a text is no token.
  public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not four parts of which the first is `hj1`.
    case notAToken
    /// The id is not 1 to 64 letters, digits, `-` and `_`.
    case id
    /// The secret is not 32 bytes in base64url without padding.
    case secret
    /// Neither is the hash.
    case rootHash

    public var description: String {
      switch self {
      case .notAToken: "it is no join token: expected hj1.ID.SECRET.HASH"
      case .id: "the id of the join token is damaged"
      case .secret: "the secret of the join token is damaged: is it cut off?"
      case .rootHash: "the root's hash in the join token is damaged: is it cut off?"
      }
    }
  }

  /// Names the token among others; no secret.
  public let id: String
  /// 32 random bytes.
  public let secret: [UInt8]
  /// 32 bytes.
  public let rootHash: [UInt8]

  /// - Precondition: an id of 1 to 64 letters, digits, `-` and `_`; 32 bytes each of the others.
  public init(id: String, secret: [UInt8], rootHash: [UInt8]) {
    precondition(Self.isID(id) && secret.count == 32 && rootHash.count == 32, "not the parts of a join token")
    (self.id, self.secret, self.rootHash) = (id, secret, rootHash)
  }

  /// Reads a text; white space around it is passed over, as files have it.
  public init(parsing text: String) throws(Fault) {
    let trimmed = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
    let parts = String(trimmed).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[0] == "hj1" else { throw .notAToken }
    guard Self.isID(parts[1]) else { throw .id }
    guard let secret = Base64URL.decoded(parts[2]), secret.count == 32 else { throw .secret }
    guard let hash = Base64URL.decoded(parts[3]), hash.count == 32 else { throw .rootHash }
    (id, self.secret, rootHash) = (parts[1], secret, hash)
  }

  /// The whole text: a secret.
  public var text: String { "hj1.\(id).\(Base64URL.encoded(secret)).\(Base64URL.encoded(rootHash))" }

  private static func isID(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
