import SystemIO

/// The signals that this process reacts to, for the main thread to wait for.
struct SignalQueue: ~Copyable {
  enum Order { case stop, reload }

  private static let hangup: Int32 = 1
  private static let interrupt: Int32 = 2
  private static let terminate: Int32 = 15

  private let source: SignalSource
  private let poller: Poller

  init() throws(SystemError) {
    let source = try catchSignals([Self.hangup, Self.interrupt, Self.terminate])
    let poller = try Poller()
    try poller.add(source.descriptor, token: 0, .read)
    self.source = source
    self.poller = poller
  }

  /// Blocks until there is one.
  func next() -> Order {
    while true {
      if let signal = source.next() { return signal == Self.hangup ? .reload : .stop }
      _ = poller.wait(milliseconds: -1)
    }
  }
}
