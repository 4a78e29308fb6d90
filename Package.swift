// swift-tools-version: 6.2
// The architecture: who may import whom. A target names only targets of lower layers; ArchitectureTests hold it to that.
import PackageDescription

/// Memory-safe Swift: an unsafe construct that is not spelled `unsafe` is an error, and ArchitectureTests say where the word may stand.
let safe: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
  .treatWarning("DeprecatedDeclaration", as: .warning), .enableUpcomingFeature("ExistentialAny"),
]
/// Memory alone returns spans over its own storage, which 6.3 still calls experimental.
let lifetimes: [SwiftSetting] = safe + [.enableExperimentalFeature("Lifetimes")]

let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hashTrees = Target.Dependency.product(name: "HashTreeCollections", package: "swift-collections")

func module(
  _ name: String, layer: Int, path: String? = nil, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = safe
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", exclude: excluded[name] ?? [],
    swiftSettings: settings)
}
let excluded = ["MeshProtocol": ["Discovery/mesh.proto"]]

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", resources: resources, swiftSettings: safe)
}

let package = Package(
  name: "heddle",
  products: [
    .executable(name: "heddle-proxy", targets: ["heddle-proxy"]),
    .executable(name: "heddle-controller", targets: ["heddle-controller"]),
    .executable(name: "heddle", targets: ["heddle"]),
  ],
  dependencies: [
    // Without its traits: BinaryDelimited would link Foundation and ICU into the proxy (3 MB resident).
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // 0: C headers and shims
    .target(name: "CLinux", path: "Sources/CLinux"),
    .systemLibrary(name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CYAML", path: "Sources/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    // 1: the shared language, raw memory, counting
    module("MeshProtocol", layer: 1, path: "Sources/Protocol", [protobuf]),
    module("Memory", layer: 1, [], settings: lifetimes),
    module("Telemetry", layer: 1, []),
    module("JSONFormat", layer: 1, path: "Sources/JSON", []),
    // 2: bytes to messages; the kernel
    module("HTTP", layer: 2, ["Memory"]),
    module("Thrift", layer: 2, ["Memory"]),
    module("Mux", layer: 2, ["Memory"]),
    module("SystemIO", layer: 2, ["CLinux", "Memory"]),
    module("TLS", layer: 2, ["COpenSSL", "Memory"]),
    // 3: HTTP/2 sessions, pure decisions, event loops
    module("HTTP2", layer: 3, ["HTTP", "Memory"]),
    module("RPC", layer: 3, ["Thrift", "Mux", "HTTP", "Memory"]),
    module("Traffic", layer: 3, ["MeshProtocol", "HTTP", "Memory", hashTrees]),
    module("Workers", layer: 3, ["SystemIO", "TLS", "Memory"]),
    // 4: our own endpoints: REST, admin, mesh stream, their clients; configuration files
    module("Serving", layer: 4, ["HTTP", "HTTP2", "TLS", "Workers", "SystemIO", "Memory", "Telemetry"]),
    module("Settings", layer: 4, ["CYAML"]),
    // 5: other people's service discovery, watched
    module(
      "Discovery", layer: 5,
      ["MeshProtocol", "JSONFormat", "Telemetry", "HTTP", "SystemIO", "TLS", "Memory", "Serving", "Settings"]),
    // 6: the three programs' insides. They meet only in MeshProtocol.
    module(
      "DataPlane", layer: 6,
      [
        "MeshProtocol", "Memory", "Telemetry", "HTTP", "HTTP2", "RPC", "SystemIO", "TLS", "Traffic", "Workers",
        "Serving",
        "Settings", "Discovery",
      ]),
    module(
      "ControlPlane", layer: 6,
      [
        "MeshProtocol", "Memory", "Telemetry", "JSONFormat", "HTTP", "SystemIO", "TLS", "Traffic", "Workers", "Serving",
        "Settings", "Discovery", grdb, logging, hashTrees,
      ]),
    module("Console", layer: 6, ["MeshProtocol", "JSONFormat", "Traffic", "Serving", "SystemIO", arguments, yams]),
    // 7: main only
    .executableTarget(name: "heddle-proxy", dependencies: ["DataPlane"], swiftSettings: safe),
    .executableTarget(name: "heddle-controller", dependencies: ["ControlPlane", arguments], swiftSettings: safe),
    .executableTarget(name: "heddle", dependencies: ["Console"], swiftSettings: safe),
    .executableTarget(
      name: "heddle-demo-app", dependencies: ["Serving", "HTTP2", "SystemIO", arguments], swiftSettings: safe),
    .executableTarget(
      name: "heddle-swarm", dependencies: ["MeshProtocol", "Serving", "SystemIO", "HTTP", "Memory", arguments],
      swiftSettings: safe),
    // tests mirror the sources
    .target(
      name: "TestSupport", dependencies: ["HTTP2", "Thrift", "Mux", "Memory", "SystemIO"], path: "Tests/Support",
      swiftSettings: safe),
    tests("MeshProtocolTests", ["MeshProtocol", "TestSupport"]),
    tests("MemoryTests", ["Memory", "TestSupport"]),
    tests("TelemetryTests", ["Telemetry", "TestSupport"]),
    tests("JSONFormatTests", ["JSONFormat", "TestSupport"]),
    tests("HTTPTests", ["HTTP", "Memory", "TestSupport"]),
    tests("ThriftTests", ["Thrift", "Memory", "TestSupport"]),
    tests("MuxTests", ["Mux", "Memory", "TestSupport"]),
    tests("SystemIOTests", ["SystemIO", "Memory"]),
    tests("TLSTests", ["TLS", "COpenSSL", "SystemIO", "Memory", "TestSupport"]),
    tests("HTTP2Tests", ["HTTP2", "HTTP", "Memory", "TestSupport"]),
    tests("RPCTests", ["RPC", "Thrift", "Mux", "HTTP", "Memory", "TestSupport"]),
    tests("TrafficTests", ["Traffic", "MeshProtocol", "HTTP", "TestSupport"]),
    tests("WorkersTests", ["Workers", "SystemIO", "Memory", "TestSupport"]),
    tests("ServingTests", ["Serving", "TLS", "HTTP2", "HTTP", "Workers", "SystemIO", "Memory", "TestSupport"]),
    tests("SettingsTests", ["Settings", "TestSupport"]),
    tests(
      "DataPlaneTests",
      [
        "DataPlane", "Serving", "Traffic", "MeshProtocol", "HTTP", "HTTP2", "RPC", "Thrift", "SystemIO", "TLS",
        "Memory",
        "Telemetry",
        "TestSupport",
      ]),
    tests(
      "DiscoveryTests",
      [
        "Discovery", "JSONFormat", "Serving", "TLS", "MeshProtocol", "HTTP", "Memory", "SystemIO", "Settings",
        "Telemetry", "TestSupport",
      ]),
    tests(
      "ControlPlaneTests",
      [
        "ControlPlane", "Discovery", "JSONFormat", "Serving", "TLS", "MeshProtocol", "Traffic", "HTTP", "SystemIO",
        grdb,
        "TestSupport",
      ]),
    tests("ConsoleTests", ["Console", "JSONFormat", "MeshProtocol", "Serving"]),
    tests("ArchitectureTests", []),
    tests("EndToEndTests", ["Serving", "SystemIO", "TestSupport"]),
  ]
)
