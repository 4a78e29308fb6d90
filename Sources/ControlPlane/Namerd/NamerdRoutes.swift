import JSONFormat
import MeshProtocol
import Serving
import Traffic

// The HTTP API of namerd 1.x, so that `namerctl`, scripts and thin proxies written for it work: a namespace of namerd
// is one of ours, its dtab our rules. What it does not know (splits, history, dry runs) stays under `/v1`.

extension API {
  static let namerdRoutes: [Route] = [
    Route(
      "GET", "/api/1/dtabs", id: "namerdList", "namerd: the namespaces' names.", [.watch], answer: "NamerdNames"
    ) { (call) throws(Problem) in
      let controller = call.controller
      return try await call.namerdAnswer { .array(controller.namespaces.map { .string($0.name) }) }
    },
    Route(
      "GET", "/api/1/dtabs/{ns}", id: "namerdGetDtab",
      "namerd: the rules as `application/json`, or as `application/dtab` when that is accepted; the version as ETag.",
      [.watch], answer: "NamerdDtab"
    ) { (call) throws(Problem) in try await call.namerdDtab() },
    Route(
      "POST", "/api/1/dtabs/{ns}", id: "namerdCreateDtab", "namerd: makes a namespace; 409 when there is one.",
      bodies: Route.Body.namerd, answer: "Text", status: 204
    ) { (call) throws(Problem) in try await call.namerdStore(mustBeNew: true) },
    Route(
      "PUT", "/api/1/dtabs/{ns}", id: "namerdPutDtab",
      "namerd: replaces the rules, or makes the namespace; with If-Match only at that version (else 412).",
      [.header("If-Match", ["type": "string"], "The version, as ETag gave it.")], bodies: Route.Body.namerd,
      answer: "Text", status: 204
    ) { (call) throws(Problem) in try await call.namerdStore(mustBeNew: false) },
    Route(
      "DELETE", "/api/1/dtabs/{ns}", id: "namerdDeleteDtab",
      "namerd: deletes a namespace that has nothing but rules (else 409).", answer: "Text", status: 204
    ) { (call) throws(Problem) in try await call.namerdDelete() },
    Route(
      "GET", "/api/1/bind/{ns}", id: "namerdBind", "namerd: what a name is bound to, with addresses.",
      [.path, .dtab, .watch], answer: "NamerdTree"
    ) { (call) throws(Problem) in
      let bind = try NamerdBinding(call)
      return try await call.namerdAnswer { await bind.bound() }
    },
    Route(
      "GET", "/api/1/addr/{ns}", id: "namerdAddr", "namerd: the addresses of a bound name.", [.path, .watch],
      answer: "NamerdAddr"
    ) { (call) throws(Problem) in
      let bind = try NamerdBinding(call)
      return try await call.namerdAnswer { await bind.address() }
    },
    Route(
      "GET", "/api/1/resolve/{ns}", id: "namerdResolve",
      "namerd: addresses of one branch of what a name is bound to, drawn by weight.", [.path, .dtab, .watch],
      answer: "NamerdAddr"
    ) { (call) throws(Problem) in
      let bind = try NamerdBinding(call)
      return try await call.namerdAnswer { await bind.drawn() }
    },
    Route(
      "GET", "/api/1/delegate/{ns}", id: "namerdDelegate", "namerd: every step of a name.", [.path, .dtab, .watch],
      answer: "NamerdTree"
    ) { (call) throws(Problem) in
      let bind = try NamerdBinding(call)
      return try await call.namerdAnswer { await bind.delegated() }
    },
    Route(
      "POST", "/api/1/delegate", id: "namerdDelegateBody", "namerd: the same, asked for in a body.",
      bodies: Route.Body.json("NamerdDelegate"), answer: "NamerdTree"
    ) { (call) throws(Problem) in
      let bind = try NamerdBinding(body: call)
      return try await call.namerdAnswer { await bind.delegated() }
    },
    Route(
      "GET", "/api/1/bound-names", id: "namerdBoundNames", "namerd: the names that can be listed: the registry's.",
      [.watch], answer: "NamerdNames"
    ) { (call) throws(Problem) in
      let controller = call.controller
      return try await call.namerdAnswer { .array(controller.registryNames.map(JSON.string)) }
    },
  ]
}

extension Route.Parameter {
  fileprivate static let watch = query(
    "watch", ["type": "boolean"], "Goes on with each new value, one on a line, until the caller leaves.")
  fileprivate static let path = query("path", ["type": "string"], "The name.", required: true)
  fileprivate static let dtab = query("dtab", ["type": "string"], "Rules on top, as of a request.")
}

extension Route.Body {
  fileprivate static let namerd = [
    Route.Body(contentType: "application/json", schema: "NamerdDtab"),
    Route.Body(contentType: "application/dtab", schema: "DtabText"),
    Route.Body(contentType: "text/plain", schema: "DtabText"),
  ]
}

extension Controller {
  /// Every service of every namespace, as each namespace can name it.
  fileprivate var registryNames: [String] {
    namespaces.flatMap { state in
      Set(state.services.keys).sorted().map { "/#/registry.ns/\(state.name)/\($0)" }
    }
  }
}
