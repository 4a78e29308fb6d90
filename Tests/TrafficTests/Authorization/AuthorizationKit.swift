import HTTP
import MeshProtocol
import Traffic

let ownIdentity = SPIFFEID(trustDomain: "heddle.local", namespace: "shop", name: "users")!

func allow(_ from: String..., methods: [String] = [], paths: [String] = []) -> AuthorizationRule {
  AuthorizationRule(from: from.map { CallerPattern($0) }, methods: methods, paths: paths)
}

func authorization(_ rules: AuthorizationRule...) -> Authorization {
  Authorization(target: .workload("users"), rules: rules)
}

func authorization(_ target: String, _ rules: AuthorizationRule...) -> Authorization {
  Authorization(target: AuthorizationTarget(target), rules: rules)
}

func dryRun(_ rules: AuthorizationRule...) -> Authorization {
  Authorization(target: .workload("users"), mode: .dryRun, rules: rules)
}

/// A caller as the tests write it: a name of the namespace `shop`, a whole SPIFFE ID, or nil.
func callerID(_ text: String?) -> String? {
  text.map { $0.contains(":") ? $0 : "spiffe://heddle.local/ns/shop/sa/\($0)" }
}

extension AuthorizationTable {
  func ask(_ caller: String?, _ method: String = "GET", _ path: String = "/") -> AuthorizationDecision {
    var scratch = RouteScratch()
    let (methodBytes, pathBytes) = (Array(method.utf8), Array(path.utf8))
    return decide(scope(of: callerID(caller)), method: methodBytes.span, path: pathBytes.span, scratch: &scratch)
  }

  /// `-` for no authorization, else `name/rule`, or `!name`.
  func say(_ outcome: AuthorizationDecision.Outcome) -> String {
    switch outcome {
    case .unrestricted: "-"
    case .allowed(let authorization, let rule): "\(authorizations[Int(authorization)])/\(rule)"
    case .denied(let authorization): "!\(authorizations[Int(authorization)])"
    }
  }

  func enforced(_ caller: String?, _ method: String = "GET", _ path: String = "/") -> String {
    say(ask(caller, method, path).enforced)
  }
}
