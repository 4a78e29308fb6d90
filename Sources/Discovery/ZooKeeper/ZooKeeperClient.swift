import Serving
import SystemIO

/// Carries out what a `ZooKeeperSession` decides, over TCP. Belongs to the discovery thread.
final class ZooKeeperClient {
  private let context: NamerContext
  private let settings: ServersetSettings
  private let digest: Secret?
  private let tell: ([ZooKeeperSession.Event]) -> Void
  private var session: ZooKeeperSession
  private var link: ZooKeeperLink?
  /// Of the connection that is wanted now; what comes for another is late.
  private var attempt: UInt64 = 0
  /// Of the same host, to be tried when the current one cannot be reached.
  private var otherAddresses: ArraySlice<SocketAddress> = []
  private var timer: (handle: ServiceLoop.Timer, at: Instant)?
  private var isPerforming = false
  private var confined: Confined<ZooKeeperClient>?

  /// - Parameter tell: called with what has happened since it was called last.
  init(
    _ context: NamerContext, _ settings: ServersetSettings, _ tell: @escaping ([ZooKeeperSession.Event]) -> Void
  ) {
    self.context = context
    self.settings = settings
    self.tell = tell
    digest = settings.digest.map { Secret($0) }
    session = ZooKeeperSession(
      ZooKeeperSession.Setup(servers: settings.servers.count, timeout: settings.sessionTimeout), random: context.random)
  }

  func start() {
    confined = context.loop.confine(self)
    session.start(digest: digest?.text(at: context.now), at: context.now)
    perform()
  }

  func ask(_ requests: [ZooKeeperRequest]) {
    for request in requests { session.ask(request, at: context.now) }
    perform()
  }

  func forget(_ paths: [String]) {
    for path in paths { session.forget(path, at: context.now) }
    perform()
  }

  /// Ends the session; nothing is told afterwards. It may be started again.
  func end() {
    session.end()
    perform()
    if let timer { context.loop.cancel(timer.handle) }
    timer = nil
    confined = nil
  }

  /// May be called again from within: whoever is told asks more.
  private func perform() {
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    while case let actions = session.takeActions(), !actions.isEmpty {
      var events: [ZooKeeperSession.Event] = []
      for action in actions {
        switch action {
        case .connect(let server): connect(settings.servers[server])
        case .send(let bytes): link?.send(bytes)
        case .disconnect:
          // A farewell may be kept.
          link?.flush()
          disconnect()
        case .tell(let event): events.append(event)
        }
      }
      link?.flush()
      if !events.isEmpty { tell(events) }
    }
    setTimer()
  }

  /// A timer that comes too early does no harm: it sets the next.
  private func setTimer() {
    guard let wakeAt = session.wakeAt else { return }
    if let timer {
      if timer.at <= wakeAt { return }
      context.loop.cancel(timer.handle)
    }
    let handle = context.loop.schedule(after: max(.zero, wakeAt - context.now)) { [weak self] in
      guard let self else { return }
      timer = nil
      session.wake(at: context.now)
      perform()
    }
    timer = (handle, wakeAt)
  }

  // MARK: The connection

  private func disconnect() {
    attempt += 1
    otherAddresses = []
    link?.end()
    link = nil
  }

  private func connect(_ server: ServersetSettings.Server) {
    disconnect()
    if let address = SocketAddress(host: server.host, port: server.port) { return connect(to: address) }
    guard let confined else { return }
    let attempt = attempt
    context.blocking.execute {
      let result = Result { () throws(SystemError) in try resolve(host: server.host, port: server.port) }
      confined.execute { $0.resolved(server, result, attempt) }
    }
  }

  private func resolved(
    _ server: ServersetSettings.Server, _ result: Result<[SocketAddress], SystemError>, _ attempt: UInt64
  ) {
    guard attempt == self.attempt else { return }
    switch result {
    case .failure(let error): failLater("\(server.host): \(error)")
    case .success(let addresses):
      // One name may stand for the whole ensemble: not everybody is to have the same server first.
      otherAddresses = addresses.shuffled(using: &context.random)[...]
      guard let first = otherAddresses.popFirst() else { return failLater("\(server.host) has no address") }
      connect(to: first)
    }
  }

  private func connect(to address: SocketAddress) {
    let attempt = attempt
    do {
      link = try ZooKeeperLink(context.loop, address) { [weak self] news in
        guard let self, attempt == self.attempt else { return }
        heard(news)
      }
    } catch { failLater("\(address): \(error)") }
  }

  /// In a turn of its own, so that a failure is never told from within what caused it.
  private func failLater(_ reason: String) {
    let attempt = attempt
    context.loop.schedule(after: .zero) { [weak self] in
      guard let self, attempt == self.attempt else { return }
      heard(.closed(reason))
    }
  }

  private func heard(_ news: ZooKeeperLink.News) {
    switch news {
    case .open: session.connected(at: context.now)
    case .bytes(let bytes): session.received(bytes, at: context.now)
    case .closed(let reason):
      let wasOpen = link?.isOpen == true
      link = nil
      if !wasOpen, let next = otherAddresses.popFirst() { return connect(to: next) }
      session.disconnected(reason, at: context.now)
    }
    perform()
  }
}
