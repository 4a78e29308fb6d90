import HTTP2
import SystemIO
import TestSupport

@testable import DataPlane

extension ProxyHarness {
  /// A proxy whose `web` is this service.
  convenience init(
    _ service: ScriptedServer, limits: ProxyLimits = .patient, policy: ListenerPolicy = ListenerPolicy(),
    kernelBytes: Int32? = nil
  ) throws {
    try self.init(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(service.port)", limits: limits, policy: policy, kernelBytes: kernelBytes)
  }

  /// A caller that speaks HTTP/2.
  func caller(_ settings: HTTP2Settings = HTTP2Settings()) throws -> HTTP2Client {
    try HTTP2Client(to: .loopback(port: port), settings: settings)
  }

  /// Waits until no request and no connection to a service is in use, and `callers` connections are open.
  func waitUntilQuiet(callers: Int) throws {
    try DataPlaneTests.wait {
      let open = try gauges()
      return open.requestsInFlight == 0 && open.requestsPending == 0 && open.upstreamActive == 0
        && open.downstreamConnections == callers
    }
  }
}

extension HTTP2Client {
  /// A GET to `web` that is complete, by default.
  func ask(
    _ path: String = "/", _ method: String = "GET", headers: [(String, String)] = [], body: [UInt8]? = nil,
    staysOpen: Bool = false
  ) -> Int32 {
    request(method, path, authority: "web", headers: headers, body: body, staysOpen: staysOpen)
  }

  /// Goes on until these are over.
  func finish(_ streams: Int32...) { run { streams.allSatisfy(isOver) } }
}
