import Testing

@testable import ControlPlane

struct LeaseTests {
  private func register(_ plane: Plane, _ host: Int, ttl: String = "10s") async -> Answer {
    await plane.at("PUT", "/services/users/endpoints/10.0.0.\(host):80", ["ttl": .string(ttl)])
  }

  private func addresses(_ plane: Plane) -> [String] {
    plane.controller.endpoints("default", "users").endpoints.keys.sorted()
  }

  private func pass(_ plane: Plane, _ time: Duration) async {
    plane.clock.advance(time)
    await plane.controller.tick()
  }

  @Test func leaseEndsUnlessRenewed() async throws {
    let plane = try Plane()
    _ = await register(plane, 1)
    _ = await register(plane, 2)
    for _ in 0..<3 {
      await pass(plane, .seconds(5))
      let renewed = await register(plane, 1)
      #expect(renewed.status == 200)
      #expect(renewed.json["expires_in"] == "10s")
    }
    #expect(addresses(plane) == ["10.0.0.1:80"])
    let writes = plane.listener.endpoints.withLock { $0.count }
    #expect(writes == 3, "a renewal publishes nothing")
  }

  @Test func endOfALeaseIsStored() async throws {
    let plane = try Plane()
    _ = await register(plane, 1)
    await pass(plane, .seconds(11))
    #expect(addresses(plane).isEmpty)
    #expect(try await plane.reopened().controller.endpoints("default", "users").endpoints.isEmpty)
  }

  @Test func restartGivesGraceAndThenLeasesEnd() async throws {
    let plane = try Plane()
    _ = await register(plane, 1, ttl: "2s")
    let again = try await plane.reopened()
    await pass(again, .seconds(29))
    #expect(addresses(again) == ["10.0.0.1:80"])
    await pass(again, .seconds(2))
    #expect(addresses(again).isEmpty)
  }

  @Test func silenceOfMostIsAnOutageOfOursNotTheirs() async throws {
    let plane = try Plane()
    for host in 1...4 { _ = await register(plane, host) }
    await pass(plane, .seconds(11))
    #expect(addresses(plane).count == 4)
    let shown = await plane.at("GET", "/services/users")
    #expect(shown.list("endpoints").compactMap { $0["state"]?.text } == Array(repeating: "suspect", count: 4))
    let ready = await plane.call("GET", "/readyz?verbose")
    #expect(ready.status == 200)
    #expect(ready.text.contains("default/users"))
    #expect(await plane.call("GET", "/metrics").text.contains("heddle_store_suspect_leases 4"))
    _ = await register(plane, 1)
    #expect(await plane.at("GET", "/services/users").list("endpoints")[0]["state"] == "leased")
    for _ in 0..<12 {
      await pass(plane, .seconds(9))
      _ = await register(plane, 1)
    }
    #expect(addresses(plane) == ["10.0.0.1:80"], "after ten ttls the suspects go")
  }

  @Test func thoseThatLapsedJustBeforeTheRestAreBroughtBack() async throws {
    let plane = try Plane()
    // Renewed at different times; then nobody is heard any more.
    for host in 1...6 {
      _ = await register(plane, host)
      await pass(plane, .seconds(1))
    }
    for _ in 0..<20 { await pass(plane, .seconds(1)) }
    #expect(addresses(plane).count == 6)
  }

  @Test func fewOfManyJustEnd() async throws {
    let plane = try Plane()
    for host in 1...10 { _ = await register(plane, host) }
    for _ in 0..<6 {
      await pass(plane, .seconds(4))
      for host in 4...10 { _ = await register(plane, host) }
    }
    #expect(addresses(plane).count == 7)
  }

  @Test func deletingIsNoSilence() async throws {
    let plane = try Plane()
    for host in 1...4 { _ = await register(plane, host) }
    for host in 1...3 { _ = await plane.at("DELETE", "/services/users/endpoints/10.0.0.\(host):80") }
    await pass(plane, .seconds(11))
    #expect(addresses(plane).isEmpty)
  }

  @Test func clockOnTheWallDoesNotMatter() async throws {
    // The table sees monotonic time alone; this pins that ttl comes from the service when the endpoint names none.
    let plane = try Plane()
    _ = await plane.at("PUT", "/services/users", ["ttl": "5s"])
    let made = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:80", [:])
    #expect(made.json["ttl"] == "5s")
    await pass(plane, .seconds(6))
    #expect(addresses(plane).isEmpty)
  }

  @Test func endThatCannotBeStoredIsTriedAgain() async throws {
    let plane = try Plane()
    _ = await register(plane, 1)
    let hold = try DatabaseHold(plane.store.path)
    await pass(plane, .seconds(11))
    #expect(addresses(plane) == ["10.0.0.1:80"])
    try hold.release()
    await pass(plane, .seconds(1))
    #expect(addresses(plane).isEmpty)
  }

  @Test func becomingStaticEndsTheLease() async throws {
    let plane = try Plane()
    _ = await register(plane, 1)
    _ = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:80", [:])
    await pass(plane, .seconds(60))
    #expect(addresses(plane) == ["10.0.0.1:80"])
  }
}
