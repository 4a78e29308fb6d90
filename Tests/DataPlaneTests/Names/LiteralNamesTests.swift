import MeshProtocol
import Testing

@testable import DataPlane

@Suite struct LiteralNamesTests {
  @Test(arguments: [
    ("/$/inet/80", "127.0.0.1:80"), ("/$/inet/10.0.0.1/80", "10.0.0.1:80"), ("/$/fixedinet/80", "127.0.0.1:80"),
    ("/$/fixedinet/::1/80", "[::1]:80"), ("/$/io.buoyant.rinet/80/10.0.0.1", "10.0.0.1:80"),
  ])
  func anAddressIsBoundAsItStands(_ name: String, _ address: String) throws {
    let set = try #require(EndpointSet(literal: try Path(parsing: name)))
    #expect(set.state == .bound && set.id == name)
    #expect(set.endpoints.map(\.text) == [address])
  }

  @Test(arguments: [
    "/$/inet/web.test/80", "/$/inet/10.0.0.1/http", "/$/inet/70000", "/$/inet", "/$/io.buoyant.rinet/80", "/#/inet/10.0.0.1/80",
    "/$/other/10.0.0.1/80", "/$",
  ])
  func othersAreNot(_ name: String) throws {
    #expect(EndpointSet(literal: try Path(parsing: name)) == nil)
  }
}
