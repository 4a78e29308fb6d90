import Memory
import MeshProtocol
import SystemIO

/// One Sync stream. Belongs to the hub and its thread.
final class ProxySession {
  let stream: Handle
  let peer: StreamPeer
  let openedAt: Instant
  var lastHeard: Instant
  var lastBeat: Instant
  /// Nil until Hello came.
  var proxy: Proxy?
  /// Whether it waits in the hub's list of streams to look at.
  var isListed = false
  /// Since when nothing could be put on the stream, and the least that was queued since.
  var stall: Stall?

  struct Stall {
    var since: Instant
    var leastQueued: Int
  }

  init(stream: Handle, peer: StreamPeer, now: Instant) {
    self.stream = stream
    self.peer = peer
    openedAt = now
    lastHeard = now
    lastBeat = now
  }
}

/// What the hub knows of a proxy that said Hello.
struct Proxy {
  let id: String
  let node: String
  let namespace: String
  let connectedAt: Instant
  /// What it runs, as it acknowledged it.
  var held: ConfigurationVersion?
  var configuration: Configuration
  /// Its last refusal, which survives reconnection (the ledger keeps it).
  var refusal: KnownProxyEntry.Refusal?
  /// What it holds is of this store's history, and the store does not know it: the proxy keeps it until there is a new epoch.
  var holdsLostHistory = false
  /// It takes identities and what belongs to them: the bundle, and the claims of endpoints.
  var isIdentified = false
  /// The bundles that it was sent last, and says that it holds.
  var trustTold: UInt64 = 0
  var trustHeld: UInt64 = 0
  /// Resyncs asked for, and for which revision.
  var resyncs = (revision: UInt64(0), count: 0)
  var names: [String: WatchedName] = [:]
  /// Names with something to tell, in order.
  var staleNames: [String] = []

  /// Where the configuration of this proxy stands.
  enum Configuration {
    /// It holds something or nothing; look what it needs. `greet`: it said Hello and has had no answer yet.
    case idle(greet: Bool)
    /// It needs a whole snapshot, and waits for its turn.
    case queued
    /// Parts of a snapshot are on their way.
    case sending(EncodedSnapshot, next: Int)
    /// Everything of this revision was sent; its answer is awaited.
    case awaiting(ConfigurationVersion, since: Instant)
  }

  struct WatchedName {
    var told: ToldEndpoints?
    var isStale: Bool
  }

  static let identityCapability = "identity"

  /// The watch of a name that it shares with others.
  func key(_ name: String) -> EndpointWatches.Key {
    EndpointWatches.Key(namespace: namespace, name: name, isIdentified: isIdentified)
  }

  mutating func markStale(_ name: String) {
    guard names[name]?.isStale == false else { return }
    names[name]?.isStale = true
    staleNames.append(name)
  }
}
