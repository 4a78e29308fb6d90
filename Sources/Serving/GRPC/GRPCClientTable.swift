import Memory
import SystemIO

/// All gRPC clients of one loop, under one kind of token: thousands fit on a thread, as a test of a whole fleet needs.
final class GRPCClientTable: LoopSource {
  private(set) var kind: UInt8 = 0
  private unowned let loop: ServiceLoop
  /// By connection: a client that connects anew gets a new handle, so that events of the old connection find nobody.
  private var clients = Slab<GRPCClient>()
  private var dirty: [Handle] = []

  private static let edgeRounds = 8

  init(loop: ServiceLoop) throws(ServiceLoop.Full) {
    self.loop = loop
    kind = try loop.attach(LoopSlot())
    loop.replace(kind: kind, with: self)
  }

  func enter(_ client: GRPCClient) -> Handle { clients.insert(client) }

  func leave(_ handle: Handle) {
    if clients.contains(handle) { _ = clients.remove(handle) }
  }

  /// The connection has something to write at the edge.
  func mark(_ handle: Handle) { dirty.append(handle) }

  // MARK: LoopSource

  func ready(_ handle: Handle, _ readiness: Readiness) {
    if clients.contains(handle) { clients[handle].ready(readiness) }
  }

  func expired(_ handle: Handle) {
    if clients.contains(handle) { clients[handle].expired() }
  }

  func edge() {
    for _ in 0..<Self.edgeRounds where !dirty.isEmpty {
      let marked = dirty
      dirty.removeAll(keepingCapacity: true)
      for handle in marked where clients.contains(handle) { clients[handle].flush() }
    }
    if !dirty.isEmpty { loop.executor.execute {} }
  }

  func loopEnded() {
    for index in 0..<clients.slotCount {
      if let handle = clients.handle(at: index) { clients[handle].close() }
    }
  }
}
