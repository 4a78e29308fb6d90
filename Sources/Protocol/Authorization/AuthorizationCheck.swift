// What makes an authorization a good one. The controller asks before it stores, the proxy before it runs.

extension Authorization {
  /// Everything that is wrong; empty for a good authorization.
  public var faults: [FieldFault] {
    var checker = FieldChecker()
    if case .workload(let name) = target, !SPIFFEID.isSegment(name) {
      checker.within("target") { $0.add("must be the name of a workload identity of this namespace, or * for all") }
    }
    checker.each("rules", rules, atMost: AuthorizationLimits.rules) { $1.check(&$0) }
    return checker.faults
  }
}

extension AuthorizationRule {
  fileprivate func check(_ checker: inout FieldChecker) {
    if from.isEmpty { checker.within("from") { $0.add("must name a caller; \"anyone\" is everybody") } }
    checker.each("from", from, atMost: AuthorizationLimits.entries) { $0.note($1.fault) }
    checker.each("methods", methods, atMost: AuthorizationLimits.entries) { $0.note(RouteText.fault(inMethod: $1)) }
    checker.each("paths", paths, atMost: AuthorizationLimits.entries) { $0.note(RouteText.fault(inMatchedPath: $1)) }
    checker.within("from") { checker in
      if Set(from).count < from.count { checker.add("names a caller twice") }
    }
    for (field, list) in [("methods", methods), ("paths", paths)] where Set(list).count < list.count {
      checker.within(field) { $0.add("name one twice") }
    }
  }
}

extension CallerPattern {
  fileprivate var fault: String? {
    let segments: [String]
    switch self {
    case .anyone, .everyIdentity, .identity: return nil
    case .name(let name): segments = [name]
    case .workload(let namespace, let name): segments = [namespace, name]
    }
    guard segments.allSatisfy(SPIFFEID.isSegment) else {
      return "must be an identity such as web, ns/other/sa/web or spiffe://domain/ns/other/sa/web, or * or anyone"
    }
    return nil
  }
}
