import HTTP
import MeshProtocol

/// Limits of what a proxy may say about itself: all of it is kept in memory and on disk, and shown to people.
enum HelloCheck {
  static let nameBytes = 253
  static let textBytes = 1024
  static let labels = 64
  static let capabilities = 64
  static let applications = 64

  /// Why this Hello is refused; nil when it is fine.
  static func fault(in hello: Heddle_Mesh_V1_Hello) -> GRPCStatus? {
    guard isName(hello.instanceID) else { return refusal("instance_id does not match [A-Za-z0-9._-]{1,\(nameBytes)}") }
    guard isName(hello.namespace) else { return refusal("namespace does not match [A-Za-z0-9._-]{1,\(nameBytes)}") }
    guard !hello.node.isEmpty, hello.node.utf8.count <= nameBytes else {
      return refusal("node is not 1 to \(nameBytes) bytes long")
    }
    guard [hello.version, hello.zone, hello.address].allSatisfy({ $0.utf8.count <= textBytes }) else {
      return refusal("version, zone or address is over \(textBytes) bytes long")
    }
    guard hello.labels.count <= labels,
      hello.labels.allSatisfy({ $0.key.utf8.count + $0.value.utf8.count <= textBytes })
    else {
      return refusal("more than \(labels) labels, or one over \(textBytes) bytes long")
    }
    guard hello.capabilities.count <= capabilities, hello.capabilities.allSatisfy({ $0.utf8.count <= nameBytes }) else {
      return refusal("more than \(capabilities) capabilities, or one over \(nameBytes) bytes long")
    }
    guard !hello.hasLast || ConfigurationVersion(hello.last) != nil else {
      return refusal("last has no epoch and hash of 16 bytes")
    }
    let inbounds = hello.inbounds
    guard inbounds.count <= applications, inbounds.reduce(0, { $0 + $1.applications.count }) <= applications,
      inbounds.allSatisfy(isInbound)
    else {
      return refusal("inbound has no port, more than \(applications) applications, or one that is no port")
    }
    return nil
  }

  private static func isInbound(_ inbound: Heddle_Mesh_V1_Inbound) -> Bool {
    (inbound.applications + [inbound.port]).allSatisfy { (1...65_535).contains($0) }
  }

  /// `[A-Za-z0-9._-]{1,253}`.
  static func isName(_ text: String) -> Bool {
    (1...nameBytes).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  private static func refusal(_ message: String) -> GRPCStatus { GRPCStatus(.invalidArgument, "hello: \(message)") }
}
