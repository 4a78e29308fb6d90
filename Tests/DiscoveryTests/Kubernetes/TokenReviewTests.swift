import Foundation
import JSONFormat
import Serving
import TestSupport
import Testing

@testable import Discovery

/// Service-account tokens, as an API server judges them.
@Suite final class TokenReviewTests {
  private let folder = NSTemporaryDirectory() + "heddle-review-" + UUID().uuidString
  private let server: FakeServer
  private var reviewers: [TokenReviewer] = []

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    server = try FakeServer()
    server.serve(Self.judge)
  }

  deinit {
    for reviewer in reviewers { reviewer.stop() }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The API server: asked as the controller's account, with tokens that say what is to be answered.
  private static let judge: @Sendable (HTTPRequest, Responder) -> Void = { request, respond in
    func answer(_ text: String, _ status: Int = 201) { respond.respond(.json(json(text), status: status)) }
    guard request.headers["authorization"] == "Bearer ours" else { return answer(#"{"kind":"Status","code":401}"#, 401) }
    guard request.method == "POST", request.path == "/apis/authentication.k8s.io/v1/tokenreviews",
      let spec = try? JSONParser.parse(request.body)["spec"], let token = spec["token"]?.text
    else { return answer(#"{"kind":"Status","code":404}"#, 404) }
    let audiences = spec["audiences"]?.printed.map { String(UnicodeScalar($0)) }.joined() ?? ""
    func account(_ user: String, _ audiences: String) {
      answer(#"{"status": {"authenticated": true, "user": {"username": "\#(user)"}, "audiences": \#(audiences)}}"#)
    }
    switch token {
    case "good": account("system:serviceaccount:shop:users", audiences)
    case "careless": account("system:serviceaccount:shop:users", "[]")
    case "person": account("jane", audiences)
    case "crooked": account("system:serviceaccount:shop:a:b", audiences)
    case "late": answer(#"{"status": {"error": "[invalid bearer token, service account token has expired]"}}"#)
    case "echo": answer(#"{"status": {"authenticated": false, "error": "bad token echo"}}"#)
    case "forbidden": answer(#"{"kind":"Status","code":403,"message":"forbidden: echo"}"#, 403)
    default: answer(#"{"spec": {"token": "\#(token)"}}"#, 500)
    }
  }

  private func reviewer(_ server: String? = nil, token: String = "ours", more: String = "") throws -> TokenReviewer {
    let file = folder + "/kubeconfig"
    try """
    current-context: c
    contexts: [{name: c, context: {cluster: k, user: u}}]
    clusters: [{name: k, cluster: {server: "\(server ?? self.server.url)"\(more)}}]
    users: [{name: u, user: {token: \(token)}}]
    """.write(toFile: file, atomically: true, encoding: .utf8)
    let reviewer = try TokenReviewer.start(try KubernetesAccess(kubeconfig: file), audience: "heddle", log: silent)
    reviewers.append(reviewer)
    return reviewer
  }

  @Test func aTokenNamesItsAccount() async throws {
    #expect(try await reviewer().review("good") == .success(ServiceAccount(namespace: "shop", name: "users")))
    let asked = try JSONParser.parse(try #require(server.requests.first).body)
    #expect(asked["kind"] == "TokenReview" && asked["apiVersion"] == "authentication.k8s.io/v1")
    #expect(asked["spec"]?["audiences"] == ["heddle"])
  }

  @Test(arguments: [
    ("careless", "not for the audience heddle"), ("person", "no service account's"), ("crooked", "no service account's"),
    ("late", "token has expired"), ("echo", "does not accept the token"), ("with blank", "no service-account token"),
    ("", "no service-account token"), (String(repeating: "x", count: 20_000), "no service-account token"),
  ]) func whatTheServerRefuses(token: String, words: String) async throws {
    let result = try await reviewer().review(token)
    guard case .failure(.refused(let reason)) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(reason.contains(words), "\(reason)")
    #expect(token.isEmpty || !reason.contains(token))
  }

  @Test(arguments: [("forbidden", "system:auth-delegator"), ("secret-word", "answers 500")])
  func whatIsNotTheTokensFault(token: String, words: String) async throws {
    let result = try await reviewer().review(token)
    guard case .failure(.unavailable(let reason)) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(reason.contains(words) && !reason.contains("echo") && !reason.contains(token), "\(reason)")
  }

  @Test func oursIsNotAccepted() async throws {
    #expect(
      try await reviewer(token: "stale").review("good")
        == .failure(.unavailable("the Kubernetes API server does not accept the controller's own credentials (401)")))
  }

  @Test func whenTheServerIsAway() async throws {
    let away = try reviewer("http://127.0.0.1:1")
    guard case .failure(.unavailable(let reason)) = await away.review("good") else {
      Issue.record("a server that is not there was asked")
      return
    }
    #expect(reason.contains("cannot be asked") && reason.contains("127.0.0.1:1"))
  }

  @Test func whatIsUnderWayEndsWithTheReviewer() async throws {
    server.set(.silent)
    let reviewer = try reviewer()
    async let answer = reviewer.review("good")
    while server.requests.isEmpty { await Task.yield() }
    reviewer.stop()
    #expect(await answer == .failure(.unavailable("the controller is stopping")))
    #expect(await reviewer.review("good") == .failure(.unavailable("the controller is stopping")))
  }

  /// As in a cluster: TLS by the authority that the account's folder has.
  @Test func overTLS() async throws {
    let authority = try TestAuthority()
    let relay = try TLSRelay(to: server.address.port, authority.leaf("api", names: ["IP:127.0.0.1"]))
    try Data(authority.certificate).write(to: URL(fileURLWithPath: folder + "/ca.crt"))
    let place = "https://127.0.0.1:\(relay.port)"
    let good = try reviewer(place, more: ", certificate-authority: \(folder)/ca.crt")
    #expect(await good.review("good") == .success(ServiceAccount(namespace: "shop", name: "users")))
    let strict = try reviewer(place)
    guard case .failure(.unavailable) = await strict.review("good") else {
      Issue.record("a server that nobody vouches for was believed")
      return
    }
    #expect(server.requests.count == 1, "the token went to nobody else")
  }
}
