import HTTP
import Memory
import Mux
import Thrift

/// One connection of calls without its socket: bytes in, events out; commands in, bytes out.
///
/// The driver's turn: `receive` what was read, drain `nextEvent`, act through the commands, `write` into an output buffer and send
/// that. Messages are whole before they are told of: both protocols say their length first, and a proxy that would pass on half of one
/// could not answer in its stead.
public final class CallSession {
  public enum Role: Sendable {
    /// A caller's connection: it calls us.
    case server
    /// Our connection to an endpoint.
    case client
  }

  /// What goes over the connection.
  enum Wire {
    /// A caller that may speak either (`CallProtocol.thriftMux`) has said nothing yet.
    case undecided
    case thrift
    case mux
  }

  /// How far an endpoint was asked for TTwitter.
  enum Upgrade {
    case unasked
    /// The call that waits meanwhile, by its number.
    case asked(Int32)
    case known
  }

  /// One call under way.
  final class Call {
    var tag: UInt64 = 0
    let form: CallForm
    /// Of a caller: the request's text until it is taken. Of an endpoint: the answer's.
    var text = ByteBuffer()
    /// What is put together of the text of the other message.
    var message = OwnMessage()
    /// Bytes of the message that came.
    var held = 0
    /// Of an endpoint, once its answer has come.
    var reply = CallReply.value
    /// To an endpoint: the request was written, and nothing of an answer has come.
    var isSent = false
    /// Of the Thrift message that was written, or waits to be.
    var sequence: Int32?
    /// The request, while the endpoint has not said whether it speaks TTwitter.
    var waiting = ByteBuffer()
    var isOneway = false
    /// The caller is not interested any more.
    var isDiscarded = false

    init(_ form: CallForm) { self.form = form }
  }

  public let role: Role
  public let speaks: CallProtocol
  let settings: CallSettings
  var wire: Wire
  var input = ByteBuffer()
  var output = ByteBuffer()
  var calls: [Int32: Call] = [:]
  private var lastCall: Int32 = 0
  private var queue: [CallEvent] = []
  /// Bytes of the messages of all calls.
  var heldBytes = 0
  var assembler: MuxAssembler
  /// Calls by the tag that the peer, or we, gave them.
  var byTag: [UInt32: Int32] = [:]
  /// Tags of ours whose answers nobody waits for, and which are not free before those come.
  var discardedTags: Set<UInt32> = []
  /// TTwitter: headers precede calls and answers.
  var isUpgraded = false
  /// To an endpoint: it was asked for TTwitter, and this call waits for what it says.
  var upgrade = Upgrade.unasked
  /// Oneway calls that are answered as soon as they have left.
  var oneways: [Int32] = []
  /// No new calls: said by us …
  var isDraining = false
  /// … or by the peer.
  var peerDrains = false
  /// The peer has heard that we drain, and sends no more.
  var drainIsHeard = false
  /// The peer of a Mux session takes calls (Tlease).
  var hasLease = true
  /// The first fault; nothing is taken after it.
  public private(set) var fault: CallFault?

  /// Bytes that wait to be written before more that wants an answer is a flood. 1 MiB.
  static let mostUnread = 1 << 20
  /// Bytes that are read ahead while a call is under way.
  private static let readAhead = 65_536

  public init(_ role: Role, speaks: CallProtocol, settings: CallSettings = CallSettings()) {
    self.role = role
    self.speaks = speaks
    self.settings = settings
    assembler = MuxAssembler(limit: settings.messageLimit)
    wire =
      switch (speaks, role) {
      case (.thrift, _): .thrift
      case (.mux, _), (.thriftMux, .client): .mux
      case (.thriftMux, .server): .undecided
      }
  }

  // MARK: The driver's turn

  /// Takes bytes that were read.
  public func receive(_ bytes: Span<UInt8>) {
    if fault == nil { input.append(bytes) }
  }

  /// The next thing that the peer did, nil when all were taken that can be now.
  public func nextEvent() -> CallEvent? {
    while queue.isEmpty, fault == nil, takesMessage {
      switch LengthPrefix(input.span, limit: settings.messageLimit) {
      case .needMore: return nil
      case .tooLong(let bytes): fail(.tooLong(bytes))
      case .whole(let end):
        takeMessage(LengthPrefix.size..<end)
        if output.count > Self.mostUnread, calls.isEmpty { fail(.flood) }
      }
    }
    return queue.isEmpty ? nil : queue.removeFirst()
  }

  /// Appends up to `limit` bytes that wait to be sent.
  public func write(into buffer: inout ByteBuffer, limit: Int) {
    let count = min(output.count, limit)
    buffer.append(output.span.extracting(0..<count))
    output.removeFirst(count)
    if output.isEmpty, !oneways.isEmpty { answerOneways() }
  }

  /// Whether reading on is of use: more is not read while what has come cannot be looked at.
  public var wantsBytes: Bool { takesMessage || input.count < Self.readAhead }

  /// One Thrift call at a time is looked at, since answers go out in order; of Mux as many as their bytes allow.
  private var takesMessage: Bool {
    switch (role, wire) {
    case (.client, _): true
    case (.server, .mux): heldBytes <= settings.messageLimit
    case (.server, .thrift), (.server, .undecided): calls.isEmpty
    }
  }

