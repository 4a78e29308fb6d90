import HTTP
import Memory
import Serving
import SystemIO

/// What a link tells its owner, on the control thread.
protocol ControlLinkEvents: AnyObject {
  /// Whether Hello may be said now.
  var mayOpen: Bool { get }
  /// A Sync stream is open.
  func linkOpened()
  /// A message came on the Sync stream.
  func linkReceived(_ message: [UInt8])
  /// A message came on the Report stream.
  func linkReported(_ message: [UInt8])
  /// The connection is gone; the link is already trying again.
  func linkClosed(_ reason: String)
}

/// The connection to one of the controllers: resolves, connects, opens Sync and Report, and starts again by the
/// schedule.
final class ControlLink: GRPCClientEvents {
  /// How often an attempt is put off while a configuration waits for its verdict.
  static let verdictPause = Duration.milliseconds(50)

  private enum State {
    case waiting
    case connecting(String)
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
    guard owner?.mayOpen == true else {
      loop.schedule(after: Self.verdictPause) { [weak self] in self?.resolve(controller) }
      return
    }
    state = .connecting(controller.description)
    resolver.execute {
      let result = Result { () throws(SystemError) in try SystemIO.resolve(host: controller.host, port: controller.port)
      }
      confined.execute { $0.resolved(controller, result) }
    }
  }

  private func resolved(_ controller: ControllerAddress, _ result: Result<[SocketAddress], SystemError>) {
    guard !isStopped, case .connecting = state else { return }
    switch result {
    case .success(let addresses):
      guard let address = addresses.randomElement(using: &random) else { return lost("\(controller): no address") }
      client?.connect(to: address)
    case .failure(let error): lost("\(controller): \(error)")
    }
  }

  private func lost(_ reason: String) {
    if case .waiting = state { return }
    state = .waiting
    report = nil
    client?.close()
    owner?.linkClosed(reason)
    attempt()
  }

  // MARK: GRPCClientEvents

  func connected() {
    guard case .connecting(let name) = state, let client else { return }
    let sync = client.open(path: "/heddle.mesh.v1.Mesh/Sync")
    state = .open(name, sync: sync)
    owner?.linkOpened()
  }

  func failed(_ reason: String) { lost(reason) }

  func received(_ stream: Handle, _ message: [UInt8]) {
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
    guard case .open(_, let sync) = state, stream == sync else { return }
    lost(status.map { "the stream ended: \($0)" } ?? "the stream broke")
  }

  func disconnected(_ reason: String) { lost(reason) }
}
