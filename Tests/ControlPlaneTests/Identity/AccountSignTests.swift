import Discovery
import MeshProtocol
import Testing

@testable import ControlPlane

/// Kubernetes' service accounts as identities.
@Suite struct AccountSignTests {
  private func plane(_ review: AccountReviews.Review? = Self.judge) throws -> Plane {
    try Plane(accounts: review.map { AccountReviews(audience: "heddle", review: $0) })
  }

  private static let judge: AccountReviews.Review = { token in
    switch token {
    case "users": .success(ServiceAccount(namespace: "shop", name: "users"))
    case "odd": .success(ServiceAccount(namespace: "..", name: "users"))
    case "away": .failure(.unavailable("the API server is away"))
    default: .failure(.refused("it has expired"))
    }
  }

  private func refusal(_ plane: Plane, _ token: String) async -> SignRefusal? {
    if case .failure(let refusal) = await plane.sign(SignKit.request(account: token)) { refusal } else { nil }
  }

  @Test func theAccountIsTheIdentity() async throws {
    let plane = try plane()
    let leaf = try await plane.sign(SignKit.request(account: "users")).get().certificates()[0]
    #expect(leaf.facts.uris == ["spiffe://heddle.local/ns/shop/sa/users"])
    #expect(plane.identity.counters.issuedCount(.join) == 1)
    // From then on its certificate speaks for it.
    let renewed = try await plane.sign(SignKit.request(), from: SignKit.peer(leaf)).get().certificates()[0]
    #expect(renewed.facts.uris == leaf.facts.uris)
  }

  @Test func whatIsRefused() async throws {
    let plane = try plane()
    #expect(await refusal(plane, "late") == .kubernetesToken("it has expired"))
    #expect(await refusal(plane, "odd")?.label == .kubernetesToken)
    #expect(plane.identity.counters.refusedCount(.kubernetesToken) == 2)
    let off = try self.plane(nil)
    #expect(await refusal(off, "users") == .kubernetes)
    #expect(await off.call("GET", "/v1/identity").json["kubernetes"] == nil)
  }

  @Test func anAPIServerThatIsAwayIsSaidUntilItIsBack() async throws {
    let plane = try plane()
    #expect(await plane.call("GET", "/v1/identity").json["kubernetes"] == ["audience": "heddle"])
    let refusal = await refusal(plane, "away")
    #expect(refusal?.status.code == .unavailable && refusal?.label == .kubernetesAway)
    #expect(
      await plane.call("GET", "/v1/identity").json["kubernetes"]
        == ["audience": "heddle", "failure": "the API server is away"])
    #expect(await plane.call("GET", "/readyz?verbose").text.contains("the API server is away"))
    // Whoever waits asks again within a minute: what is long past is no news.
    plane.clock.advance(.seconds(600))
    #expect(plane.identity.alarm == nil)
    _ = await self.refusal(plane, "away")
    #expect(plane.identity.alarm == "the API server is away")
    #expect(await self.refusal(plane, "late") != nil)
    #expect(await plane.call("GET", "/v1/identity").json["kubernetes"] == ["audience": "heddle"])
    #expect(plane.identity.alarm == nil)
  }
}
