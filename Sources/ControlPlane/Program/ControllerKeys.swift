import Settings

/// Every key of the controller's configuration: file, environment and command line, the documentation and the
/// validation all come from this table.
enum ControllerKeys {
  static let table = SettingsTable([
    Setting(
      "rest.listen", .text, standard: "127.0.0.1:4180", environment: "HEDDLE_REST_LISTEN", option: "--rest-listen",
      "Where the REST API answers. A non-loopback address is refused unless insecure_listen is set."),
    Setting(
      "rest.names", .texts, environment: "HEDDLE_REST_NAMES", option: "--rest-names",
      "Names under which callers reach the REST API, beside addresses, localhost and this host's own name. "
        + "Requests with another Host are refused, so that web pages cannot reach it by rebinding their name."),
    Setting(
      "mesh.listen", .text, standard: "127.0.0.1:4321", environment: "HEDDLE_MESH_LISTEN", option: "--mesh-listen",
      "Where proxies connect, with TLS and, where mesh.tls allows, without."),
    Setting(
      "mesh.names", .texts, environment: "HEDDLE_MESH_NAMES", option: "--mesh-names",
      "DNS names and numeric addresses of this controller that stand in its certificate, beside those of mesh.listen."),
    Setting(
      "mesh.tls", .choice(["required", "permissive"]), environment: "HEDDLE_MESH_TLS", option: "--mesh-tls",
      "Whether proxies without TLS are served. Where it is not set: permissive on a loopback address and with insecure_listen, "
        + "else required."),
    Setting(
      "identity.trust_domain", .text, standard: "heddle.local", environment: "HEDDLE_TRUST_DOMAIN",
      option: "--trust-domain",
      "The mesh's part of the identities that it gives: spiffe://<trust domain>/ns/<namespace>/sa/<identity>."),
    Setting(
      "identity.leaf_lifetime", .duration(.seconds(300)...(.seconds(30 * 86_400))), standard: "24h",
      "How long a proxy's certificate lives. Proxies renew theirs at about two thirds of it."),
    Setting(
      "identity.outage_grace", .duration(.zero...(.seconds(30 * 86_400))), standard: "72h",
      "For so long after its end a certificate is still taken, so that an outage of all controllers stops no traffic. 0s: not."
    ),
    Setting(
      "identity.rotation_overlap", .duration(.zero...(.seconds(30 * 86_400))), standard: "5m",
      "The least time for which a new root is trusted before it signs."),
    Setting(
      "identity.ca.certificate", .text,
      "PEM file: a signing certificate of your own, then those above it. With it nothing is signed by roots of the store. "
        + "These files are read again when they change, and on SIGHUP."
    ),
    Setting("identity.ca.key", .text, "PEM file: the private key of identity.ca.certificate, without a password."),
    Setting(
      "identity.ca.bundle", .text,
      "PEM file: the roots that proxies trust. Where it is not set: the last of identity.ca.certificate."),
    Setting(
      "identity.kubernetes.enabled", .boolean, standard: "false", environment: "HEDDLE_KUBERNETES_IDENTITY",
      "Whether a Kubernetes service-account token lets a proxy join, as the service account. The API server judges them "
        + "(TokenReview), so the controller's own account needs the ClusterRole system:auth-delegator."),
    Setting(
      "identity.kubernetes.audience", .text, standard: "heddle",
      "For whom such tokens must be: what the projected volume of the proxy names."),
    Setting(
      "identity.kubernetes.kubeconfig", .text,
      "Which API server is asked, and how. Where it is not set: that of the cluster that the controller runs in."),
    Setting(
      "store.path", .text, standard: "./heddle.db", environment: "HEDDLE_STORE_PATH", option: "--store-path",
      "The database. Beside it lie its write-ahead log and a lock: a second controller on it refuses to start."),
    Setting(
      "namers", .tree,
      "Namers: a list of {kind, prefix, grace, …}, each with the keys of its kind. They answer /#/<prefix>/… for all "
        + "proxies. SIGHUP takes over changes."),
    Setting(
      "insecure_listen", .boolean, standard: "false", environment: "HEDDLE_INSECURE_LISTEN",
      option: "--insecure-listen",
      "Allows rest.listen and mesh.listen on addresses that others can reach, without TLS and tokens."),
    Setting(
      "log.level", .choice(["error", "warning", "info", "debug"]), standard: "info", environment: "HEDDLE_LOG_LEVEL",
      option: "--log-level", "Lines above this level are left out."),
    Setting(
      "log.format", .choice(["text", "json"]), standard: "text", environment: "HEDDLE_LOG_FORMAT",
      option: "--log-format",
      "How lines look."),
  ])
}
