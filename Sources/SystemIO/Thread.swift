import CLinux
import Glibc

/// Runs `body` on a new thread, which ends with it. The kernel shows the first 15 bytes of `name`. Ends the process
/// with a message when the system gives no thread: threads are started with the program, not for requests.
public func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
  let start = unsafe Unmanaged.passRetained(ThreadStart(name: name, body: body))
  var thread = pthread_t()
  let code = unsafe pthread_create(
    &thread, nil,
    { argument in
      let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue()
      // A thread without a name is no fault.
      _ = unsafe clinux_name_thread(String(decoding: start.name.utf8.prefix(15), as: UTF8.self))
      start.body()
      return nil
    }, start.toOpaque())
  if code != 0 {
    unsafe start.release()
    writeStandardError(SystemError(code: code, call: "pthread_create").description)
    terminate(1)
  }
  pthread_detach(thread)
}

private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

/// Gives the calling thread a low priority (nice 10, a ninth of a thread that competes with it), so that its work waits for
/// requests. Not the lowest: on a machine whose processors are all taken, that would be a standstill. False when the system
/// refuses.
@discardableResult public func setLowPriority() -> Bool { clinux_nice_thread(10) == 0 }
