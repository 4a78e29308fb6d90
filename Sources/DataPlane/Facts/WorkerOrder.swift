import MeshProtocol
import TLS

/// What the control side tells a worker. Carried out at the worker's loop edge, in order.
public enum WorkerOrder: Sendable {
  /// Route by this table from now on; answer `.running`.
  case run(RoutingTable)
  /// This is the state of a concrete name now.
  case endpoints(EndpointSet)
  /// This proxy's share of the fleet's floor of re-sends, above 0 and at most 1.
  case requeueShare(Double)
  /// Secure connections to a listener, by its place among the worker's, by this from now on; those that are there keep what they have.
  case secure(listener: Int, TLSContext)
  /// Secure connections to a service, by its place among the configured, by this from now on.
  case secureService(Int, TLSContext)
  /// Be this in the mesh from now on.
  case credentials(MeshCredentials)
  /// A root is not trusted any more, at once: end the connections that showed or asked for an identity.
  case cutMesh
  /// Hand over the facts since the last time; answer `.collected` with this ticket.
  case collect(ticket: UInt64)
  /// Show what you have; answer `.described` with this ticket.
  case describe(ticket: UInt64, what: WorkerView)
  /// Accept nothing new, finish what runs, within the grace; answer `.drained`.
  case drain(grace: Duration)
  /// End at once.
  case stop
}

/// What a worker can be asked to show.
public enum WorkerView: Sendable {
  /// Load, latency and state of each endpoint: a JSON array of objects.
  case endpoints(of: String? = nil)
  /// The names bound now: a JSON array of objects.
  case bindings
}

/// What a worker tells the control side.
public enum WorkerNotice: Sendable {
  /// The worker swapped to the table of this generation.
  case running(worker: Int, generation: UInt64)
  /// The worker needs the endpoints of this concrete name.
  case wants(worker: Int, name: Path)
  /// The worker has no more use for this concrete name.
  case releases(worker: Int, name: Path)
  /// Answer to `.collect`.
  case collected(worker: Int, ticket: UInt64, WorkerFacts)
  /// Answer to `.describe`: JSON.
  case described(worker: Int, ticket: UInt64, String)
  /// The last connection is gone, or the grace is over.
  case drained(worker: Int)
}

/// The way orders reach a worker. Safe from any thread.
public protocol WorkerPort: Sendable {
  /// Queues the order; it is never lost while the worker runs.
  func send(_ order: WorkerOrder)
}
