/// What a session tells its peer, and how much it bears from it. Each limit ends the connection with ENHANCE_YOUR_CALM
/// unless said otherwise.
public struct HTTP2Settings: Sendable {
  /// Streams that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). One more is REFUSED_STREAM.
  public var concurrentStreams: UInt32 = 256
  /// Bytes in flight towards us on one stream before `consume` (SETTINGS_INITIAL_WINDOW_SIZE), at most 2³¹ − 1.
  /// 256 KiB: one part of a snapshot without waiting; a 1 MiB message flows in as it is consumed.
  public var streamWindow: Int32 = 256 << 10
  /// Bytes in flight towards us on the whole connection before `consume`. 1 MiB: four streams at full window.
  public var connectionWindow: Int32 = 1 << 20
  /// Bytes of one decoded field list, counted while it is decoded: 100 fields of ordinary size. Above it, nothing more is
  /// stored and the event says `tooLarge`; the connection goes on, unless the list goes on to four times as much.
  public var headerListBytes = 64 << 10
  /// Bytes of a trailer section, counted alike: as for chunks of HTTP/1.1.
  public var trailerBytes = 16 << 10
  /// Milliseconds in which a field block must be complete.
  public var blockMilliseconds: UInt64 = 10_000
  /// Bytes of field lists that wait for the driver, who takes them after each read. Above it a request is REFUSED_STREAM: a small read can say
  /// much by the tables of HPACK.
  public var pendingListBytes = 1 << 20
  /// 1xx heads before an answer. Above it the stream is reset.
  public var interims: UInt8 = 32
  /// CONTINUATION frames after one HEADERS frame: CVE-2024-27316 and its kin. 16 × 16 KiB hold any list we accept.
  public var continuations = 16
  /// Streams reset by the peer, or by us for the peer's fault (CVE-2023-44487, CVE-2025-8671): so many at once …
  public var resetBurst: UInt64 = 200
  /// … and so many more each second, and one for four streams that ended well.
  public var resetsPerSecond: UInt64 = 33
  /// Frames that cost us work and carry next to nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, frames of unknown types, heads for streams
  /// that are over): so many at once …
  public var idleFrameBurst: UInt64 = 2000
  /// … and so many more each second: above what a chatty gRPC peer needs (a ping and a window update per message, 100 messages
  /// a second on three streams).
  public var idleFramesPerSecond: UInt64 = 1000
  /// Settings in one SETTINGS frame; the RFC has ten. A change of the windows looks at every stream.
  public var settingsPerFrame = 32
  /// A DATA frame below this counts as one that carries next to nothing (CVE-2019-9511 and small-frame floods), but for tunnels: of these so
  /// many at once on a stream, which is reset above it …
  public var smallDataBytes = 64
  public var smallFrameBurst: UInt64 = 2000
  /// … and so many more each second.
  public var smallFramesPerSecond: UInt64 = 2000
  /// A server takes extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441 §3); else such a request is a fault of its stream.
  public var takesExtendedConnect = false
  /// DATA frames without a byte and without END_STREAM, in a row (CVE-2019-9518).
  public var emptyFrames = 10
  /// PING and SETTINGS acknowledgements that wait to be written (CVE-2019-9512): a peer that floods and does not read.
  public var pendingAcknowledgements = 1000
  /// Bytes of heads and other frames that wait to be written, bodies not among them: a peer that asks and does not read.
  public var unreadBytes = 1 << 20

  public init() {}

  /// For a peer of the mesh, a proxy that speaks for many callers: what one of them does must not end the connection of all.
  public mutating func trustForMany() {
    resetBurst *= 10
    resetsPerSecond *= 30
    idleFrameBurst *= 10
    idleFramesPerSecond *= 30
  }
}

public enum HTTP2Role: Sendable { case client, server }
