import JSONFormat
import Serving
import SystemIO
import Telemetry

/// Why a source gave nothing of use, for an operator.
struct SourceFault: Error, Equatable, CustomStringConvertible {
  let description: String
  /// The answer's status, when there was an answer that said more than "broken".
  var status: Int?

  init(_ description: String, status: Int? = nil) {
    self.description = description
    self.status = status
  }
}

/// A source's answer, read.
struct SourceAnswer {
  let headers: HeaderList
  let json: JSON
}

/// What an answer without an end tells.
enum SourceEvent {
  /// The source has accepted; events follow.
  case open
  case bytes([UInt8])
  case ended
  case failed(SourceFault)
}

/// Asks one source over HTTP, with its credentials. Belongs to its loop's thread.
final class SourceClient {
  let base: HTTPBase
  private let client: LoopHTTPClient
  private let credentials: () -> HeaderList

  /// - Parameter credentials: asked before each request, for tokens rotate.
  convenience init(
    _ context: NamerContext, at place: SourcePlace, credentials: @escaping () -> HeaderList = { HeaderList() }
  ) throws(ServiceLoop.Full) {
    try self.init(
      loop: context.loop, blocking: context.blocking, log: context.log, at: place, credentials: credentials)
  }

  /// The same for who is no namer.
  init(
    loop: ServiceLoop, blocking: LoopExecutor, log: Log, at place: SourcePlace,
    limits: LoopHTTPClient.Limits = LoopHTTPClient.Limits(), credentials: @escaping () -> HeaderList
  ) throws(ServiceLoop.Full) {
    base = place.base
    self.credentials = credentials
    let security = SourceSecurity(place.trust, log: log) { [unowned loop] in loop.now }
    client = try LoopHTTPClient(loop: loop, resolver: blocking, limits: limits, security: security.client)
  }

  deinit { client.end() }

  /// Asks and reads the answer as JSON; a status other than 200 and 201 is a fault that quotes the source.
  func ask(
    _ method: String, _ target: String, body: JSON? = nil,
    times: HTTPTimes = HTTPTimes(idle: .seconds(15), total: .seconds(60)),
    _ done: @escaping (Result<SourceAnswer, SourceFault>) -> Void
  ) -> HTTPCall {
    client.send(
      method, base.path + target, at: base.origin, headers: headers(body), body: body?.printed ?? [], times: times
    ) { done(Self.read($0)) }
  }

  /// Asks for an answer without an end.
  func watch(
    _ method: String, _ target: String, body: JSON? = nil, accept: String = "application/json",
    times: HTTPTimes, _ tell: @escaping (SourceEvent) -> Void
  ) -> HTTPCall {
    let refusal = Refusal()
    return client.stream(
      method, base.path + target, at: base.origin, headers: headers(body, accept), body: body?.printed ?? [],
      times: times
    ) { event in
      switch event {
      case .head(let head) where head.status == 200: tell(.open)
      case .head(let head): refusal.status = head.status
      case .bytes(let piece): refusal.isRefused ? refusal.add(piece) : tell(.bytes(piece))
      case .ended: tell(refusal.fault.map { .failed($0) } ?? .ended)
      case .failed(let error): tell(.failed(refusal.fault ?? SourceFault("\(error)")))
      }
    }
  }

  private func headers(_ body: JSON?, _ accept: String = "application/json") -> HeaderList {
    var headers = credentials()
    headers.append("accept", accept)
    headers.append("user-agent", "heddle")
    if body != nil { headers.append("content-type", "application/json") }
    return headers
  }

  private static func read(_ result: Result<HTTPResponse, HTTPClientError>) -> Result<SourceAnswer, SourceFault> {
    switch result {
    case .failure(let error): return .failure(SourceFault("\(error)"))
    case .success(let response):
      let bytes = response.bytes ?? []
      guard (200...201).contains(response.status) else { return .failure(refused(response.status, bytes)) }
      do { return .success(SourceAnswer(headers: response.headers, json: try JSONParser.parse(bytes))) } catch {
        return .failure(SourceFault("the answer is no JSON that we take: \(error.detail) at byte \(error.offset)"))
      }
    }
  }

  fileprivate static func refused(_ status: Int, _ bytes: [UInt8]) -> SourceFault {
    let text = String(decoding: bytes.prefix(200).map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    return SourceFault(
      text.isEmpty ? "the source answers \(status)" : "the source answers \(status): \(text)", status: status)
  }
}

/// The first words of an answer that is no success.
private final class Refusal {
  var status = 200
  private var bytes: [UInt8] = []

  var isRefused: Bool { status != 200 }
  var fault: SourceFault? { isRefused ? SourceClient.refused(status, bytes) : nil }

  func add(_ piece: [UInt8]) { if bytes.count < 200 { bytes += piece.prefix(200) } }
}
