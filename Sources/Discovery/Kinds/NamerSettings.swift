import MeshProtocol
import Settings

/// The configuration of one namer of one kind, as its entry in `namers:` has it, and the way from there to the namer.
///
/// A new kind is a file with a type of this protocol and a line in `NamerKinds`.
public protocol NamerSettings: Sendable, Equatable {
  /// As `kind:` has it; also the prefix unless another is given: `io.l5d.fs` answers `/#/io.l5d.fs/…`.
  static var kind: String { get }

  /// Whole, when the kind answers only these and takes no `prefix:`; nil = `/#/` and what `prefix:` says.
  static var prefixes: [Path]? { get }

  /// How long an empty or negative answer must stand before a name with endpoints is told to have none, unless `grace:`
  /// says otherwise.
  static var grace: Duration { get }

  /// Reads the kind's own keys; `kind`, `prefix` and `grace` are read already. What is wrong is noted with
  /// `reader.fault` and the value is then never used; the caller finishes the reader.
  init(_ reader: Reader)

  /// Begins to serve names. Called on the discovery thread; it must not block. What it throws becomes the reason for which
  /// all names below the prefix fail.
  func makeNamer(_ context: NamerContext) throws -> any Namer
}

extension NamerSettings {
  public static var prefixes: [Path]? { nil }
  public static var grace: Duration { .seconds(30) }

  func isEqual(to other: any NamerSettings) -> Bool { (other as? Self) == self }
}
