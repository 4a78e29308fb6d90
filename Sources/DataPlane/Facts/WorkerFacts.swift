import Telemetry
import Traffic

/// Which listener a request came in by.
public enum TrafficDirection: UInt8, Sendable, CaseIterable, Hashable {
  case outbound, inbound
}

/// Which send of a request an attempt was.
public enum FactTry: UInt8, Sendable, CaseIterable, Hashable {
  case first, retry, resend
}

/// Why a request was sent again, or was not.
public enum RetryReason: UInt8, Sendable, CaseIterable, Hashable {
  /// The connection could not be made.
  case connect
  /// A reused connection closed before a byte of answer.
  case closed
  /// The answer was classified retryable.
  case response
  /// The budget was empty: not sent again.
  case budget
  /// The body could not be replayed: not sent again.
  case body
}

/// Requests of one service and class since the last collection, as callers saw them.
public struct RequestFact: Sendable {
  public let service: String
  public let direction: TrafficDirection
  public let responseClass: ResponseClass
  public let count: UInt64
  public let duration: SparseHistogram
}

/// Attempts at one endpoint since the last collection.
public struct AttemptFact: Sendable {
  public let service: String
  /// Split and branch names, empty where no split was involved.
  public let split: String
  public let branch: String
  /// The concrete name.
  public let backend: String
  /// The endpoint's address as text.
  public let endpoint: String
  public let responseClass: ResponseClass
  public let tryKind: FactTry
  public let count: UInt64
  public let duration: SparseHistogram
}

/// Repeated sends (or refusals to send again) of one service since the last collection.
public struct RetryFact: Sendable {
  public let service: String
  public let reason: RetryReason
  public let count: UInt64
}

/// Re-sends that could go out to one concrete name now.
public struct BalanceFact: Sendable, Equatable {
  /// The concrete name.
  public let backend: String
  public let balance: Int
}

/// Bytes that went through one direction's downstream connections since the last collection.
public struct ByteFacts: Sendable, Equatable {
  public var received: UInt64 = 0
  public var sent: UInt64 = 0
  /// No bytes.
  public init() {}
}

/// Fields of requests and answers that were not forwarded since the last collection, for what their names pretend or may not say.
public struct DroppedFields: Sendable, Equatable {
  /// In heads of requests: names that a careless service would read as security-relevant (`l5d_dtab`).
  public var heads: UInt64 = 0
  /// In trailers of both directions: those, and names that may not stand in trailers.
  public var trailers: UInt64 = 0
  /// None.
  public init() {}
}

/// What is open at the moment of collection. The worker keeps these up to date itself.
public struct WorkerGauges: Sendable, Equatable {
  public var requestsInFlight: Int = 0
  public var requestsPending: Int = 0
  public var downstreamConnections: Int = 0
  public var upstreamActive: Int = 0
  public var upstreamIdle: Int = 0
  public var tunnels: Int = 0
  /// Nothing open.
  public init() {}
}

/// What one worker counted since the last collection.
public struct WorkerFacts: Sendable {
  public var requests: [RequestFact] = []
  public var attempts: [AttemptFact] = []
  public var retries: [RetryFact] = []
  /// Indexed by `TrafficDirection.rawValue`.
  public var bytes: [ByteFacts] = [ByteFacts(), ByteFacts()]
  /// Of callers' connections that had become tunnels; counted in `bytes` too.
  public var tunnelBytes = ByteFacts()
  public var gauges = WorkerGauges()
  /// One for each concrete name in use.
  public var requeueBalances: [BalanceFact] = []
  /// Endpoints ejected since the last collection.
  public var ejections: UInt64 = 0
  public var droppedFields = DroppedFields()
  public var tlsFaults = TLSFaults()
  /// On connections to endpoints.
  public var endpointTLSFaults = TLSFaults()
  public var detections = DetectionFacts()
  /// Connections taken, by listener, in the order in which the worker was given them.
  public var accepted: [UInt64] = []
  public var authorizations: [AuthorizationFact] = []
  /// Requests that no rule named, and that went where their callers had wanted to connect.
  public var passedOn: UInt64 = 0
  /// Connections that were closed since their PROXY protocol header is none.
  public var badProxyHeaders: UInt64 = 0
  /// Series that found no room and were counted under `_other`.
  public var folded: UInt64 = 0
  /// Nothing counted.
  public init() {}
}
