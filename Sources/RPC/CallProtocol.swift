import Mux
import Thrift

/// What a connection that carries calls speaks.
public enum CallProtocol: String, Sendable, CaseIterable {
  /// Thrift in frames: binary, compact or the header transport, with TTwitter where the caller asks for it.
  case thrift
  /// Mux; what it carries is not looked at.
  case mux
  /// Mux that carries Thrift. A caller that begins with a Thrift frame is taken for one of Thrift.
  case thriftMux = "thriftmux"
}

/// How a connection is used, and what it may ask of us.
public struct CallSettings: Sendable {
  /// Bytes of one message. 16 MiB: what Thrift's own servers allow. A longer one ends the connection before it is stored.
  public var messageLimit = 16 << 20
  /// Calls that one connection may have under way; one more is a nack. 256, as streams of HTTP/2.
  public var concurrentCalls = 256
  /// Whether the method's name ends a call's name (Linkerd's `thriftMethodInDst`).
  public var methodInName = false
  /// Whether services of Thrift are asked for TTwitter (Linkerd's `attemptTTwitterUpgrade`).
  public var asksForTwitter = false
  /// Whether an exception that the service declares counts as a failure of the service.
  public var declaredExceptionsFail = false

  public init() {}
}

/// What the answer to a call says of it.
public enum CallReply: Hashable, Sendable {
  /// The method's value, or that it has none; of a oneway call that it has left, of Mux that it is not looked into that it is there.
  case value
  /// An exception that the service declares, this field of the result.
  case declared(Int16)
  /// A `TApplicationException` of this type; nil where it does not say.
  case application(Int32?)
  /// Mux: status error, or Rerr; an answer that is none of Thrift.
  case error

  init(_ reply: ThriftReply) {
    switch reply {
    case .success: self = .value
    case .declared(let field): self = .declared(field)
    case .application(let type): self = .application(type)
    }
  }
}

/// Why a connection of calls cannot go on.
public enum CallFault: Error, Hashable, Sendable {
  case tooLong(Int)
  case thrift(ThriftFault)
  case mux(MuxFault)
  /// A message that does not belong here: an answer that nobody waits for, a tag twice.
  case unexpected
  /// The peer sends what wants answers and does not read them.
  case flood
  /// A call was given up after it was sent, and its answer would be taken for another's.
  case abandoned

  /// For logs.
  public var reason: String {
    switch self {
    case .tooLong(let bytes): "a message of \(bytes) bytes is above the limit"
    case .thrift(let fault): fault.reason
    case .mux(let fault): fault.reason
    case .unexpected: "a message that does not belong here"
    case .flood: "answers are not read"
    case .abandoned: "a call was given up"
    }
  }
}

/// What a connection's peer did.
public struct CallEvent: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// From a caller: a call; its text can be taken.
    case call
    /// From a caller: what looks like a call and cannot be understood. It is to be answered all the same.
    case malformed(String)
    /// From a caller: nobody waits for the answer any more.
    case discarded
    /// From an endpoint: the answer; its text can be taken.
    case answer
    /// From an endpoint: it surely did nothing (nack).
    case refused
    /// The call is done with; its number is free.
    case closed
  }

  /// The number of the call on this connection, 1 or more.
  public let call: Int32
  /// What was set with `setTag`; 0 before.
  public let tag: UInt64
  public let kind: Kind
}
