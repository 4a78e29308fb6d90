import TLS
import Telemetry
import Traffic

/// What one worker counts. Series are looked up once per binding and held; recording is by index, without allocation in
/// steady state. Owned by one thread.
///
/// Every `requestSeries`/`attemptSeries` is a hold that `release` gives back; a series nobody holds leaves after
/// `idleCollections` collections without a record.
public struct FactBook: ~Copyable {
  /// More series than this fold into one named `_other`: a scanner's names must not fill memory. 10 000.
  public let seriesLimit: Int
  /// How long an unheld, unused series stays, in microseconds of the clock given to `collect`: 10 minutes.
  public let idleTime: UInt64

  /// The worker's open connections and requests; the worker writes them as they change.
  public var gauges = WorkerGauges()
  private var bytes = [ByteFacts(), ByteFacts()]
  private var tunnelBytes = ByteFacts()
  private var ejections: UInt64 = 0
  private var droppedFields = DroppedFields()
  private var tlsFaults = TLSFaults()
  private var endpointTLSFaults = TLSFaults()
  private var authorizations = AuthorizationCounts()
  private var badProxyHeaders: UInt64 = 0
  private var passedOn: UInt64 = 0
  private var detections = DetectionFacts()
  private var folded: UInt64 = 0

  private var arena = HistogramArena()
  private var requests: SeriesSet<RequestKey>
  private var attempts: SeriesSet<AttemptKey>
  private var retries: [UInt64] = []

  /// An empty book.
  public init(seriesLimit: Int = 10_000, idleTime: UInt64 = 600_000_000) {
    self.seriesLimit = seriesLimit
    self.idleTime = idleTime
    requests = SeriesSet(
      slots: ResponseClass.allCases.count, overflow: RequestKey(service: "_other", direction: .outbound))
    attempts = SeriesSet(
      slots: ResponseClass.allCases.count * FactTry.allCases.count,
      overflow: AttemptKey(service: "_other", split: "", branch: "", backend: "_other", endpoint: "_other"))
  }

  // MARK: Series

  /// The series of a logical name, held until `releaseRequestSeries`. Beyond the limit: the shared `_other`.
  public mutating func requestSeries(service: String, direction: TrafficDirection) -> Int32 {
    let series = hold(RequestKey(service: service, direction: direction))
    let wanted = (Int(series) + 1) * RetryReason.allCases.count
    if retries.count < wanted { retries.append(contentsOf: repeatElement(0, count: wanted - retries.count)) }
    return series
  }

  /// The series of an endpoint as reached from a logical name, held until `releaseAttemptSeries`.
  public mutating func attemptSeries(
    service: String, split: String, branch: String, backend: String, endpoint: String
  ) -> Int32 {
    let key = AttemptKey(service: service, split: split, branch: branch, backend: backend, endpoint: endpoint)
    let isFull = requests.count + attempts.count >= seriesLimit
    let (series, isFolded) = attempts.hold(key, isFull: isFull)
    if isFolded { folded &+= 1 }
    return series
  }

  private mutating func hold(_ key: RequestKey) -> Int32 {
    let isFull = requests.count + attempts.count >= seriesLimit
    let (series, isFolded) = requests.hold(key, isFull: isFull)
    if isFolded { folded &+= 1 }
    return series
  }

  /// Gives back one hold of a request series.
  public mutating func releaseRequestSeries(_ series: Int32) { requests.release(series) }
  /// Gives back one hold of an attempt series.
  public mutating func releaseAttemptSeries(_ series: Int32) { attempts.release(series) }

  // MARK: Recording

  /// Counts a finished request, as its caller saw it.
  public mutating func recordRequest(_ series: Int32, _ responseClass: ResponseClass, microseconds: UInt64) {
    let histogram = requests.histogram(series, slot: Int(responseClass.rawValue), in: &arena)
    arena.record(histogram, microseconds)
  }

  /// Counts a finished attempt; of series -1 nothing.
  public mutating func recordAttempt(
    _ series: Int32, _ responseClass: ResponseClass, _ tryKind: FactTry, microseconds: UInt64
  ) {
    if series < 0 { return }
    let slot = Int(responseClass.rawValue) &* 3 &+ Int(tryKind.rawValue)
    let histogram = attempts.histogram(series, slot: slot, in: &arena)
    arena.record(histogram, microseconds)
  }

  /// Counts a repeated send, or a refusal of one, for a request series.
  public mutating func recordRetry(_ series: Int32, _ reason: RetryReason) {
    retries[Int(series) &* RetryReason.allCases.count &+ Int(reason.rawValue)] &+= 1
    requests.touch(series)
  }

  /// Counts bytes of a downstream connection.
  public mutating func recordBytes(_ direction: TrafficDirection, received: Int, sent: Int) {
    bytes[Int(direction.rawValue)].received &+= UInt64(max(0, received))
    bytes[Int(direction.rawValue)].sent &+= UInt64(max(0, sent))
  }

