import Foundation

/// A server of another make that ends TLS and passes the bytes on to a plain server on loopback: Python's `ssl`.
public final class TLSRelay: @unchecked Sendable {
  public let port: UInt16
  private let process: Process
  private let folder: String
  private let input: Pipe

  /// - Parameters:
  ///   - backend: port of the plain server.
  ///   - leaf: what it presents.
  ///   - clients: PEM of the authority whose certificates callers must have; nil: anybody.
  ///   - saysGoodbye: false closes connections without `close_notify`, as one who cuts them on the way does.
  public init(
    to backend: UInt16, _ leaf: TestAuthority.Leaf, clients: [UInt8]? = nil, saysGoodbye: Bool = true
  ) throws {
    let folder = NSTemporaryDirectory() + "heddle-relay-" + UUID().uuidString
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
      return "\(folder)/\(name)"
    }
    let process = Process()
    let paths = [
      try write("leaf.pem", leaf.certificate), try write("leaf.key", leaf.key),
      try clients.map { try write("clients.pem", $0) } ?? "",
    ]
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", Self.script, String(backend), saysGoodbye ? "close" : "abort"] + paths
    let output = Pipe()
    process.standardOutput = output
    // Its end tells the relay that the test is over, however it ends.
    let input = Pipe()
    process.standardInput = input
    self.input = input
    try process.run()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      process.terminate()
      throw CocoaError(.fileReadUnknown)
    }
    self.port = port
    self.process = process
  }

  deinit {
    // Not by SIGTERM, which a child of a Swift thread may have blocked.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static let script = """
    import asyncio, os, ssl, sys, threading
    backend, end, leaf, key, clients = sys.argv[1:6]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    context.set_alpn_protocols(["http/1.1"])
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    async def copy(source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        if end == "abort":
            sink.transport.abort()
        sink.close()
    async def serve(reader, writer):
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", int(backend))
        await asyncio.gather(copy(reader, back_writer), copy(back_reader, writer))
    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        print(server.sockets[0].getsockname()[1], flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        await server.serve_forever()
    asyncio.run(main())
    """
}
