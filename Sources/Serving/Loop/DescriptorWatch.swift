import Memory
import SystemIO
import Workers

/// A descriptor that a service loop watches for somebody outside this module: a namer's socket, an inotify queue.
///
/// The descriptor stays its owner's, who ends the watch before closing it.
public final class DescriptorWatch {
  private let table: DescriptorTable
  private let handle: Handle

  fileprivate init(_ table: DescriptorTable, _ handle: Handle) {
    self.table = table
    self.handle = handle
  }

  /// Changes what the descriptor is watched for.
  public func change(_ interest: Interest) throws(SystemError) { try table.change(handle, interest) }

  /// Watches no more: the body is not called again, not even for an event of this turn. Ending twice is no error.
  public func end() { table.end(handle) }
}

extension ServiceLoop {
  /// Calls `body` on this loop's thread whenever `descriptor` is ready, until the watch ends or the loop does.
  /// - Throws: `Full` or `SystemError`.
  public func watch(
    _ descriptor: Int32, _ interest: Interest, _ body: @escaping (Readiness) -> Void
  ) throws -> DescriptorWatch {
    let table = try descriptors()
    return DescriptorWatch(table, try table.enter(descriptor, interest, body))
  }
}

/// All watched descriptors of one loop, under one kind of token.
final class DescriptorTable: LoopSource {
  private struct Watched {
    let descriptor: Int32
    let body: (Readiness) -> Void
  }

  private var kind: UInt8 = 0
  private unowned let loop: ServiceLoop
  private var watched = Slab<Watched>()

  init(loop: ServiceLoop) throws(ServiceLoop.Full) {
    self.loop = loop
    kind = try loop.attach(LoopSlot())
    loop.replace(kind: kind, with: self)
  }

  fileprivate func enter(
    _ descriptor: Int32, _ interest: Interest, _ body: @escaping (Readiness) -> Void
  ) throws(SystemError) -> Handle {
    let handle = watched.insert(Watched(descriptor: descriptor, body: body))
    do throws(SystemError) {
      try loop.events.add(descriptor, token: handle.token(kind: kind), interest)
    } catch {
      _ = watched.remove(handle)
      throw error
    }
    return handle
  }

  fileprivate func change(_ handle: Handle, _ interest: Interest) throws(SystemError) {
    guard watched.contains(handle) else { return }
    try loop.events.modify(watched[handle].descriptor, token: handle.token(kind: kind), interest)
  }

  fileprivate func end(_ handle: Handle) {
    guard watched.contains(handle) else { return }
    loop.events.remove(watched.remove(handle).descriptor)
  }

  // MARK: LoopSource

  func ready(_ handle: Handle, _ readiness: Readiness) {
    guard watched.contains(handle) else { return }
    let body = watched[handle].body
    body(readiness)
  }

  func expired(_ handle: Handle) {}
  func edge() {}

  func loopEnded() {
    for index in 0..<watched.slotCount {
      if let handle = watched.handle(at: index) { end(handle) }
    }
  }
}