  private func takeMessage(_ range: Range<Int>) {
    var taken = ByteBuffer()
    swap(&taken, &input)
    do throws(CallFault) {
      let bytes = taken.span.extracting(range)
      if case .undecided = wire { wire = isThrift(bytes) ? .thrift : .mux }
      switch (wire, role) {
      case (.thrift, .server): try takeThriftCall(bytes)
      case (.thrift, .client): try takeThriftMessage(bytes)
      case (.mux, _): try takeMux(bytes)
      case (.undecided, _): break
      }
    } catch { fail(error) }
    taken.removeFirst(range.upperBound)
    swap(&taken, &input)
  }

  /// A Thrift message begins with its encoding's first byte, or the header transport's; of Mux the first byte is a type.
  private func isThrift(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count >= 2 else { return false }
    return bytes[0] == 0x80 && bytes[1] == 1 || bytes[0] == 0x82 || bytes[0] == 0 || ThriftHeaderFrame.isOne(bytes)
  }

  // MARK: Calls

  func add(_ form: CallForm) -> (id: Int32, call: Call) {
    repeat { lastCall = lastCall == .max ? 1 : lastCall &+ 1 } while calls[lastCall] != nil
    let call = Call(form)
    calls[lastCall] = call
    return (lastCall, call)
  }

  func tell(_ id: Int32, _ kind: CallEvent.Kind) {
    queue.append(CallEvent(call: id, tag: calls[id]?.tag ?? 0, kind: kind))
  }

  /// The call is done with.
  func close(_ id: Int32) {
    tell(id, .closed)
    drop(id)
  }

  func drop(_ id: Int32) {
    guard let call = calls.removeValue(forKey: id) else { return }
    heldBytes &-= call.held
    if case .mux(let mux) = call.form { byTag[mux.tag] = nil }
    oneways.removeAll { $0 == id }
  }

  func fail(_ fault: CallFault) { if self.fault == nil { self.fault = fault } }

  /// The driver's name for a call.
  public func setTag(_ tag: UInt64, on id: Int32) { calls[id]?.tag = tag }

  /// The names of the calls under way.
  public var tags: [UInt64] { calls.values.map(\.tag) }

  public var callCount: Int { calls.count }

  /// Moves the text of a call, or of an answer, to the end of `buffer`.
  public func takeText(_ id: Int32, into buffer: inout ByteBuffer) {
    guard let call = calls[id] else { return }
    buffer.append(call.text.span)
    call.text.release()
  }

  /// What the answer to this call, which has come, says of it.
  public func reply(to id: Int32) -> CallReply { calls[id]?.reply ?? .value }

  /// Bytes that wait to be written.
  public var queuedBytes: Int { output.count }

  // MARK: The end

  /// An endpoint takes one more call.
  public var takesCalls: Bool {
    guard fault == nil, !isDraining, !peerDrains, hasLease else { return false }
    guard case .thrift = wire else { return true }
    if case .asked = upgrade { return false }
    return calls.isEmpty
  }

  /// Something is still to be heard.
  public var wantsRead: Bool {
    if fault != nil { return false }
    let isQuiet = calls.isEmpty && input.isEmpty
    return switch (wire, role) {
    case (.mux, .server): !(isDraining && isQuiet && drainIsHeard)
    default: !(isDraining || peerDrains) || !isQuiet
    }
  }

  public var wantsWrite: Bool { !output.isEmpty }

  /// Takes no new calls, and tells a peer that can be told. Calls under way go on.
  public func drain() {
    guard !isDraining else { return }
    isDraining = true
    if case .mux = wire, role == .server { appendControl(.drain, tag: Self.controlTag) }
    if case .undecided = wire { wire = .thrift }  // it has said nothing: nothing is lost
  }

  /// Asks the peer whether it is there, where the protocol has such a question.
  public func ping() { if canPing { appendControl(.ping, tag: Self.controlTag) } }

  /// Whether the protocol has a question for a silent peer.
  public var canPing: Bool { if case .mux = wire { true } else { false } }

  /// Of our own questions, beyond any call's tag.
  static let controlTag = MuxFrame.greatestTag

  /// This call is given up: its answer is of no interest, or cannot be had.
  public func forget(_ id: Int32) {
    guard let call = calls[id] else { return }
    switch (call.form, role) {
    case (.thrift, .server): fail(.abandoned)
    case (.thrift, .client): if call.isSent { fail(.abandoned) }
    case (.mux(let mux), .server):
      appendReply(.error, call.isDiscarded ? "discarded by the caller" : "given up", to: mux)
    case (.mux(let mux), .client): if call.isSent { discard(mux.tag) }
    }
    drop(id)
  }
}

/// How a call came, or goes.
enum CallForm {
  case thrift(ThriftCall)
  case mux(MuxCall)
}

/// What answering a Thrift call needs.
struct ThriftCall {
  var encoding = ThriftEncoding.binary
  var method: [UInt8] = []
  var sequence: Int32 = 0
  var isOneway = false
  /// It came by the header transport, with this sequence number.
  var headerSequence: UInt32?
}

/// What answering a Mux request needs.
struct MuxCall {
  let tag: UInt32
  /// It was a Treq, whose answer is an Rreq.
  var isOldRequest = false
}
