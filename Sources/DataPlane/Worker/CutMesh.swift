import Memory

extension ProxyCore {
  /// Ends the connections whose peers were believed by their certificates, since one who vouched for some of them is not trusted any
  /// more; what runs on them fails, or goes elsewhere where that is safe.
  mutating func cutMesh() {
    // First all, then each: what is begun in place of one that ends is not meant.
    var (ended, cut, left, closed): ([Handle], [Handle], [Handle], [Handle]) = ([], [], [], [])
    for index in 0..<sessions.slotCount {
      if let s = sessions.handle(at: index), sessions[s].socket.showsIdentity { ended.append(s) }
    }
    for index in 0..<tunnels.slotCount {
      guard let t = tunnels.handle(at: index) else { continue }
      if tunnels[t].caller.link.showsIdentity || tunnels[t].service.link.showsIdentity { cut.append(t) }
    }
    for index in 0..<downstreams.slotCount {
      if let h = downstreams.handle(at: index), downstreams[h].link.showsIdentity { left.append(h) }
    }
    for index in 0..<upstreams.slotCount {
      if let u = upstreams.handle(at: index), upstreams[u].link.showsIdentity { closed.append(u) }
    }
    for s in ended where sessions.contains(s) { closeSession(s) }
    for t in cut where tunnels.contains(t) { closeTunnel(t, reset: true) }
    for h in left where downstreams.contains(h) { closeDownstream(h, reset: true) }
    for u in closed where upstreams.contains(u) { cutUpstream(u) }
  }

  private mutating func cutUpstream(_ u: Handle) {
    switch upstreams[u].phase {
    case .idle: closeUpstream(u)
    case .connecting(let h): connectFailed(u, for: h)
    case .busy(let h):
      fail(h, .upstreamReset, text: "a root of the mesh was withdrawn")
      if downstreams.contains(h) { advance(h) }
    }
  }
}
