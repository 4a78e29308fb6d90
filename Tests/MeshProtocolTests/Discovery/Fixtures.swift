@testable import MeshProtocol

let epochA = [UInt8](repeating: 0xa, count: 16)
let epochB = [UInt8](repeating: 0xb, count: 16)

/// A rule as a controller would encode it.
func rule(_ id: String, to destination: String = "/#/registry/users-v1", revision: UInt64 = 1) -> [UInt8] {
  var resource = Heddle_Mesh_V1_Resource()
  resource.key.kind = .rule
  resource.key.name = id
  resource.revision = revision
  resource.rule.prefix = "/svc/\(id)"
  resource.rule.destination = destination
  return resource.encodedBytes()
}

func hash(_ resources: [[UInt8]]) -> SetHash {
  var hash = SetHash.empty
  for resource in resources { hash.insert(SetHash(of: resource)) }
  return hash
}

func version(_ revision: UInt64, _ resources: [[UInt8]], epoch: [UInt8] = epochA) -> ConfigurationVersion {
  ConfigurationVersion(epoch: epoch, revision: revision, hash: hash(resources))
}

/// A snapshot with one resource in each part.
func parts(_ resources: [[UInt8]], _ version: ConfigurationVersion) -> [Heddle_Mesh_V1_Snapshot] {
  (0..<max(1, resources.count)).map { index in
    var part = Heddle_Mesh_V1_Snapshot()
    part.version = version.wire
    part.part = UInt32(index)
    part.last = index == max(1, resources.count) - 1
    if index < resources.count { part.resources = [.init(resources[index])] }
    return part
  }
}

func snapshot(_ resources: [[UInt8]], _ version: ConfigurationVersion) -> Heddle_Mesh_V1_Snapshot {
  var part = Heddle_Mesh_V1_Snapshot()
  part.version = version.wire
  part.last = true
  part.resources = resources.map { .init($0) }
  return part
}

func delta(
  _ base: UInt64, _ version: ConfigurationVersion, upserts: [[UInt8]] = [], removes: [String] = []
) -> Heddle_Mesh_V1_Delta {
  var delta = Heddle_Mesh_V1_Delta()
  delta.baseRevision = base
  delta.version = version.wire
  delta.upserts = upserts.map { .init($0) }
  delta.removes = removes.map { ResourceIdentity(kind: .rule, name: $0).wire }
  return delta
}

/// A replica that holds these rules at this revision.
func replica(_ resources: [[UInt8]], at revision: UInt64, limits: ReplicaLimits = ReplicaLimits())
  -> ConfigurationReplica
{
  var replica = ConfigurationReplica(limits: limits)
  _ = replica.received(snapshot(resources, version(revision, resources)))
  _ = replica.applied()
  return replica
}

extension ConfigurationStep {
  var candidate: ConfigurationCandidate? { if case .apply(let candidate) = self { candidate } else { nil } }
  var gap: ConfigurationGap? { if case .resync(_, let gap) = self { gap } else { nil } }
  var refusal: Heddle_Mesh_V1_Nack? { if case .refuse(let nack) = self { nack } else { nil } }
  var breach: ConfigurationBreach? { if case .breach(let breach) = self { breach } else { nil } }
  var isMore: Bool { if case .more = self { true } else { false } }
  var isCurrent: Bool { if case .current = self { true } else { false } }
}
