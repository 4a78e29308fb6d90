import SystemIO

/// A place as people write it: a host by address or name, and a port.
struct Target: Hashable, Sendable {
  enum Host: Hashable, Sendable {
    /// `10.0.0.1`, `::1`.
    case address(String)
    case name(HostName)
  }

  let host: Host
  let port: UInt16
  let weight: Double

  /// Nil when `host` is neither an address nor a name.
  init?(host text: String, port: UInt16, weight: Double = 1) {
    let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    if SocketAddress(host: bare, port: port) != nil {
      host = .address(bare)
    } else if let name = HostName(text) {
      host = .name(name)
    } else {
      return nil
    }
    self.port = port
    self.weight = weight
  }

  init(_ name: HostName, port: UInt16, weight: Double) {
    host = .name(name)
    self.port = port
    self.weight = weight
  }
}

extension Target {
  /// For ordering.
  var hostText: String {
    switch host {
    case .address(let text): text
    case .name(let name): name.description
    }
  }
}
