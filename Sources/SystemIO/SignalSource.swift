import CLinux
import Glibc

/// Signals as something to read: `descriptor` is readable while one waits. Closed when it goes out of scope; the
/// signals stay blocked.
public struct SignalSource: ~Copyable, Sendable {
  /// For the poller.
  public let descriptor: Int32

  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { _ = close(descriptor) }

  /// Takes the next signal's number, nil when none waits.
  public borrowing func next() -> Int32? {
    var signal = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    let count = retrying { unsafe read(descriptor, &signal, size) }
    return count == size ? Int32(bitPattern: signal.ssi_signo) : nil
  }
}

/// Blocks `signals` for this thread and the threads that it starts from now on, and delivers them through the source
/// instead: to be called by the main thread before any other runs.
public func catchSignals(_ signals: [Int32]) throws(SystemError) -> SignalSource {
  var set = sigset_t()
  unsafe sigemptyset(&set)
  for signal in signals where unsafe sigaddset(&set, signal) != 0 { throw .last("sigaddset") }
  let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  if code != 0 { throw SystemError(code: code, call: "pthread_sigmask") }
  let descriptor = unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
  if descriptor < 0 { throw .last("signalfd") }
  return SignalSource(owning: descriptor)
}

/// Makes writing to a closed pipe an error instead of death: for programs whose output someone may stop reading.
/// Sockets do not need it.
public func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }
