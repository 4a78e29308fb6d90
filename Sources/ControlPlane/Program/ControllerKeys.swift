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
      "Where proxies connect. A non-loopback address is refused unless insecure_listen is set."),
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
