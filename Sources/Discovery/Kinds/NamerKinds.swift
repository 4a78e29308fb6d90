/// The kinds of namers there are.
public enum NamerKinds {
  /// Those that a proxy's own file may have too: they need no credentials and little memory.
  public static let local: [any NamerSettings.Type] = [
    FileNamerSettings.self, DNSNamerSettings.self, ServiceNamerSettings.self, InetNamerSettings.self,
    RewriteNamerSettings.self,
  ]

  /// Those of a controller.
  public static let all: [any NamerSettings.Type] =
    local + [
      KubernetesSettings.self, KubernetesNamespaceSettings.self, ConsulSettings.self, MarathonSettings.self,
      EtcdSettings.self, SwarmSettings.self, ServersetSettings.self,
    ]

  /// First segments after `/#` that no namer may take: the controller's registry and the proxy file's own.
  static let reserved: Set<String> = ["registry", "registry.ns"]
}
