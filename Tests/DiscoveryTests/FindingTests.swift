import Testing

@testable import Discovery

@Suite struct FindingTests {
  @Test func endpointsAreFullByDefault() {
    let endpoint = FoundEndpoint(address: "127.0.0.1:80")
    #expect(endpoint.weight == 1)
    #expect(endpoint.zone.isEmpty && endpoint.metadata.isEmpty)
  }
}
