/// What the mesh stream asks of the store: the state at this moment. Changes come through `ChangeObserver`.
protocol MeshSource: Sendable {
  /// 16 random bytes of this store's history.
  var epoch: [UInt8] { get }
  /// Nil: the namespace never existed.
  func snapshot(_ namespace: String) -> NamespaceSnapshot?
  /// `exists` is false when there is no such service.
  func endpoints(_ namespace: String, _ service: String) -> ServiceEndpoints
  /// A proxy says that it holds this revision of this history. The store notices when it is ahead of its own.
  func proxyReported(namespace: String, epoch: [UInt8], revision: UInt64, proxy: String)
}
