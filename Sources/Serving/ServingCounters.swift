import Synchronization

/// What a server counts; read from any thread at scrape.
public final class ServingCounters: Sendable {
  public let connectionsAccepted = Atomic<UInt64>(0)
  /// Connections now; goes down again.
  public let connectionsOpen = Atomic<Int>(0)
  /// Closed at once because `ServingLimits.connections` was reached.
  public let connectionsRefused = Atomic<UInt64>(0)
  /// Accept met EMFILE or its kin and backed off.
  public let acceptsExhausted = Atomic<UInt64>(0)
  public let requests = Atomic<UInt64>(0)
  /// Requests that broke the protocol: answered 4xx by the server itself, or the connection ended.
  public let requestsRefused = Atomic<UInt64>(0)
  /// Head, body, write or keepalive timeouts.
  public let timeouts = Atomic<UInt64>(0)
  /// HTTP/2 connections ended because of a flood (resets, pings, settings, empty frames, continuations).
  public let floods = Atomic<UInt64>(0)
  /// Connections that spoke TLS and whose handshake was done.
  public let handshakes = Atomic<UInt64>(0)
  /// Connections that TLS ended: a handshake that failed, or bytes that were changed on the way.
  public let secureFaults = Atomic<UInt64>(0)
  /// Handshakes with a peer whose certificate had expired, within the grace.
  public let expiredPeers = Atomic<UInt64>(0)
  /// Responders that were dropped without an answer: a defect of the handler; the caller got 500.
  public let respondersDropped = Atomic<UInt64>(0)
  /// Response streams closed because their reader was too slow.
  public let streamsOverrun = Atomic<UInt64>(0)

  public init() {}

  /// Counters as Prometheus-style name and value pairs, in a fixed order.
  public var readings: [(name: String, value: Int64)] {
    [
      ("connections_accepted_total", Self.read(connectionsAccepted)),
      ("connections_open", Int64(connectionsOpen.load(ordering: .relaxed))),
      ("connections_refused_total", Self.read(connectionsRefused)),
      ("accepts_exhausted_total", Self.read(acceptsExhausted)),
      ("requests_total", Self.read(requests)),
      ("requests_refused_total", Self.read(requestsRefused)),
      ("timeouts_total", Self.read(timeouts)),
      ("floods_total", Self.read(floods)),
      ("tls_handshakes_total", Self.read(handshakes)),
      ("tls_faults_total", Self.read(secureFaults)),
      ("tls_expired_peers_total", Self.read(expiredPeers)),
      ("responders_dropped_total", Self.read(respondersDropped)),
      ("streams_overrun_total", Self.read(streamsOverrun)),
    ]
  }

  private static func read(_ counter: borrowing Atomic<UInt64>) -> Int64 {
    Int64(clamping: counter.load(ordering: .relaxed))
  }
}

extension Atomic where Value == UInt64 {
  /// One more. Relaxed: counters order nothing.
  @inline(__always) borrowing func count() { wrappingAdd(1, ordering: .relaxed) }
}
