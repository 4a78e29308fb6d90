import Settings

/// The keys of the three listeners, and of the entries of their lists. Timeouts and limits hold for all of them and stand under `outbound`.
enum ListenerKeys {
  static let outbound =
    [
      Setting(
        "outbound.listen", .text, standard: "127.0.0.1:4140", environment: "HEDDLE_OUTBOUND", option: "--outbound",
        "Where local applications send their requests."),
      Setting(
        "outbound.listeners", .tree,
        "Further listeners like it, each for a protocol of its own: a list of {name, listen, protocol, tcp, tls, identifiers, thrift: "
          + "{method_in_dst}, proxy_protocol, transparent, trusted, explain, passthrough, upgrades, connect}. The last five are those of outbound "
          + "unless an entry says otherwise."),
      wireProtocol("outbound"), tls("outbound"), proxyHeader("outbound"),
      Setting(
        "outbound.tcp", .text,
        "The logical name, such as /svc/db, of connections that are neither HTTP nor TLS with a server name; with protocol tcp of all. "
          + "Without it they are refused."),
      Setting(
        "outbound.transparent", .boolean, standard: "false",
        "Connections are sent here by the kernel (iptables REDIRECT): those of bytes are named /svc/<address>:<port> by where they wanted "
          + "to go, and what no rule leads to a service goes there."),
      Setting(
        "outbound.passthrough", .boolean, standard: "true",
        "Whether TLS that does not end here goes on unopened to /svc/<server name>, by the rules; else it is refused."),
      Setting(
        "outbound.identifiers", .tree,
        "How requests get their names: a list of {kind: routes, header, method_and_host, path, header_path or static, …}, the first "
          + "that gives a name. Default: routes, then the Host header; for thrift, mux and thriftmux where the call wants to go, else "
          + "/svc."),
      Setting(
        "outbound.thrift.method_in_dst", .boolean, standard: "false",
        "Whether the name of a Thrift call ends in its method: /svc[/<destination>]/<method>."),
      Setting(
        "outbound.thrift.attempt_twitter_upgrade", .boolean, standard: "false",
        "Whether services of Thrift are asked, once per connection, for TTwitter: those that agree get destination, delegations, contexts "
          + "and trace of each call."),
      Setting(
        "outbound.thrift.declared_exceptions", .choice(["success", "failure"]), standard: "success",
        "What a call counts as that ends in an exception that its service declares. One that it does not (TApplicationException) is a "
          + "failure."),
      Setting(
        "outbound.trusted", .boolean, standard: "true",
        "Whether callers may steer their requests and say for whom they come. If not, l5d-* and heddle-* fields are taken off requests "
          + "and answers, Forwarded, X-Forwarded-* (X-Forwarded-Client-Cert too) and X-Real-IP off requests, and answers that the "
          + "proxy makes have no body."),
    ] + overrides + [
      Setting(
        "outbound.explain", .boolean, standard: "true",
        "Whether a trusted caller may ask with heddle-explain why its request goes where it goes."),
      upgrades("outbound"),
      Setting(
        "outbound.connect", .boolean, standard: "false",
        "Whether CONNECT makes a tunnel to the service that its host names by the rules, as for any request; else 405."),
      Setting(
        "outbound.failover", .choice(["health", "naming"]), standard: "health",
        "Whether alternatives written with | also yield while nothing of them is ready, or by naming only, as in Linkerd."
      ),
    ]

  private static let overrides = [
    Setting(
      "outbound.overrides.mode", .choice(["allow", "deny", "signed"]), standard: "allow",
      "Whose l5d-dtab counts: any caller's, nobody's (403 override-denied), or only what is signed with the key."),
    Setting(
      "outbound.overrides.prefixes", .texts,
      "Prefixes that a request may bring rules for, with all that is below them. Default: any."),
    Setting(
      "outbound.overrides.allow", .texts,
      "System names (/$/inet, …) to which the rules of a request may lead. Default: none."),
    Setting(
      "outbound.overrides.key_file", .text,
      "For mode signed: a file with the secret, 16 bytes to 4 KiB; a line feed at the end does not count."),
  ]

