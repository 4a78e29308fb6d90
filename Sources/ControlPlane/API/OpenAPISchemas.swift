// The shapes of bodies and answers, in JSON Schema.
import JSONFormat
import MeshProtocol
import Traffic

extension OpenAPI {
  private static func object(_ properties: JSON, required: [String] = []) -> JSON {
    let base: JSON = ["type": "object", "properties": properties]
    return required.isEmpty ? base : base.adding([.init(name: "required", value: .array(required.map(JSON.string)))])
  }

  private static func list(of schema: JSON) -> JSON { ["type": "array", "items": schema] }
  private static func ref(_ name: String) -> JSON {
    .object([.init(name: "$ref", value: .string("#/components/schemas/\(name)"))])
  }

  private static let text: JSON = ["type": "string"]
  private static let whole: JSON = ["type": "integer", "minimum": 0]
  private static let truth: JSON = ["type": "boolean"]
  private static let number: JSON = ["type": "number"]
  private static let nameStates: JSON = [
    "type": "string", "enum": .array(ExplainTree.State.allCases.map { .string($0.rawValue) }),
  ]
  private static let part: JSON = [
    "type": "number", "minimum": 0, "maximum": 1,
    "description": "The part of all requests for the name that comes here by naming.",
  ]
  private static let authorizationModes: JSON = [
    "type": "string", "enum": .array(Authorization.Mode.allCases.map { .string($0.rawValue) }), "default": "enforce",
  ]
  private static let warnings = list(of: ref("Warning"))

  private static func page(_ name: String, _ item: String) -> JSON {
    object(
      .object([
        .init(name: "revision", value: whole), .init(name: name, value: list(of: ref(item))),
        .init(name: "continue", value: text),
      ]))
  }

  static let schemas: JSON = .object(
    (common.members ?? []) + (configuration.members ?? []) + (registry.members ?? []) + (facts.members ?? [])
      + (namerd.members ?? []))

  private static let common: JSON = [
    "Problem": object([
      "type": text, "title": text, "status": whole, "detail": text, "revision": whole,
      "errors": list(of: object(["pointer": text, "detail": text, "offset": whole], required: ["pointer", "detail"])),
    ]),
    "Warning": object(
      ["code": text, "detail": text, "kind": text, "name": text, "offset": whole], required: ["code", "detail"]),
    "Empty": ["type": "object"],
    "Object": ["type": "object"],
    "Text": text,
    "Events": text,
    "Written": object(["revision": whole, "warnings": warnings]),
    "Changed": object([
      "revision": whole, "warnings": warnings, "changed": list(of: object(["kind": text, "name": text])),
      "restored": whole,
    ]),
    "Readiness": object([
      "ready": truth, "checks": list(of: object(["name": text, "ok": truth, "detail": text, "fatal": truth])),
    ]),
    "Version": object(["program": text, "version": text, "epoch": text]),
    "Namespace": object([
      "name": text, "revision": whole, "rules": whole, "splits": whole, "services": whole, "connected_proxies": whole,
    ]),
    "NamespaceList": page("namespaces", "Namespace"),
  ]

