import Settings

/// Every key of a proxy's configuration: file, environment and command line, `--help`, the documentation and the
/// validation all come from this table.
public enum ProxyKeys {
  private static let anyTime: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

  public static let table = SettingsTable(
    identity + mesh + ListenerKeys.outbound + ListenerKeys.inbound + ListenerKeys.edge + policies + clients + admin
      + naming
      + timeouts
      + limits + running)

  private static let identity = [
    Setting(
      "node", .text, environment: "HEDDLE_NODE", option: "--node",
      "The name of this host or pod, as operators see it. Default: the host name. An instance id is added."),
    Setting(
      "namespace", .text, standard: "default", environment: "HEDDLE_NAMESPACE", option: "--namespace",
      "The namespace whose rules this proxy runs, for all its listeners."),
    Setting(
      "labels", .pairs, environment: "HEDDLE_LABELS", option: "--labels",
      "Labels of this proxy, shown by the controller."),
    Setting(
      "zone", .text, standard: "", environment: "HEDDLE_ZONE", option: "--zone", "The failure domain of this proxy."),
  ]

  private static let mesh = [
    Setting(
      "mesh", .texts, environment: "HEDDLE_MESH", option: "--mesh",
      "Controllers to connect to, HOST[:PORT], port 4321 unless given. Without any the proxy works standalone."),
    Setting(
      "state.path", .text, environment: "HEDDLE_STATE", option: "--state",
      "File for the last applied configurations and endpoints, from which a proxy starts when no controller answers. "
        + "Locked: a second proxy on it refuses to start. Without it nothing is kept."),
    Setting(
      "identity.join_token", .text, environment: "HEDDLE_JOIN_TOKEN",
      "A join token (heddle identity token create): the proxy gets its certificate with it, and its connection to the controller is "
        + "mutual TLS from then on. Used only while no certificate is kept. A secret: rather in a file, or the environment."
    ),
    Setting(
      "identity.join_token_file", .text, environment: "HEDDLE_JOIN_TOKEN_FILE",
      "A file with the join token, read anew for each attempt to join."),
    Setting(
      "identity.kubernetes_token_file", .text, environment: "HEDDLE_KUBERNETES_TOKEN_FILE",
      "A file with a Kubernetes service-account token for the controller's audience (identity.kubernetes of the controller), instead of a "
        + "join token: the proxy becomes the service account. Read anew for each attempt to join, since such tokens rotate. Needs "
        + "identity.roots."),
    Setting(
      "identity.roots", .text, environment: "HEDDLE_IDENTITY_ROOTS",
      "PEM file with the mesh's roots, by which a proxy that joins with a Kubernetes token knows the controller. Read anew for each attempt."
    ),
    Setting(
      "identity.path", .text, environment: "HEDDLE_IDENTITY",
      "Folder for the proxy's key, certificate and trusted roots (key.pem, leaf.pem, bundle.pem, readable by their owner only). "
        + "Default: state.path with .identity behind it. When they are there the proxy uses them, with or without a token."
    ),
  ]

  private static let policies = [
    Setting(
      "policies", .tree,
      "How answers to calls of Thrift and Mux are classified, and which calls are tried again: a list of {prefix, classify: {declared, application, "
        + "error}, retries: {max, budget: {percent, min_per_second, ttl}, backoff: {min, max}, buffer}}, by prefixes of logical names; the "
        + "longest wins, key by key. HTTP is not retried."
    )
  ]

  private static let clients = [
    Setting(
      "clients", .tree,
      "TLS to services: a list of {prefix, tls: {server_name, ca, certificate: {chain, key}, verify, minimum_version}}, by prefixes of concrete "
        + "names such as /#/registry/payments, the longest that fits. Replaced files are taken up within 30 s, and on SIGHUP."
    )
  ]

  private static let admin = [
    Setting(
      "admin.listen", .text, standard: "127.0.0.1:9990", environment: "HEDDLE_ADMIN", option: "--admin",
      "Health, metrics and operations. A non-loopback address is refused unless insecure_listen is set."),
    Setting(
      "observe.listen", .text, environment: "HEDDLE_OBSERVE", option: "--observe",
      "A second listener with only /livez, /readyz and /metrics, for probes and scrapes from outside. Off unless set."),
    Setting(
      "insecure_listen", .boolean, standard: "false", environment: "HEDDLE_INSECURE_LISTEN",
      "Allows admin.listen on an address that others can reach."),
  ]

  private static let naming = [
    Setting(
      "dtab", .text, environment: "HEDDLE_DTAB", option: "--dtab",
      "Rules of this proxy, weaker than the controller's: /svc => /#/registry ; …"),
    Setting(
      "registry", .tree,
      "Services of /#/registry/<name> for standalone use: a mapping of names to lists of addresses, or to {protocol, endpoints}, where a "
        + "protocol is one of http1, http2, tcp, thrift, mux, thriftmux, as services have it at the controller."),
    Setting(
      "namers", .tree,
      "Namers of this proxy: a list of {kind: io.l5d.static, prefix, names}, which answer before all others, and, without mesh, of "
        + "kinds io.l5d.fs, io.l5d.dns, io.l5d.dnssrv, io.l5d.inet and io.l5d.rewrite with their keys."),
  ]

