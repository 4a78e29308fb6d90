import Memory

extension ProxyCore {
  /// How this caller's request goes to this endpoint: over HTTP/2 to a proxy of the mesh, where the service says so, and where it says
  /// nothing for gRPC, which has no other way; a call by the protocol that its service declares, or that it came by.
  mutating func way(_ c: ClusterIndex, _ e: EndpointIndex, for h: Handle) -> Way {
    // No HTTP of ours: it needs a connection of its own.
    if downstreams[h].exchange.method == .connect { return .connection }
    let declared = clusters[c].serviceProtocol
    if let call = downstreams[h].stream.call {
      let spoken = declared == .automatic ? call : declared.calls
      return spoken.map { .stream(.calls($0)) } ?? .mismatch
    }
    if declared.calls != nil { return .mismatch }
    // A connection can only switch protocols as a whole.
    if isInMesh(c, e) { return downstreams[h].exchange.offer.isEmpty ? .stream(.http2) : .connection }
    return switch declared {
    case .http2: .stream(.http2)
    case .automatic: downstreams[h].exchange.isGRPC && downstreams[h].link.isStream ? .stream(.http2) : .connection
    case .http1, .tcp: .connection
    case .thrift, .mux, .thriftmux: .mismatch
    }
  }

  /// What carries a request to an endpoint.
  enum Way {
    /// A connection of its own, HTTP/1.1 or a tunnel.
    case connection
    case stream(SessionMachine.Kind)
    /// The service does not speak what the request came by.
    case mismatch
  }
}