  private static let configuration: JSON = [
    "RuleBody": object(
      ["prefix": text, "destination": text, "comment": text, "before": text], required: ["prefix", "destination"]),
    "Rule": object([
      "id": text, "prefix": text, "destination": text, "comment": text, "changed_in": whole, "revision": whole,
      "warnings": warnings,
    ]),
    "RuleList": page("rules", "Rule"),
    "DtabText": text,
    "DtabBody": object(["dtab": ["oneOf": [text, list(of: ref("RuleBody"))]]], required: ["dtab"]),
    "Dtab": object([
      "revision": whole, "effective": truth, "dtab": list(of: ref("Rule")), "text": text, "warnings": warnings,
    ]),
    "Backend": object(
      [
        "name": text, "destination": text,
        "weight": ["type": "integer", "minimum": 0, "maximum": .integer(Split.heaviest)], "share": number,
      ], required: ["name", "destination", "weight"]),
    "SplitBody": object(
      [
        "prefix": text, "backends": list(of: ref("Backend")),
        "on_unbound": ["type": "string", "enum": ["guard", "redistribute", "fail"]],
        "allow_zero": truth,
      ], required: ["prefix", "backends"]),
    "Split": object([
      "name": text, "prefix": text, "backends": list(of: ref("Backend")), "on_unbound": text, "changed_in": whole,
      "revision": whole,
      "warnings": warnings,
    ]),
    "SplitList": page("splits", "Split"),
    "FieldMatch": object(["name": text, "exact": text, "regex": text, "present": truth], required: ["name"]),
    "RouteMatch": object([
      "path": object(["exact": text, "prefix": text, "regex": text]), "method": text,
      "headers": list(of: ref("FieldMatch")), "query": list(of: ref("FieldMatch")),
    ]),
    "HeaderEdits": object([
      "set": ["type": "object", "additionalProperties": text], "add": ["type": "object", "additionalProperties": text],
      "remove": list(of: text),
    ]),
    "Redirect": object([
      "scheme": ["type": "string", "enum": ["http", "https"]], "host": text, "port": whole, "path": text,
      "prefix": text,
      "status": ["type": "integer", "enum": [301, 302, 303, 307, 308]],
    ]),
    "DirectResponse": object(["status": whole, "body": text, "content_type": text], required: ["status"]),
    "RouteBody": object([
      "hosts": list(of: text), "matches": list(of: ref("RouteMatch")), "to": text,
      "rewrite": object(["host": text, "path": text, "prefix": text]), "redirect": ref("Redirect"),
      "respond": ref("DirectResponse"), "request_headers": ref("HeaderEdits"), "response_headers": ref("HeaderEdits"),
    ]),
    "Route": object([
      "name": text, "hosts": list(of: text), "matches": list(of: ref("RouteMatch")), "to": text,
      "rewrite": ["type": "object"], "redirect": ref("Redirect"), "respond": ref("DirectResponse"),
      "request_headers": ref("HeaderEdits"), "response_headers": ref("HeaderEdits"), "created_in": whole,
      "changed_in": whole, "revision": whole, "warnings": warnings,
    ]),
    "RouteList": page("routes", "Route"),
    "AuthorizationRule": object(
      [
        "from": [
          "type": "array", "items": text, "minItems": 1, "maxItems": .integer(Int64(AuthorizationLimits.entries)),
        ],
        "methods": list(of: text), "paths": list(of: text),
      ], required: ["from"]),
    "AuthorizationBody": object(
      ["target": text, "mode": authorizationModes, "rules": list(of: ref("AuthorizationRule"))],
      required: ["target", "rules"]),
    "Authorization": object([
      "name": text, "target": text, "mode": authorizationModes, "rules": list(of: ref("AuthorizationRule")),
      "changed_in": whole, "revision": whole, "warnings": warnings,
    ]),
    "AuthorizationList": page("authorizations", "Authorization"),
    "AuthorizationOutcome": object([
      "result": ["type": "string", "enum": ["unrestricted", "allowed", "denied"]], "authorization": text, "rule": whole,
    ]),
    "AuthorizationCheck": object([
      "revision": whole, "from": text, "to": text, "method": text, "path": text, "allowed": truth,
      "enforced": ref("AuthorizationOutcome"), "dry_run": ref("AuthorizationOutcome"),
    ]),
    "Shift": object([
      "weights": ["type": "object", "additionalProperties": whole],
      "percent": ["type": "object", "additionalProperties": ["type": "number", "minimum": 0, "maximum": 100]],
      "allow_zero": truth,
    ]),
    "Changes": object(
      [
        "changes": list(
          of: object(
            [
              "op": ["type": "string", "enum": ["put", "delete"]],
              "kind": ["type": "string", "enum": .array(Change.kinds.map(JSON.string))],
              "name": text, "value": ["type": ["object", "string", "array"]],
            ], required: ["op", "kind"]))
      ], required: ["changes"]),
  ]

  private static let registry: JSON = [
    "EndpointBody": object([
      "weight": number, "zone": text, "metadata": ["type": "object", "additionalProperties": text], "ttl": text,
    ]),
    "Endpoint": object([
      "service": text, "address": text, "weight": number, "zone": text,
      "metadata": ["type": "object", "additionalProperties": text],
      "ttl": text, "state": ["type": "string", "enum": ["static", "leased", "suspect"]], "expires_in": text,
      "endpoints_version": whole,
    ]),
    "ServiceBody": object([
      "protocol": ["type": "string", "enum": .array(ServiceProtocol.allCases.map { .string($0.rawValue) })],
      "ttl": text,
      "endpoints": list(of: ref("Endpoint")),
    ]),
    "Service": object([
      "name": text, "protocol": text, "ttl": text, "endpoints": list(of: ref("Endpoint")), "endpoint_count": whole,
      "endpoints_version": whole, "revision": whole, "warnings": warnings,
    ]),
    "ServiceList": page("services", "Service"),
  ]

