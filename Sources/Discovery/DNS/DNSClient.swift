import Memory
import Serving
import SystemIO

/// Asks the domain name system without blocking: carries out `DNSLookup`s over UDP and TCP. Belongs to the discovery thread.
final class DNSClient {
  /// Questions under way at once. Why: each holds a descriptor, and servers drop what comes in floods. At the limit: others
  /// wait their turn.
  static let limit = 64
  static let systemFile = "/etc/resolv.conf"
  static let hostsFile = "/etc/hosts"
  /// Bytes read of either file. At the limit it counts as empty.
  static let longestFile = 1 << 20

  private let loop: ServiceLoop
  private let fixed: ResolverSettings?
  private var system = ResolverSettings()
  private var systemIdentity: FileIdentity?
  private var hosts = HostsFile(parsing: [])
  private var hostsIdentity: FileIdentity?
  private var waiting: [DNSCall] = []
  private var underWay: [ObjectIdentifier: DNSCall] = [:]
  var random: any RandomNumberGenerator

  /// - Parameter settings: Nil = the system's, read again when its file changes.
  init(_ loop: ServiceLoop, _ settings: ResolverSettings?, random: any RandomNumberGenerator) {
    self.loop = loop
    fixed = settings
    self.random = random
  }

  /// Asks once; `done` is called later, unless the call is cancelled before.
  func ask(
    _ name: HostName, isAbsolute: Bool, _ type: RecordType, _ done: @escaping (Result<DNSAnswer, DNSFailure>) -> Void
  ) -> DNSCall {
    let call = DNSCall(self, loop, settings(), local(name, type), name, isAbsolute: isAbsolute, type, done)
    waiting.append(call)
    // Later, so that nothing is told from within this.
    loop.schedule(after: .zero) { [weak self] in self?.startNext() }
    return call
  }

  fileprivate func ended(_ call: DNSCall) {
    underWay[ObjectIdentifier(call)] = nil
    waiting.removeAll { $0 === call }
    startNext()
  }

  private func startNext() {
    while underWay.count < Self.limit, !waiting.isEmpty {
      let call = waiting.removeFirst()
      underWay[ObjectIdentifier(call)] = call
      call.start()
    }
  }

  /// What this machine's own file says of a name, which goes before the servers, as in the C library.
  private func local(_ name: HostName, _ type: RecordType) -> DNSAnswer? {
    guard fixed == nil else { return nil }
    let identity = try? FileIdentity(Self.hostsFile)
    if identity != hostsIdentity {
      hostsIdentity = identity
      hosts = HostsFile(parsing: (try? readFile(Self.hostsFile, limit: Self.longestFile)) ?? [])
    }
    return hosts.answer(name, type)
  }

  private func settings() -> ResolverSettings {
    if let fixed { return fixed }
    let identity = try? FileIdentity(Self.systemFile)
    if identity != systemIdentity || system.servers.isEmpty {
      systemIdentity = identity
      system = ResolverSettings(parsing: (try? readFile(Self.systemFile, limit: Self.longestFile)) ?? [])
    }
    return system
  }
}

/// One question under way, and the socket on which its current attempt waits.
final class DNSCall {
  private weak var client: DNSClient?
  private let loop: ServiceLoop
  private let settings: ResolverSettings
  /// Known without asking anybody.
  private let local: DNSAnswer?
  private var lookup: DNSLookup
  private var done: ((Result<DNSAnswer, DNSFailure>) -> Void)?
  private var attempt: (any DNSAttempt)?
  private var timer: ServiceLoop.Timer?

  fileprivate init(
    _ client: DNSClient, _ loop: ServiceLoop, _ settings: ResolverSettings, _ local: DNSAnswer?, _ name: HostName,
    isAbsolute: Bool, _ type: RecordType, _ done: @escaping (Result<DNSAnswer, DNSFailure>) -> Void
  ) {
    self.client = client
    self.loop = loop
    self.settings = settings
    self.local = local
    self.done = done
    lookup = DNSLookup(
      settings.candidates(name, isAbsolute: isAbsolute), type, servers: settings.servers.count,
      attempts: settings.attempts, using: &client.random)
  }

  func cancel() {
    done = nil
    finish()
  }

  fileprivate func start() {
    step { [local] lookup, random in local.map { .finished(.success($0)) } ?? lookup.start(using: &random) }
  }

  private func step(_ body: (inout DNSLookup, inout any RandomNumberGenerator) -> DNSLookup.Step) {
    guard let client, done != nil else { return }
    switch body(&lookup, &client.random) {
    case .wait: break
    case .send(let server, let bytes, let overTCP): send(bytes, to: settings.servers[server], overTCP: overTCP)
    case .finished(let result):
      let done = done
      self.done = nil
      finish()
      done?(result)
    }
  }

  private func send(_ bytes: [UInt8], to server: SocketAddress, overTCP: Bool) {
    endAttempt()
    do {
      let tell = { [weak self] (news: DNSNews) in self?.heard(news) ?? () }
      attempt =
        overTCP
        ? try StreamAttempt(loop, server, bytes, tell) : try DatagramAttempt(loop, server, bytes, tell)
      timer = loop.schedule(after: settings.timeout) { [weak self] in self?.heard(.broken("\(server) does not answer"))
      }
    } catch {
      timer = loop.schedule(after: .zero) { [weak self] in self?.heard(.broken("\(server): \(error)")) }
    }
  }

  private func heard(_ news: DNSNews) {
    switch news {
    case .message(let bytes): step { lookup, random in lookup.received(bytes, using: &random) }
    case .broken(let reason):
      endAttempt()
      step { lookup, random in lookup.failed(reason, using: &random) }
    }
  }

  private func finish() {
    endAttempt()
    client?.ended(self)
    client = nil
  }

  private func endAttempt() {
    attempt?.end()
    attempt = nil
    if let timer { loop.cancel(timer) }
    timer = nil
  }
}
