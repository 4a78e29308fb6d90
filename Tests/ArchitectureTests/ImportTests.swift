import Testing

/// The manifest is the map: who imports whom, and that it only goes down.
@Suite struct ImportTests {
  /// Modules of the toolchain that any module may use.
  static let toolchain: Set<String> = ["Swift", "Synchronization", "_Concurrency"]
  /// The only modules that may name C.
  static let mayImportC: Set<String> = ["SystemIO", "TLS", "Settings"]
  static let cModules: Set<String> = ["Glibc", "Musl", "CLinux", "CNGHTTP2", "CYAML", "COpenSSL", "Darwin"]
  /// The only modules that may use Foundation: nothing that the proxy links.
  static let mayImportFoundation: Set<String> = [
    "Console", "ControlPlane", "heddle", "heddle-controller", "heddle-demo-app",
  ]
  static let foundation: Set<String> = ["Foundation", "FoundationEssentials", "FoundationNetworking", "Dispatch"]
  /// Products of packages by the names that the manifest gives them.
  static let products = [
    "protobuf": "SwiftProtobuf", "arguments": "ArgumentParser", "logging": "Logging", "grdb": "GRDB", "yams": "Yams",
    "hashTrees": "HashTreeCollections",
  ]

  @Test func theManifestIsUnderstood() {
    #expect(Module.all.count >= 18)
    for name in ["MeshProtocol", "Memory", "HTTP", "Traffic", "DataPlane", "ControlPlane", "Console", "heddle"] {
      #expect(Module.named(name) != nil, "\(name)")
    }
    #expect(Module.named("Traffic")?.dependencies.contains("Memory") == true)
  }

  @Test(arguments: Module.all.map(\.name)) func dependenciesGoDown(_ name: String) throws {
    let module = try #require(Module.named(name))
    for dependency in module.dependencies {
      guard let other = Module.named(dependency) else {
        #expect(
          Self.products[dependency] != nil, "\(name) depends on \(dependency), which the manifest does not declare")
        continue
      }
      #expect(other.layer < module.layer, "\(name) (\(module.layer)) depends on \(dependency) (\(other.layer))")
    }
  }

  @Test(arguments: Module.all.map(\.name)) func importsAreDeclared(_ name: String) throws {
    let module = try #require(Module.named(name))
    let declared = Set(module.dependencies.map { Self.products[$0] ?? $0 })
    for file in module.sources {
      for (imported, line) in file.imports where !declared.contains(imported) && !Self.toolchain.contains(imported) {
        let isC = Self.cModules.contains(imported) && Self.mayImportC.contains(name)
        let isFoundation = Self.foundation.contains(imported) && Self.mayImportFoundation.contains(name)
        #expect(isC || isFoundation, "\(file.path):\(line) imports \(imported), which \(name) may not")
      }
    }
  }

  @Test func onlyUnsafeModulesImportC() {
    for module in Module.all where !Self.mayImportC.contains(module.name) {
      #expect(module.dependencies.isDisjoint(with: Self.cModules), "\(module.name) depends on C")
    }
  }

  @Test func nothingThatTheProxyLinksUsesFoundation() throws {
    var linked: Set<String> = []
    var open = ["heddle-proxy"]
    while let name = open.popLast() {
      guard linked.insert(name).inserted, let module = Module.named(name) else { continue }
      open += module.dependencies
    }
    #expect(linked.contains("DataPlane"))
    #expect(linked.isDisjoint(with: Self.mayImportFoundation))
    #expect(linked.isDisjoint(with: ["yams", "grdb", "logging", "ControlPlane"]))
  }

  @Test func everySourceBelongsToAModule() {
    for file in SourceTree.sources {
      #expect(Module.all.contains { file.path.hasPrefix($0.folder + "/") }, "\(file.path) belongs to no target")
    }
  }
}