  private static let facts: JSON = [
    "Resolution": object([
      "name": text, "namespace": text, "revision": whole, "result": nameStates,
      "bound": ["type": "string", "description": "The bound name tree; absent while pending, or failed."],
      "tree": ref("ResolutionNode"),
    ]),
    "ResolutionNode": object([
      "kind": [
        "type": "string", "enum": .array(ExplainTree.Kind.allCases.map { .string($0.rawValue) }),
      ],
      "result": nameStates, "detail": text, "chosen": truth, "part": part, "path": text,
      "steps": list(of: ref("ResolutionStep")), "alternatives": list(of: ref("ResolutionNode")),
      "branches": list(of: ref("ResolutionBranch")),
      "on_unbound": text, "missing_share": number, "code": text, "name": text, "id": text, "residual": text,
      "split": text, "branch": text, "endpoint_count": whole, "endpoints": list(of: ref("Endpoint")),
    ]),
    "ResolutionStep": object([
      "by": ["type": "string", "enum": ["rule", "split", "namer", "request", "context", "file"]],
      "rule": text, "split": text, "namer": text, "index": whole, "revision": whole, "dentry": text,
      "chosen": truth, "part": part, "tree": ref("ResolutionNode"),
    ]),
    "ResolutionBranch": object([
      "branch": text, "weight": number, "share": number, "result": nameStates, "chosen": truth, "part": part,
      "tree": ref("ResolutionNode"),
    ]),
    "Revision": object([
      "revision": whole, "at": ["type": "string", "format": "date-time"], "who": text, "why": text, "summary": text,
      "diff": list(
        of: object([
          "op": text, "kind": text, "name": text, "before": ["type": "object"], "after": ["type": "object"],
        ])),
    ]),
    "RevisionList": page("revisions", "Revision"),
    "Proxy": object([
      "id": text, "node": text, "namespace": text,
      "state": ["type": "string", "enum": .array(ProxyState.allCases.map { .string($0.rawValue) })], "address": text,
      "zone": text,
      "labels": ["type": "object", "additionalProperties": text], "version": text, "capabilities": list(of: text),
      "identity": text, "revision_held": whole, "revision_acknowledged": whole, "last_seen": text,
      "connected_since": text,
      "last_error": text,
      "warnings": list(of: text),
    ]),
    "ProxyList": page("proxies", "Proxy"),
    "Identity": object([
      "trust_domain": text, "bundle_version": whole, "leaf_lifetime": text, "outage_grace": text,
      "authorities": list(of: ref("Authority")),
      "failure": [
        "type": "string",
        "description": "Why the files of identity.ca, as they are now, are not in force; the old ones are.",
      ],
      "kubernetes": [
        "type": "object", "properties": ["audience": text, "failure": text],
        "description": "Where service-account tokens are taken; failure: why the API server could not be asked last.",
      ],
    ]),
    "Authority": object([
      "id": text, "state": ["type": "string", "enum": ["next", "issuing", "trusted", "retired", "withdrawn"]],
      "subject": text,
      "fingerprint": text, "public_key_hash": text, "not_before": text, "not_after": text, "trusted_until": text,
      "withdrawn_at": text,
      "kept_in": ["type": "string", "enum": ["store", "files"]], "certificate": text,
    ]),
    "Withdrawal": object(["id": text, "replace": ["type": "boolean"]], required: ["id"]),
    "JoinTokenBody": object(
      ["identity": text, "ttl": text, "uses": ["type": "integer", "minimum": 1]], required: ["identity"]),
    "JoinToken": object([
      "id": text, "identity": text, "namespace": text, "uses": whole, "used": whole, "created_at": text,
      "created_by": text,
      "expires_at": text, "token": ["type": "string", "description": "Only in the answer that made it."],
    ]),
    "JoinTokenList": page("join_tokens", "JoinToken"),
    "MetricRow": object([
      "service": text, "requests_per_second": number, "success_rate": ["type": ["number", "null"]],
      "p50": ["type": ["string", "null"]],
      "p95": ["type": ["string", "null"]], "p99": ["type": ["string", "null"]],
    ]),
    "Metrics": object([
      "group_by": text, "window": text, "metrics": list(of: ref("MetricRow")), "inbound": list(of: ref("MetricRow")),
    ]),
  ]

  /// namerd's shapes.
  private static let namerd: JSON = [
    "NamerdNames": list(of: text),
    "NamerdDtab": list(of: object(["prefix": text, "dst": text], required: ["prefix", "dst"])),
    "NamerdDelegate": object(["namespace": text, "path": text, "dtab": text], required: ["namespace", "path"]),
    "NamerdAddr": object([
      "type": ["type": "string", "enum": ["bound", "neg", "pending", "failed"]],
      "addrs": list(of: object(["ip": text, "port": whole, "meta": ["type": "object"]])), "meta": ["type": "object"],
      "cause": text,
    ]),
    "NamerdTree": object([
      "type": [
        "type": "string",
        "enum": ["leaf", "neg", "fail", "empty", "alt", "union", "delegate", "exception"],
      ],
      "path": text, "dentry": object(["prefix": text, "dst": text]), "message": text, "delegate": ref("NamerdTree"),
      "alt": list(of: ref("NamerdTree")), "union": list(of: object(["weight": number, "tree": ref("NamerdTree")])),
      "bound": object(["addr": ref("NamerdAddr"), "id": text, "path": text]),
    ]),
  ]
}
