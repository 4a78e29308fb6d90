import MeshProtocol

/// What the mesh stream asks of the store: the state at this moment. Changes come through `ChangeObserver`.
protocol MeshSource: Sendable {
  /// 16 random bytes of this store's history.
  var epoch: [UInt8] { get }
  /// Nil: the namespace never existed.
  func snapshot(_ namespace: String) -> NamespaceSnapshot?
  /// `exists` is false when there is no such service.
  func endpoints(_ namespace: String, _ service: String) -> ServiceEndpoints
  /// A proxy says what it holds. True when that is of this store's history and the store does not know it: it was put back.
  @discardableResult func proxyReported(namespace: String, holds version: ConfigurationVersion, proxy: String) -> Bool
}
