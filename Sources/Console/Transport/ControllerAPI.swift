/// One request to the controller.
public struct APICall: Equatable, Sendable {
  public var method: String
  /// Path with query, as it goes on the wire.
  public var target: String
  public var headers: [Header]
  public var body: [UInt8]

  public struct Header: Equatable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(_ method: String, _ target: String, headers: [Header] = [], body: [UInt8] = []) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
  }
}

public struct APIAnswer: Equatable, Sendable {
  public let status: Int
  public let headers: [APICall.Header]
  public let body: [UInt8]

  public init(status: Int, headers: [APICall.Header] = [], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  public var text: String { String(decoding: body, as: UTF8.self) }

  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// The controller as commands see it; the tests put a scripted one in its place.
public protocol ControllerAPI {
  /// Answers with any status; throws only when no whole answer came.
  func send(_ call: APICall) throws(ConsoleError) -> APIAnswer
  /// Follows an endless answer; `onBytes` returns false to stop. Ends without an error when the controller closes.
  func stream(_ call: APICall, onBytes: ([UInt8]) -> Bool) throws(ConsoleError)
}
