import Foundation
import MeshProtocol
import TLS
import Testing

@testable import DataPlane

@Suite("An identity on disk, and what is checked of it") struct IdentityFolderTests {
  private static let users = "spiffe://test.mesh/ns/default/sa/users"
  private let mesh: MeshAuthority
  private let key = PrivateKey()

  init() throws { mesh = try MeshAuthority() }

  private func trust(_ roots: [Certificate]? = nil) -> MeshTrust { MeshTrust(roots: roots ?? [mesh.root], outageGrace: 77) }

  private func issued(_ uri: String = users, key: PrivateKey? = nil, namespace: String = "default", trust: MeshTrust? = nil)
    throws -> IssuedIdentity
  {
    let leaf = try mesh.issue(uri, for: CertificateRequest(key ?? self.key))
    return try IssuedIdentity(chain: [leaf], key: self.key, trust: trust ?? self.trust(), namespace: namespace)
  }

  private func fault(_ body: () throws -> IssuedIdentity) -> String {
    do {
      return "\(try body().id)"
    } catch { return "\(error)" }
  }

  @Test("What was written is read back, and nobody else may read it")
  func roundTrip() throws {
    try withFolder { folder in
      let place = IdentityFolder(path: folder + "/deep/identity")
      #expect(try place.open(namespace: "default", makesKey: false) == nil)
      let made = try #require(try place.open(namespace: "default", makesKey: true))
      #expect(made.issued == nil && made.faults.isEmpty)
      let leaf = try mesh.issue(Self.users, for: CertificateRequest(made.key))
      let issued = try IssuedIdentity(chain: [leaf], key: made.key, trust: trust(), namespace: "default")
      try place.save(issued, trust())
      let read = try #require(try place.open(namespace: "default", makesKey: false))
      #expect(read.issued == issued && read.trust == trust() && read.faults.isEmpty)
      #expect(read.key.publicKeyHash == made.key.publicKeyHash)
      for file in ["key.pem", "leaf.pem", "bundle.pem"] {
        let attributes = try FileManager.default.attributesOfItem(atPath: place.path + "/" + file)
        #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
      #expect(Set(names) == ["key.pem", "leaf.pem", "bundle.pem"])
    }
  }

  @Test("A certificate that cannot be used is passed over and said; a key that cannot be used stops the start")
  func damaged() throws {
    try withFolder { folder in
      let place = IdentityFolder(path: folder)
      let key = try #require(try place.open(namespace: "default", makesKey: true)).key
      let leaf = try mesh.issue(Self.users, for: CertificateRequest(key))
      try place.save(try IssuedIdentity(chain: [leaf], key: key, trust: trust(), namespace: "default"), trust())
      let other = try #require(try place.open(namespace: "elsewhere", makesKey: false))
      #expect(other.issued == nil && other.faults.first?.contains("namespace elsewhere") == true)
      try Data("garbage".utf8).write(to: URL(fileURLWithPath: folder + "/leaf.pem"))
      let cut = try #require(try place.open(namespace: "default", makesKey: false))
      #expect(cut.issued == nil && cut.faults.count == 1)
      try Data("garbage".utf8).write(to: URL(fileURLWithPath: folder + "/key.pem"))
      #expect(throws: IdentityFolderError.self) { try place.open(namespace: "default", makesKey: true) }
      #expect(try String(contentsOfFile: folder + "/key.pem", encoding: .utf8) == "garbage")
    }
  }

  @Test("Only a certificate on our key, of our namespace, for a workload, that leads to a root counts")
  func checks() throws {
    #expect(fault { try issued() } == Self.users)
    #expect(fault { try issued(key: PrivateKey()) }.contains("another key"))
    #expect(fault { try issued(namespace: "other") }.contains("belongs to namespace other"))
    #expect(fault { try issued("spiffe://test.mesh/heddle/controller") }.contains("no workload"))
    #expect(fault { try issued("https://x") }.contains("no workload"))
    let stranger = try MeshAuthority("stranger")
    #expect(fault { try issued(trust: trust([stranger.root])) }.contains("no root"))
    #expect(fault { try issued(trust: trust([stranger.root, mesh.root])) } == Self.users)
    let leaf = try mesh.issue(Self.users, for: CertificateRequest(key))
    func chain(_ certificates: [Certificate]) -> String {
      fault { try IssuedIdentity(chain: certificates, key: key, trust: trust(), namespace: "default") }
    }
    #expect(chain([]).contains("0 certificates"))
    #expect(chain([leaf, stranger.root]).contains("not signed by"))
    #expect(chain([leaf, mesh.root]) == Self.users)
    #expect(chain([leaf] + [Certificate](repeating: mesh.root, count: 8)).contains("9 certificates"))
  }

  @Test("A bundle without roots, with bytes that are none, or with too many is refused")
  func bundles() throws {
    var bundle = Heddle_Mesh_V1_TrustBundle()
    #expect(throws: IdentityFault.self) { try MeshTrust(bundle) }
    bundle.roots = [.init(mesh.root.der)]
    bundle.outageGraceS = 5
    #expect(try MeshTrust(bundle) == MeshTrust(roots: [mesh.root], outageGrace: 5))
    bundle.roots.append(.init([1, 2, 3]))
    #expect(throws: IdentityFault.self) { try MeshTrust(bundle) }
    bundle.roots = .init(repeating: .init(mesh.root.der), count: 33)
    #expect(throws: IdentityFault.self) { try MeshTrust(bundle) }
  }
}
