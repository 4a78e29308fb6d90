import Serving
import SystemIO

/// Addresses of the host names that sources give instead of addresses, looked up off the loop and kept for a while. Belongs to
/// the discovery thread.
final class HostTable {
  /// How long an address is believed. Why: the system's resolver does not tell the record's own time.
  static let freshness = Duration.seconds(60)
  /// Host names at once. Why: a source may be anybody. At the limit: new ones have no address.
  static let limit = 10_000

  private struct Entry {
    var addresses: [String] = []
    var until: Instant
    var isAsking = false
  }

  private let context: NamerContext
  private let changed: () -> Void
  private var entries: [String: Entry] = [:]
  private var confined: Confined<HostTable>?

  /// - Parameter changed: called when an address has become known or another.
  init(_ context: NamerContext, changed: @escaping () -> Void) {
    self.context = context
    self.changed = changed
  }

  /// The first address of a host, as far as it is known now; an address is its own. Nil: being looked up, or there is none.
  func address(of host: String) -> String? {
    if let literal = SocketAddress(host: host, port: 1) { return Self.bare(literal) }
    guard Self.isHost(host) else { return nil }
    if let entry = entries[host] {
      if context.now >= entry.until, !entry.isAsking { ask(host) }
      return entry.addresses.first
    }
    guard entries.count < Self.limit else { return nil }
    entries[host] = Entry(until: context.now)
    ask(host)
    return nil
  }

  /// A name whose first address is being looked up for the first time: what depends on it is not known yet.
  func isAwaited(_ host: String) -> Bool { entries[host].map { $0.isAsking && $0.addresses.isEmpty } ?? false }

  /// Lets go of itself; nothing is told afterwards.
  func end() {
    confined = nil
    entries = [:]
  }

  private func ask(_ host: String) {
    let confined = confined ?? context.loop.confine(self)
    self.confined = confined
    entries[host]?.isAsking = true
    context.blocking.execute {
      let found = (try? resolve(host: host, port: 1)) ?? []
      confined.execute { $0.found(host, found) }
    }
  }

  private func found(_ host: String, _ addresses: [SocketAddress]) {
    guard let entry = entries[host] else { return }
    let texts = addresses.map(Self.bare)
    // A look-up that failed takes nothing away.
    let kept = texts.isEmpty ? entry.addresses : texts
    entries[host] = Entry(addresses: kept, until: context.now + Self.freshness)
    if kept != entry.addresses || entry.addresses.isEmpty { changed() }
  }

  private static func bare(_ address: SocketAddress) -> String {
    let text = address.description
    return text.lastIndex(of: ":").map { String(text[..<$0]) } ?? text
  }

  private static func isHost(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
  }
}
