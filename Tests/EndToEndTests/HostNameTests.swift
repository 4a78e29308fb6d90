import Foundation
import Testing

/// Rules that lead to a host by its name: the controller looks it up for its proxies.
@Suite(.serialized) struct HostNameTests {
  @Test func aRuleLeadsToAHost() throws {
    let mesh = try Mesh()
    let proxy = try mesh.startProxy("edge")
    let service = try mesh.startService("direct")
    let port = try #require(service.address.split(separator: ":").last)
    try mesh.route("/svc/web", "/$/inet/localhost/\(port)")
    try mesh.route("/svc/nowhere", "/$/inet/nobody.invalid/\(port)")
    let answer = try curl("-H", "Host: web", "http://\(proxy.address)/")
    #expect(answer.status == 200 && answer.body.contains("direct"), "\(answer)")
    // A host that cannot be looked up, or is not there, takes no requests.
    let refused = try curl("-H", "Host: nowhere", "http://\(proxy.address)/")
    #expect((500..<600).contains(refused.status) && refused.head.lowercased().contains("heddle-error"), "\(refused)")
    let endpoints = try curl("http://\(proxy.admin)/endpoints").body
    #expect(endpoints.contains("/$/inet/localhost/\(port)") && endpoints.contains(service.address), "\(endpoints)")
  }
}
