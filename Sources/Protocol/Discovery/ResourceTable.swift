/// Resources found by their identity. A value; a place in the table takes 8 bytes, for what tells resources apart stands
/// in themselves.
public struct ResourceTable: Sendable, Sequence {
  private struct Member: Hashable, Sendable {
    let resource: ReplicatedResource

    static func == (a: Member, b: Member) -> Bool { a.resource.isNamed(as: b.resource) }

    func hash(into hasher: inout Hasher) { resource.hashIdentity(into: &hasher) }
  }

  private var members: Set<Member> = []

  public init() {}

  public var count: Int { members.count }

  /// The one of this identity.
  public subscript(identity: ResourceIdentity) -> ReplicatedResource? {
    ReplicatedResource(lookingFor: identity).flatMap { self[sameAs: $0] }
  }

  /// The one of the same identity.
  subscript(sameAs other: ReplicatedResource) -> ReplicatedResource? {
    members.firstIndex(of: Member(resource: other)).map { members[$0].resource }
  }

  /// Adds one, in place of the one of the same identity.
  mutating func put(_ resource: ReplicatedResource) { members.update(with: Member(resource: resource)) }

  /// Adds one; false when there is one of the same identity.
  mutating func add(_ resource: ReplicatedResource) -> Bool { members.insert(Member(resource: resource)).inserted }

  /// Takes the one of the same identity out.
  mutating func remove(sameAs other: ReplicatedResource) { members.remove(Member(resource: other)) }

  /// In no order.
  public func makeIterator() -> some IteratorProtocol<ReplicatedResource> {
    members.lazy.map(\.resource).makeIterator()
  }
}
