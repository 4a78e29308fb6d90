import Serving

extension Console {
  /// The controller's client for `http://host:port` or `host:port`.
  public static func connect(_ address: String, _ timeout: Duration) throws(ConsoleError) -> any ControllerAPI {
    try RESTClient(address: address, timeout: timeout)
  }
}

/// `ControllerAPI` over our own HTTP client.
struct RESTClient: ControllerAPI {
  private let client: HTTPClient

  init(address: String, timeout: Duration) throws(ConsoleError) {
    let (host, port) = try Self.parts(of: address)
    do { client = try HTTPClient(host: host, port: port, timeout: timeout) } catch { throw ConsoleError(error) }
    client.limits.connectTimeout = min(timeout, .seconds(5))
  }

  /// Host without brackets, and port, of `http://host:port/` or `host:port`.
  static func parts(of address: String) throws(ConsoleError) -> (host: String, port: UInt16) {
    if address.hasPrefix("https://") { throw .usage("\(address): the controller speaks plain http") }
    var rest = address.hasPrefix("http://") ? address.dropFirst(7) : address[...]
    if rest.hasSuffix("/") { rest.removeLast() }
    guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else {
      throw .usage("'\(address)' is no address; expected http://HOST:PORT")
    }
    let host =
      rest[..<colon].hasPrefix("[") && rest[..<colon].hasSuffix("]")
      ? rest[..<colon].dropFirst().dropLast() : rest[..<colon]
    guard !host.isEmpty, !host.contains("/") else {
      throw .usage("'\(address)' is no address; expected http://HOST:PORT")
    }
    return (String(host), port)
  }

  func send(_ call: APICall) throws(ConsoleError) -> APIAnswer {
    do {
      let answer = try client.send(call.method, call.target, headers: call.fields, body: call.body)
      return APIAnswer(answer, body: answer.bytes ?? [])
    } catch {
      throw ConsoleError(error)
    }
  }

  func stream(_ call: APICall, onBytes: ([UInt8]) -> Bool) throws(ConsoleError) {
    var isRefused = false
    var refusal: [UInt8] = []
    let head: HTTPResponse
    do {
      head = try client.stream(call.method, call.target, headers: call.fields, body: call.body) { head in
        isRefused = !(200..<300).contains(head.status)
        return true
      } onBytes: { bytes in
        guard isRefused else { return onBytes(bytes) }
        refusal += bytes
        return refusal.count < 1 << 20
      }
    } catch {
      throw ConsoleError(error)
    }
    if isRefused { throw .refused(Problem(answer: APIAnswer(head, body: refusal))) }
  }
}

extension ConsoleError {
  fileprivate init(_ error: HTTPClientError) {
    switch error {
    case .unreachable(let text): self = .unreachable("cannot reach the controller at \(text)")
    case .timeout(let text): self = .timedOut("the controller does not answer: \(text)")
    case .malformed(let text): self = .failed("the controller's answer cannot be read: \(text)")
    case .invalidRequest(let text): self = .usage(text)
    }
  }
}

extension APICall {
  fileprivate var fields: HeaderList {
    var list = HeaderList()
    for header in headers { list.append(header.name, header.value) }
    return list
  }
}

extension APIAnswer {
  fileprivate init(_ response: HTTPResponse, body: [UInt8]) {
    self.init(status: response.status, headers: response.headers.fields.map { .init($0.name, $0.value) }, body: body)
  }
}