  private static let timeouts = [
    Setting(
      "outbound.timeouts.connection_idle", .duration(anyTime), standard: "1m",
      "An unused connection from an application is closed after this."),
    Setting(
      "outbound.timeouts.head", .duration(anyTime), standard: "10s",
      "From the first byte of a request's head to its last; then 408 and the connection is closed (slowloris)."),
    Setting(
      "outbound.timeouts.stream_idle", .duration(anyTime), standard: "5m",
      "No byte either way while a request is under way: 504, or the connection is cut when the answer had begun."),
    Setting(
      "outbound.timeouts.connect", .duration(anyTime), standard: "1s",
      "A connection attempt to an endpoint; then the request goes elsewhere."),
    Setting(
      "outbound.timeouts.pool_idle", .duration(anyTime), standard: "3s",
      "An unused connection to an endpoint is closed after this, since servers close theirs after 2 to 5 s."),
    Setting(
      "outbound.timeouts.binding", .duration(anyTime), standard: "1s",
      "A request waits this long for the first endpoints of its name; then 503 binding-timeout."),
    Setting(
      "outbound.timeouts.detect", .duration(anyTime), standard: "10s",
      "A new connection that has not shown what it speaks is taken for TCP after this, where a listener takes TCP beside HTTP."
    ),
    Setting(
      "outbound.timeouts.linger", .duration(anyTime), standard: "5s",
      "From the last byte of the last answer on a connection to the caller's own end of it; then it is closed all the same."
    ),
    Setting(
      "outbound.timeouts.ping", .duration(anyTime), standard: "20s",
      "An HTTP/2 connection with requests under way on which nothing came for so long is asked for a sign (PING); without one for as long again it is closed."
    ),
    Setting(
      "outbound.timeouts.tunnel_idle", .duration(.milliseconds(1) ... .seconds(31_536_000)),
      "No byte either way through a tunnel (WebSocket, CONNECT); then both its connections are reset. None unless set."),
    Setting(
      "outbound.timeouts.request", .duration(anyTime),
      "From a request's head to the last byte of its answer; then 504 timeout. None unless set."),
  ]

  private static let limits = [
    Setting(
      "outbound.limits.pending", .integer(1...1_000_000), standard: "1024",
      "Requests of one name that wait for its endpoints, in the whole process; beyond it 503 overload."),
    Setting(
      "outbound.limits.in_flight", .integer(1...1_000_000), standard: "4096",
      "Requests of one name under way, in the whole process; beyond it 503 overload."),
    Setting(
      "outbound.limits.names", .integer(1...100_000), standard: "4096",
      "Concrete names in use; a request that needs one more gets 503 overload, names in use stay."),
    Setting(
      "outbound.limits.resends", .integer(0...10), standard: "3",
      "Times one request is sent again because it surely reached no application."),
    Setting(
      "outbound.limits.buffer", .size(4096...16_777_216), standard: "64KiB",
      "Bytes kept per direction and connection; beyond it nothing is read from the faster side."),
    Setting(
      "outbound.limits.linger", .size(0...1_073_741_824), standard: "16MiB",
      "Bytes that are read and dropped of a caller that goes on sending after the last answer on its connection; then it is closed."
    ),
    Setting(
      "outbound.limits.interims", .integer(0...100), standard: "8",
      "Interim answers (1xx) to one request; one more is 502 upstream-protocol."),
    Setting(
      "outbound.limits.connections", .integer(1...1_000_000), standard: "100000",
      "Connections from applications; beyond it nothing is accepted until one closes."),
    Setting(
      "outbound.limits.tunnels", .integer(1...1_000_000), standard: "20000",
      "Tunnels (WebSocket, CONNECT), in the whole process, requests that ask for one included; one more gets 503 overload."
    ),
    Setting(
      "outbound.limits.message", .size(1024...1_073_741_823), standard: "16MiB",
      "One message of Thrift or Mux; a longer one ends its connection. Calls under way on one Mux connection are held to as much again."
    ),
    Setting(
      "outbound.limits.streams", .integer(1...65_536), standard: "256",
      "Requests that one HTTP/2 connection may have under way; one more is refused (REFUSED_STREAM), and may be sent again."
    ),
  ]

  private static let running = [
    Setting(
      "workers", .integer(1...256), environment: "HEDDLE_WORKERS", option: "--workers",
      "Threads that carry requests. Default: the smaller of processor affinity and cgroup quota, rounded up."),
    Setting(
      "drain.grace", .duration(.zero ... .seconds(3600)), standard: "30s", environment: "HEDDLE_DRAIN_GRACE",
      "After SIGTERM or POST /drain, requests under way have this long to finish."),
    Setting(
      "log.level", .choice(["error", "warning", "info", "debug"]), standard: "info", environment: "HEDDLE_LOG_LEVEL",
      option: "--log-level", "How much is logged, to standard error. SIGHUP and PUT /log-level change it."),
    Setting(
      "log.format", .choice(["text", "json"]), standard: "text", environment: "HEDDLE_LOG_FORMAT",
      option: "--log-format", "How log lines look."),
  ]
}
