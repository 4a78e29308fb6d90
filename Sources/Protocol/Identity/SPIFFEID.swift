/// Who a workload of the mesh is: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME`, the form that Istio uses too; and the controller,
/// `spiffe://TRUST_DOMAIN/heddle/controller` (SPIFFE-ID specification, §2).
public struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
  public let trustDomain: String
  public let namespace: String
  public let name: String

  /// - Returns: nil unless the trust domain is one and the two others are segments.
  public init?(trustDomain: String, namespace: String, name: String) {
    guard Self.isTrustDomain(trustDomain), Self.isSegment(namespace), Self.isSegment(name) else { return nil }
    (self.trustDomain, self.namespace, self.name) = (trustDomain, namespace, name)
  }

  /// Reads exactly the text that `description` writes.
  public init?(_ text: String) {
    guard text.hasPrefix(Self.scheme) else { return nil }
    let parts = text.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[1] == "ns", parts[3] == "sa" else { return nil }
    self.init(trustDomain: String(parts[0]), namespace: String(parts[2]), name: String(parts[4]))
  }

  public var description: String { "\(Self.scheme)\(trustDomain)/ns/\(namespace)/sa/\(name)" }

  /// The controller's own id in a trust domain.
  public static func controller(of trustDomain: String) -> String { scheme + trustDomain + controllerPath }

  /// What follows the trust domain in the controller's id.
  public static let controllerPath = "/heddle/controller"

  private static let scheme = "spiffe://"

  /// 1 to 255 lower-case letters, digits, `.`, `-` and `_` (SPIFFE-ID §2.1).
  public static func isTrustDomain(_ text: String) -> Bool {
    (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { isLowerOrDigit($0) || ".-_".utf8.contains($0) }
  }

  /// 1 to 253 letters, digits, `.`, `-` and `_`; neither `.` nor `..` (SPIFFE-ID §2.2).
  public static func isSegment(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count) && text != "." && text != ".."
      && text.utf8.allSatisfy { byte in
        isLowerOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || ".-_".utf8.contains(byte)
      }
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
