import HTTP
import Memory
import MeshProtocol
import Traffic

// Whether the application behind an inbound listener may be called so by this caller.

extension ProxyCore {
  /// Whether the request whose head stands in `self.head` may go on. If not, it was answered.
  mutating func authorize(_ h: Handle, _ headLength: Int) -> Bool {
    let table = table.authorizations
    if table.isEmpty { return true }
    if table.isUndecided {
      failUndispatched(h, headLength, .bindingTimeout, text: Self.undecided)
      return false
    }
    let decision = downstreams[h].decide(table, scope(h, table), head, &scratch)
    facts.recordAuthorization(decision, in: table)
    if decision.isAllowed { return true }
    failUndispatched(h, headLength, .unauthorized, text: refusal(h))
    return false
  }

  /// Whether a connection of bytes may go on. If not, it is over.
  mutating func authorizeBytes(_ h: Handle) -> Bool {
    let table = table.authorizations
    guard downstreams[h].origin.direction == .inbound, !table.isEmpty else { return true }
    if table.isUndecided {
      fail(h, .bindingTimeout, text: Self.undecided)
      return false
    }
    let decision = table.decide(scope(h, table))
    facts.recordAuthorization(decision, in: table)
    if decision.isAllowed { return true }
    fail(h, .unauthorized, text: refusal(h))
    return false
  }

  private static let undecided = "no configuration has come yet that says who may call"

  private mutating func scope(_ h: Handle, _ table: AuthorizationTable) -> CallerScope {
    let caller = downstreams[h].origin.identity
    guard caller >= 0 else { return .anonymous }
    return callerScopes.scope(of: caller, in: table, identity: identities[caller] ?? "")
  }

  private mutating func refusal(_ h: Handle) -> String {
    "no authorization lets \(identities[downstreams[h].origin.identity] ?? "a caller without an identity") call this"
  }
}

extension Downstream {
  fileprivate borrowing func decide(
    _ table: AuthorizationTable, _ caller: CallerScope, _ head: borrowing RequestHead, _ scratch: inout RouteScratch
  ) -> AuthorizationDecision {
    table.decide(caller, head, input.span, scratch: &scratch)
  }
}
