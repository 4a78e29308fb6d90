/// What the answer to a call says of it, whichever protocol the call went by.
public enum CallOutcome: Hashable, Sendable {
  /// The method's value, or that it has none.
  case value
  /// An exception that the method declares, in this field of its result: the number in its `throws`.
  case declared(Int16)
  /// The service could not do the call: a `TApplicationException` of this type; nil where it does not say.
  case application(Int32?)
  /// Mux: status error, or Rerr.
  case error
}

/// The class of each outcome of a call.
///
/// An exception has no name on the wire, only the number that its method gave it: where methods number theirs differently, names that
/// end in the method (`thrift.method_in_dst`) give each its own classifier.
public struct CallClassifier: Hashable, Sendable {
  public var declared: [Int16: ResponseClass]
  /// Of declared exceptions that `declared` does not have.
  public var otherDeclared: ResponseClass
  public var application: [Int32: ResponseClass]
  /// Of application exceptions that `application` does not have, or that do not say their type.
  public var otherApplication: ResponseClass
  public var error: ResponseClass

  /// Unless said otherwise: what a service declares is its answer, what it could not do is a failure, nothing is sent again.
  public init(
    declared: [Int16: ResponseClass] = [:], otherDeclared: ResponseClass = .success,
    application: [Int32: ResponseClass] = [:], otherApplication: ResponseClass = .failure,
    error: ResponseClass = .failure
  ) {
    self.declared = declared
    self.otherDeclared = otherDeclared
    self.application = application
    self.otherApplication = otherApplication
    self.error = error
  }

  /// What this outcome counts as.
  public func classify(_ outcome: CallOutcome) -> ResponseClass {
    switch outcome {
    case .value: .success
    case .declared(let field): declared[field] ?? otherDeclared
    case .application(let type): type.flatMap { application[$0] } ?? otherApplication
    case .error: error
    }
  }
}
