import Testing

@testable import Console

@Suite struct RESTClientTests {
  @Test(arguments: [
    ("http://127.0.0.1:4180", "127.0.0.1", 4180), ("127.0.0.1:4180", "127.0.0.1", 4180),
    ("http://[::1]:80/", "::1", 80),
    ("controller.mesh:4180", "controller.mesh", 4180),
  ])
  func addresses(_ text: String, _ host: String, _ port: Int) throws {
    let parts = try RESTClient.parts(of: text)
    #expect(parts.host == host && Int(parts.port) == port)
  }

  @Test(arguments: ["", "localhost", ":80", "http://", "https://a:1", "a:99999", "http://a/b:80", "a:"])
  func whatIsNoAddressIsAUsageError(_ text: String) {
    do {
      _ = try RESTClient.parts(of: text)
      Issue.record("\(text) was taken")
    } catch {
      #expect(error.status == .usage)
    }
  }
}
