import SystemIO
import TLS
import Testing

@testable import ControlPlane

/// The configuration of identities.
@Suite struct IdentityReadingTests {
  private func read(_ yaml: String) throws -> ControllerConfiguration {
    try ControllerConfiguration(bytes: Array(yaml.utf8), environment: { _ in nil }, options: [])
  }

  @Test func whoIsServedInClear() throws {
    #expect(try read("{}").identity.isPermissive)
    #expect(try read("mesh: {tls: required}").identity.isPermissive == false)
    #expect(try read("mesh: {listen: 10.0.0.1:4321}").identity.isPermissive == false)
    #expect(try read("mesh: {listen: 10.0.0.1:4321}\ninsecure_listen: true").identity.isPermissive)
    #expect(try read("mesh: {listen: 10.0.0.1:4321, tls: required}\ninsecure_listen: true").identity.isPermissive == false)
  }

  @Test func values() throws {
    let standard = try read("{}").identity
    #expect(standard.trustDomain == "heddle.local" && standard.names == ["127.0.0.1"])
    #expect(standard.leafLifetime == .seconds(86_400) && standard.outageGrace == .seconds(259_200))
    let own = try read(
      "identity: {trust_domain: mesh.example, leaf_lifetime: 5m, outage_grace: 0s, rotation_overlap: 1m}\nmesh: {names: [c.test]}"
    ).identity
    #expect(own.trustDomain == "mesh.example" && own.leafLifetime == .seconds(300) && own.outageGrace == .zero)
    #expect(own.rotationOverlap == .seconds(60) && own.names == ["c.test", "127.0.0.1"])
  }

  @Test(arguments: [
    "identity: {trust_domain: Mesh}", "identity: {trust_domain: ''}", "identity: {leaf_lifetime: 4m}",
    "identity: {leaf_lifetime: 721h}", "identity: {ca: {certificate: /nowhere.pem}}", "identity: {ca: {key: /nowhere.pem}}",
    "identity: {ca: {bundle: /nowhere.pem}}", "identity: {ca: {certificate: /nowhere.pem, key: /nowhere.pem}}",
    "mesh: {tls: perhaps}", "mesh: {names: ['a b']}",
  ]) func whatIsRefused(_ yaml: String) {
    #expect(throws: (any Error).self) { try read(yaml) }
  }

  @Test func kubernetes() throws {
    let yaml = "identity: {kubernetes: {enabled: true}}"
    let pod = ["KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"]
    let inside = try ControllerConfiguration(bytes: Array(yaml.utf8), environment: { pod[$0] }, options: [])
    #expect(inside.identity.kubernetes?.audience == "heddle")
    #expect(try read("{}").identity.kubernetes == nil)
    let outside = #expect(throws: (any Error).self) { try read(yaml) }
    #expect("\(try #require(outside))".contains("runs in no cluster"))
    #expect(throws: (any Error).self) { try read("identity: {kubernetes: {enabled: true, kubeconfig: /nowhere}}") }
    #expect(throws: (any Error).self) {
      try ControllerConfiguration(
        bytes: Array("identity: {kubernetes: {enabled: true, audience: ''}}".utf8), environment: { pod[$0] }, options: [])
    }
  }

  @Test func theOperatorsFiles() throws {
    let folder = Folder()
    let own = try OwnAuthority(at: 1_790_000_000)
    try writeAtomically(folder.file("ca.pem"), own.chain)
    try writeAtomically(folder.file("ca.key"), own.key.pem)
    try writeAtomically(folder.file("roots.pem"), own.root.certificate.pem)
    let files = "certificate: \(folder.file("ca.pem")), key: \(folder.file("ca.key"))"
    #expect(try read("identity: {ca: {\(files)}}").identity.own?.roots == [own.intermediate])
    let whole = try read("identity: {ca: {\(files), bundle: \(folder.file("roots.pem"))}}").identity
    #expect(whole.own?.roots == [own.root.certificate])
    try writeAtomically(folder.file("ca.key"), PrivateKey().pem)
    #expect(throws: (any Error).self) { try read("identity: {ca: {\(files)}}") }
  }
}
