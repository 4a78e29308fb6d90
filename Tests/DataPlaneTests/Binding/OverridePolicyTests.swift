import MeshProtocol
import Testing

@testable import DataPlane

/// Which rules a request may bring along.
@Suite struct OverridePolicyTests {
  private let key = OverrideKey(Array("0123456789abcdef".utf8))!
  private let rule = "/svc/web => /b"

  private func mesh(
    _ binding: BindingPolicy = BindingPolicy(), trust: ListenerTrust = .always
  ) throws -> (proxy: ProxyHarness, one: ScriptedServer, two: ScriptedServer) {
    let (one, two) = (try ScriptedServer.saying("one"), try ScriptedServer.saying("two"))
    let dtab = "/b => /$/inet/127.0.0.1/\(two.port) ; /svc/web => /$/inet/127.0.0.1/\(one.port)"
    var policy = ListenerPolicy()
    policy.trust = trust
    return (try ProxyHarness(dtab: dtab, policy: policy, binding: binding), one, two)
  }

  private func policy(_ change: (inout BindingPolicy) -> Void) -> BindingPolicy {
    var policy = BindingPolicy()
    change(&policy)
    return policy
  }

  @Test func deniedToAll() throws {
    let mesh = try mesh(policy { $0.overrides.mode = .deny })
    for header in ["l5d-dtab", "l5d-ctx-dtab"] {
      let answer = try mesh.proxy.get("web", fields: "\(header): \(rule)\r\n")
      #expect(answer.status == 403 && answer.field("heddle-error") == "override-denied", "\(header)")
    }
    #expect(try mesh.proxy.get("web").body == "one")
    #expect(mesh.two.requests.isEmpty)
  }

  @Test func onlyForSomePrefixes() throws {
    let mesh = try mesh(policy { $0.overrides.prefixes = [try! Prefix(parsing: "/svc/staging")] })
    let refused = try mesh.proxy.get("web", fields: "l5d-dtab: /svc/staging/a => /x ; \(rule)\r\n")
    #expect(refused.status == 403)
    #expect(refused.body.contains("/svc/web=>/b"), "\(refused.body)")
    #expect(try mesh.proxy.get("web", fields: "l5d-dtab: /svc/staging/a => /x\r\n").body == "one")
    // A wider prefix takes in what is not allowed.
    #expect(try mesh.proxy.get("web", fields: "l5d-dtab: /svc/* => /x\r\n").status == 403)
    #expect(try mesh.proxy.get("web", fields: "l5d-dtab: /svc => /x\r\n").status == 403)
  }

  @Test func systemNamesOnlyWhereTheOperatorSaysSo() throws {
    let direct = "l5d-dtab: /svc/web => /$/inet/127.0.0.1/"
    let closed = try mesh()
    #expect(try closed.proxy.get("web", fields: "\(direct)\(closed.two.port)\r\n").status == 403)
    let open = try mesh(policy { $0.overrides.systemNames = [try! Prefix(parsing: "/$/inet/127.0.0.1")] })
    #expect(try open.proxy.get("web", fields: "\(direct)\(open.two.port)\r\n").body == "two")
    #expect(try open.proxy.get("web", fields: "l5d-dtab: /svc/web => /$/inet/10.0.0.1/80\r\n").status == 403)
  }

  @Test func signedOnesPassAndAreSignedAgain() throws {
    let key = self.key
    let mesh = try mesh(
      policy {
        $0.overrides.mode = .signed(key)
        $0.overrides.systemNames = [try! Prefix(parsing: "/$/inet")]
      })
    let signature = key.signature(of: [rule])
    let good = "l5d-dtab: \(rule)\r\nl5d-dtab-signature: \(signature)\r\n"
    #expect(try mesh.proxy.get("web", fields: good).body == "two")
    let sent = try #require(mesh.two.requests.first)
    let context = try #require(RawAnswer.field("l5d-ctx-dtab", in: sent))
    let again = try #require(RawAnswer.field("l5d-ctx-dtab-signature", in: sent))
    #expect(RawAnswer.field("l5d-dtab-signature", in: sent) == nil)
    // The next hop takes what this one sent on.
    #expect(try mesh.proxy.get("web", fields: "l5d-ctx-dtab: \(context)\r\nl5d-ctx-dtab-signature: \(again)\r\n").body == "two")
    for bad in [
      "l5d-dtab: \(rule)\r\n", "l5d-dtab: \(rule)\r\nl5d-dtab-signature: \(signature.dropLast())0\r\n",
      "l5d-dtab: \(rule) ; /a => /b\r\nl5d-dtab-signature: \(signature)\r\n",
      "l5d-dtab: \(rule)\r\nl5d-dtab-signature: \r\n", "l5d-ctx-dtab: \(rule)\r\nl5d-dtab-signature: \(signature)\r\n",
    ] {
      #expect(try mesh.proxy.get("web", fields: bad).status == 403, "\(bad)")
    }
    #expect(mesh.two.requests.count == 2)
  }

  @Test func anUntrustedCallerSteersAndLearnsNothing() throws {  // item 79
    let mesh = try mesh(trust: .never)
    let fields = "l5d-dtab: \(rule)\r\nl5d-ctx-deadline: 1 2\r\nheddle-explain: only\r\nl5d-sample: 1\r\nx-own: 1\r\n"
    let answer = try mesh.proxy.get("web", fields: fields)
    #expect(answer.body == "one" && !answer.head.lowercased().contains("l5d-"))
    let sent = try #require(mesh.one.requests.first).lowercased()
    #expect(sent.contains("x-own: 1") && !sent.contains("l5d-sample") && !sent.contains("l5d-ctx"))
    let fault = try mesh.proxy.get("nobody")
    #expect(fault.status == 502 && fault.body.isEmpty)
    #expect(!fault.head.lowercased().contains("l5d-") && !fault.head.lowercased().contains("heddle-"))
  }

  @Test func whoACallerComesForIsBelievedOfTheTrustedOnly() throws {  // item 79
    let names = [
      "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-host", "X-Forwarded-Port", "x-forwarded-client-cert",
      "X-Forwarded-Anything-There-Will-Be", "X-Real-IP",
    ]
    let fields = names.map { "\($0): 10.0.0.1\r\n" }.joined() + "x-forward: 1\r\nvia: 1.1 other\r\n"
    for isTrusted in [true, false] {
      let mesh = try mesh(trust: isTrusted ? .always : .never)
      #expect(try mesh.proxy.get("web", fields: fields).body == "one")
      let sent = try #require(mesh.one.requests.first)
      for name in names { #expect((RawAnswer.field(name.lowercased(), in: sent) != nil) == isTrusted, "\(name)") }
      #expect(RawAnswer.field("x-forward", in: sent) == "1" && sent.contains("via: 1.1 other"))
    }
  }

  @Test(arguments: [
    ("/svc", "/svc/a", true), ("/svc/a", "/svc", false), ("/svc/*", "/svc/a", true), ("/svc/a", "/svc/*", false),
    ("/", "/x", true), ("/svc/a", "/svc/a", true), ("/svc/a", "/svc/b/c", false),
  ])
  func wider(_ wide: String, _ narrow: String, covers: Bool) throws {
    #expect(try Prefix(parsing: wide).covers(Prefix(parsing: narrow)) == covers)
  }

  @Test func shortKeysAreNone() {
    #expect(OverrideKey(Array("0123456789abcde".utf8)) == nil)
  }
}