  static let inbound = [
    Setting(
      "inbound.listen", .text, standard: "0.0.0.0:4143", environment: "HEDDLE_INBOUND", option: "--inbound",
      "Where other hosts reach the application. Opened only when inbound.application is set."),
    Setting(
      "inbound.listeners", .tree,
      "Further listeners like it, each before an application of its own: a list of {name, listen, application, application_protocol, service, "
        + "protocol, tls, proxy_protocol, limits: {in_flight}, trusted, mesh_only, upgrades}. The last three are those of inbound unless an entry "
        + "says otherwise."),
    Setting(
      "inbound.application", .text, environment: "HEDDLE_APPLICATION", option: "--application",
      "Where the application of this host listens: a port of 127.0.0.1, or a numeric address and a port. All that comes in goes there, "
        + "and nowhere else."),
    Setting(
      "inbound.application_protocol", .choice(["auto", "http1", "http2", "thrift", "mux", "thriftmux"]),
      standard: "auto",
      "What the application speaks; auto: gRPC over HTTP/2, calls by what they came by, all else over HTTP/1.1."),
    Setting(
      "inbound.service", .text, standard: "/inbound",
      "The logical name that requests to the application are counted under, such as /svc/users."),
    wireProtocol("inbound"), tls("inbound"), proxyHeader("inbound"),
    Setting(
      "inbound.trusted", .choice(["mesh", "true", "false"]), standard: "mesh",
      "Whose l5d-*, heddle-* and forwarding fields reach the application: those of callers with an identity of the mesh, anybody's, or "
        + "nobody's."),
    Setting(
      "inbound.mesh_only", .boolean, standard: "false",
      "Whether none but callers with an identity of the mesh are taken; others are reset, and counted."),
    upgrades("inbound"),
    Setting(
      "inbound.limits.in_flight", .integer(1...1_000_000), standard: "4096",
      "Requests under way at the application, in the whole process; beyond it 503 overload."),
  ]

  static let edge = [
    Setting(
      "edge.listen", .text, environment: "HEDDLE_EDGE", option: "--edge",
      "The way into the mesh for callers that nobody vouches for: what they say of the mesh is taken off. Off unless set."
    ),
    Setting(
      "edge.identifiers", .tree,
      "As outbound.identifiers. Default: routes alone, so that only what a route names can be reached."),
    wireProtocol("edge"), tls("edge"), proxyHeader("edge"), upgrades("edge"),
  ]

  /// What stands in an entry of `outbound.listeners`: its name, and the keys of `outbound` that concern one listener.
  static let outboundEntry = entry(
    of: outbound, named: "outbound",
    [
      "listen", "protocol", "tls", "proxy_protocol", "tcp", "transparent", "passthrough", "identifiers",
      "thrift.method_in_dst", "trusted", "explain", "upgrades", "connect",
    ])

  /// The same of `inbound.listeners`.
  static let inboundEntry = entry(
    of: inbound, named: "inbound",
    [
      "listen", "application", "application_protocol", "service", "protocol", "tls", "proxy_protocol", "trusted",
      "mesh_only", "upgrades", "limits.in_flight",
    ])

  /// An entry says its address itself.
  private static func entry(of section: [Setting], named name: String, _ keys: Set<String>) -> [Setting] {
    [Setting("\(name).name", .text, "What the listener is called in logs, metrics and /config.")]
      + section.filter { keys.contains(String($0.path.dropFirst(name.count + 1))) }
      .map { $0.path == "\(name).listen" ? Setting($0.path, $0.kind, $0.summary) : $0 }
  }

  /// Of these an entry has what its section has, unless it says otherwise: whom the section does not trust, no entry trusts by accident.
  static let inherited: Set<String> = ["trusted", "explain", "passthrough", "upgrades", "connect", "mesh_only"]

  private static func wireProtocol(_ listener: String) -> Setting {
    Setting(
      "\(listener).protocol",
      .choice(["auto", "http1", "http2"] + (listener == "edge" ? [] : ["tcp", "tls", "thrift", "mux", "thriftmux"])),
      standard: "auto",
      "What callers speak: only what is declared, or auto: HTTP/2 where a connection begins with its preface, HTTP/1.1 where it begins "
        + "with a request, \(listener == "edge" ? "else nothing." : "TLS that goes on unopened, else bytes.")"
    )
  }

  private static func tls(_ listener: String) -> Setting {
    Setting(
      "\(listener).tls", .tree,
      "Secures connections from callers: {certificates: [{chain, key}], client_ca, client: required or optional, minimum_version}, "
        + "PEM files. Replaced files are taken up within 30 s, and on SIGHUP.")
  }

  private static func proxyHeader(_ listener: String) -> Setting {
    Setting(
      "\(listener).proxy_protocol", .boolean, standard: "false",
      "Each connection begins with a PROXY protocol header (version 1 or 2), as load balancers send it; one without is closed. Only for "
        + "a listener that none but they can reach.")
  }

  private static func upgrades(_ listener: String) -> Setting {
    Setting(
      "\(listener).upgrades", .texts, standard: "websocket",
      "Protocols that a request may switch to, where the service agrees: HTTP/1.1 its connection (Upgrade), HTTP/2 its stream (extended "
        + "CONNECT); that is then a tunnel. Other Upgrade fields are ignored. h2c cannot be listed; an empty list allows none."
    )
  }
}
