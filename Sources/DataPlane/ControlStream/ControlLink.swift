import HTTP
import Memory
import Serving
import SystemIO

/// What a connection to a controller is for.
enum LinkPurpose {
  /// Nothing yet: to be asked again after this.
  case later(Duration)
  /// Configuration and reports; nil: in clear.
  case sync(GRPCClientSecurity?)
  /// A first certificate, with this request.
  case join(GRPCClientSecurity, request: [UInt8])
}

/// What a link tells its owner, on the control thread.
protocol ControlLinkEvents: AnyObject {
  /// What the next connection is for.
  var purpose: LinkPurpose { get }
  /// A Sync stream is open.
  func linkOpened()
  /// A message came on the Sync stream.
  func linkReceived(_ message: [UInt8])
  /// A message came on the Report stream.
  func linkReported(_ message: [UInt8])
  /// The request for a first certificate has gone out.
  func linkJoins()
  /// The controller answered a request for a certificate.
  func linkSigned(_ message: [UInt8])
  /// The controller refused one.
  func linkSignRefused(_ reason: String)
  /// The connection is being made anew, as the owner wished.
  func linkReopens()
  /// The connection is gone; the link is already trying again.
  func linkClosed(_ reason: String)
}

/// The connection to one of the controllers: resolves, connects, opens Sync and Report or asks for a first certificate, and
/// starts again by the schedule.
final class ControlLink: GRPCClientEvents {
  private enum State {
    case waiting
    case connecting(String, LinkPurpose)
    /// Asks for a first certificate.
    case joining(String)
    case open(String, sync: Handle)
  }

  private let loop: ServiceLoop
  private let controllers: [ControllerAddress]
  private let resolver: LoopExecutor
  private var client: GRPCClient?
  private var confined: Confined<ControlLink>?
  private weak var owner: (any ControlLinkEvents)?
  private var schedule: ReconnectSchedule
  private var random = SystemRandomNumberGenerator()
  private var state = State.waiting
  private var report: Handle?
  /// A request for a certificate that has no answer yet.
  private var signing: Handle?
  private var isStopped = false

  /// `resolver` runs look-ups of host names, which block.
  init(loop: ServiceLoop, controllers: [ControllerAddress], resolver: LoopExecutor, owner: any ControlLinkEvents) {
    self.loop = loop
    self.controllers = controllers
    self.resolver = resolver
    self.owner = owner
    schedule = ReconnectSchedule(controllers: controllers.count, using: &random)
    confined = loop.confine(self)
  }

  /// The controller that is connected, for people.
  var controller: String? {
    if case .open(let name, _) = state { name } else { nil }
  }

  /// Begins the first attempt.
  func start() throws {
    client = try GRPCClient(loop: loop, events: self)
    attempt()
  }

  /// Ends everything; nothing is tried again.
  func stop() {
    isStopped = true
    client?.close()
    confined = nil
  }

  /// Sends on the Sync stream; without one the message is dropped, for a new stream begins with everything.
  func send(_ message: [UInt8]) {
    guard case .open(_, let sync) = state else { return }
    _ = client?.send(stream: sync, framed: grpcFrame(message))
  }

  /// Sends on the Report stream, which is opened when it is not.
  func report(_ message: [UInt8]) {
    guard case .open = state else { return }
    if report == nil { report = client?.open(path: "/heddle.mesh.v1.Mesh/Report") }
    if let report { _ = client?.send(stream: report, framed: grpcFrame(message)) }
  }

  /// Sends a request for a certificate; false when there is no connection, or one is under way.
  func sign(_ request: [UInt8]) -> Bool {
    guard case .open = state, signing == nil, let client else { return false }
    return sign(request, with: client)
  }

  private func sign(_ request: [UInt8], with client: GRPCClient) -> Bool {
    let call = client.open(path: "/heddle.mesh.v1.Mesh/Sign")
    guard client.send(stream: call, framed: grpcFrame(request)) else { return false }
    client.halfClose(call)
    signing = call
    return true
  }

  /// Closes the connection, if there is one, and makes it anew at once.
  func reconnect() {
    switch state {
    case .waiting, .connecting: return  // the next one will be of the new kind
    case .joining, .open: break
    }
    reset()
    schedule.succeeded()
    owner?.linkReopens()
    attempt()
  }

  /// Closes the connection and comes back by the schedule, not before `pause`.
  func leave(retryAfter pause: Duration, reason: String) {
    schedule.asked(toWait: pause)
    lost(reason)
  }

  // MARK: Attempts

  private func attempt() {
    guard !isStopped else { return }
    let (pause, index) = schedule.attempt(using: &random)
    let controller = controllers[index]
    loop.schedule(after: pause) { [weak self] in self?.resolve(controller) }
  }

  private func resolve(_ controller: ControllerAddress) {
    guard !isStopped, let confined else { return }
    let purpose = owner?.purpose ?? .later(.seconds(1))
    if case .later(let pause) = purpose {
      loop.schedule(after: pause) { [weak self] in self?.resolve(controller) }
      return
    }
    state = .connecting(controller.description, purpose)
    resolver.execute {
      let result = Result { () throws(SystemError) in try SystemIO.resolve(host: controller.host, port: controller.port)
      }
      confined.execute { $0.resolved(controller, result) }
    }
  }

  private func resolved(_ controller: ControllerAddress, _ result: Result<[SocketAddress], SystemError>) {
    guard !isStopped, case .connecting(_, let purpose) = state else { return }
    switch result {
    case .success(let addresses):
      guard let address = addresses.randomElement(using: &random) else { return lost("\(controller): no address") }
      client?.connect(to: address, security: purpose.security)
    case .failure(let error): lost("\(controller): \(error)")
    }
  }

  private func lost(_ reason: String) {
    if case .waiting = state { return }
    reset()
    owner?.linkClosed(reason)
    attempt()
  }

  private func reset() {
    (state, report, signing) = (.waiting, nil, nil)
    client?.close()
  }

  // MARK: GRPCClientEvents

  func connected() {
    guard case .connecting(let name, let purpose) = state, let client else { return }
    if case .join(_, let request) = purpose {
      state = .joining(name)
      guard sign(request, with: client) else { return lost("\(name): the request for a certificate could not be sent") }
      owner?.linkJoins()
      return
    }
    let sync = client.open(path: "/heddle.mesh.v1.Mesh/Sync")
    state = .open(name, sync: sync)
    owner?.linkOpened()
  }

  func failed(_ reason: String) { lost(reason) }

  func received(_ stream: Handle, _ message: [UInt8]) {
    if stream == signing {
      signing = nil
      owner?.linkSigned(message)
      return
    }
    guard case .open(_, let sync) = state else { return }
    if stream == sync {
      schedule.succeeded()
      owner?.linkReceived(message)
    } else if stream == report {
      owner?.linkReported(message)
    }
  }

  func closed(_ stream: Handle, _ status: GRPCStatus?) {
    if stream == report { report = nil }
    if stream == signing {
      signing = nil
      let reason =
        status.map { "the controller refuses a certificate: \($0.code): \($0.message)" }
        ?? "the request for a certificate broke"
      owner?.linkSignRefused(reason)
      if case .joining = state { lost(reason) }
      return
    }
    guard case .open(_, let sync) = state, stream == sync else { return }
    lost(status.map { "the stream ended: \($0)" } ?? "the stream broke")
  }

  func disconnected(_ reason: String) { lost(reason) }
}

extension LinkPurpose {
  fileprivate var security: GRPCClientSecurity? {
    switch self {
    case .later: nil
    case .sync(let security): security
    case .join(let security, _): security
    }
  }
}