  /// Counts bytes of a caller's connection that has become a tunnel.
  /// - Parameter direction: nil where the tunnel is a stream, whose connection counts for itself.
  public mutating func recordTunnelBytes(_ direction: TrafficDirection?, received: Int, sent: Int) {
    if let direction { recordBytes(direction, received: received, sent: sent) }
    tunnelBytes.received &+= UInt64(max(0, received))
    tunnelBytes.sent &+= UInt64(max(0, sent))
  }

  /// Counts an endpoint taken out of balancing.
  public mutating func recordEjection() { ejections &+= 1 }

  /// Counts fields of a request's head that were left out.
  public mutating func recordDropped(inHead count: Int) { droppedFields.heads &+= UInt64(max(0, count)) }
  /// Counts fields of a trailer section that were left out.
  public mutating func recordDropped(inTrailers count: Int) { droppedFields.trailers &+= UInt64(max(0, count)) }

  /// Counts a caller's connection whose TLS failed.
  public mutating func recordTLSFault(_ fault: TLSError) { tlsFaults.record(fault) }

  /// Counts a caller's connection by what it was found to speak.
  public mutating func recordDetection(_ direction: TrafficDirection, _ spoken: DetectedProtocol) {
    detections[direction, spoken] &+= 1
  }

  /// Counts what was decided of a request to the application.
  public mutating func recordAuthorization(_ decision: AuthorizationDecision, in table: AuthorizationTable) {
    authorizations.record(decision, in: table)
  }

  /// Counts a request that no rule named, and that went where its caller had wanted to connect.
  public mutating func recordPassedOn() { passedOn &+= 1 }

  /// Counts a connection to an endpoint whose TLS failed.
  public mutating func recordEndpointTLSFault(_ fault: TLSError) { endpointTLSFaults.record(fault) }

  /// Counts a connection that was closed since its PROXY protocol header is none.
  public mutating func recordBadProxyHeader() { badProxyHeaders &+= 1 }

  // MARK: Collection

  /// Takes what was counted since the last time and starts anew. `now` in microseconds of any steady clock.
  public mutating func collect(now: UInt64) -> WorkerFacts {
    var facts = WorkerFacts()
    facts.gauges = gauges
    facts.bytes = bytes
    facts.tunnelBytes = tunnelBytes
    facts.ejections = ejections
    facts.folded = folded
    facts.droppedFields = droppedFields
    facts.tlsFaults = tlsFaults
    facts.endpointTLSFaults = endpointTLSFaults
    endpointTLSFaults = TLSFaults()
    facts.detections = detections
    facts.badProxyHeaders = badProxyHeaders
    facts.passedOn = passedOn
    facts.authorizations = authorizations.collect()
    (badProxyHeaders, passedOn) = (0, 0)
    detections = DetectionFacts()
    tlsFaults = TLSFaults()
    (bytes, tunnelBytes) = ([ByteFacts(), ByteFacts()], ByteFacts())
    (ejections, folded, droppedFields) = (0, 0, DroppedFields())
    collectRetries(into: &facts)
    collectRequests(into: &facts)
    collectAttempts(into: &facts)
    requests.expire(now: now, idleTime: idleTime, in: &arena)
    attempts.expire(now: now, idleTime: idleTime, in: &arena)
    return facts
  }

  /// How many series exist now, the `_other` ones included.
  public var seriesCount: Int { requests.count + attempts.count }

  private mutating func collectRequests(into facts: inout WorkerFacts) {
    requests.drain(from: &arena) { key, slot, duration in
      facts.requests.append(
        RequestFact(
          service: key.service, direction: key.direction, responseClass: ResponseClass.allCases[slot],
          count: duration.count, duration: duration))
    }
  }

  private mutating func collectAttempts(into facts: inout WorkerFacts) {
    attempts.drain(from: &arena) { key, slot, duration in
      facts.attempts.append(
        AttemptFact(
          service: key.service, split: key.split, branch: key.branch, backend: key.backend, endpoint: key.endpoint,
          responseClass: ResponseClass.allCases[slot / 3], tryKind: FactTry.allCases[slot % 3], count: duration.count,
          duration: duration))
    }
  }

  private mutating func collectRetries(into facts: inout WorkerFacts) {
    for index in retries.indices where retries[index] > 0 {
      let (series, reason) = index.quotientAndRemainder(dividingBy: RetryReason.allCases.count)
      guard let key = requests.key(Int32(series)) else { continue }
      facts.retries.append(
        RetryFact(service: key.service, reason: RetryReason.allCases[reason], count: retries[index]))
      retries[index] = 0
    }
  }
}

struct RequestKey: Hashable {
  let service: String
  let direction: TrafficDirection
}

struct AttemptKey: Hashable {
  let service: String
  let split: String
  let branch: String
  let backend: String
  let endpoint: String
}
