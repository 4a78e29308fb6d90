import ArgumentParser
import Foundation
import Serving
import SystemIO

/// Answers every request with its version's name after a delay; a share of them with 500.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve", abstract: "Serves; the default.")

  @Option(help: "Address to listen on; with port 0 the kernel chooses one.") var listen = "127.0.0.1:8080"
  @Option(help: "What it answers with, and says in `demo-version`.") var versionLabel = "v1"
  @Option(help: "How long it thinks, e.g. 2ms.") var delay = DelayArgument(milliseconds: 2)
  @Option(help: "Share of requests that fail with 500.") var failPercent = 0.0
  @Option(
    help: ArgumentHelp(
      "Calls this service for each request and answers with what it says behind its own label. 'residual' calls whatever "
        + "l5d-dst-residual names: a debug proxy.", valueName: "name")) var call: String?
  @Option(help: ArgumentHelp("The proxy through which it calls.", valueName: "host:port")) var via = "127.0.0.1:4140"

  func run() throws {
    guard let address = SocketAddress(listen) else { throw ValidationError("--listen: '\(listen)' is no address") }
    guard (0...100).contains(failPercent) else { throw ValidationError("--fail-percent: from 0 to 100") }
    guard let proxy = SocketAddress(via) else { throw ValidationError("--via: '\(via)' is no address") }
    // Before any thread starts, so that all of them leave these signals to this one.
    let stop = try catchSignals([SIGTERM, SIGINT])
    let handler = answering(calling: call.map { NextCall(name: $0, proxy: proxy) })
    let (_, local) = try ServiceLoop.start(name: "demo-app") { loop in
      let server = try HTTPServer(loop: loop, address: address, handler: handler)
      return server.localAddress
    }
    // Unbuffered: scripts read the line to learn the port.
    writeStandardOutput("ready listen=\(local) label=\(versionLabel)")
    while stop.next() == nil { Thread.sleep(forTimeInterval: 0.05) }
  }

  private func answering(calling next: NextCall?) -> AsyncHandler {
    let (label, pause, share) = (versionLabel, delay.duration, failPercent)
    return AsyncHandler { request in
      try? await Task.sleep(for: pause)
      let hasFailed = Double.random(in: 0..<100) < share
      let behind = await next?.answer(to: request) ?? ""
      var response = HTTPResponse(status: hasFailed ? 500 : 200, text: "\(label) \(request.path)\n" + behind)
      response.headers.append("demo-version", label)
      return response
    }
  }
}

/// `2ms`, `1.5ms`, `1s`.
struct DelayArgument: ExpressibleByArgument, CustomStringConvertible, Sendable {
  let duration: Duration
  let description: String

  init(milliseconds: Int) {
    duration = .milliseconds(milliseconds)
    description = "\(milliseconds)ms"
  }

  init?(argument: String) {
    let (digits, scale) = argument.hasSuffix("ms") ? (argument.dropLast(2), 0.001) : (argument.dropLast(), 1)
    guard argument.hasSuffix("s"), let value = Double(digits), value >= 0, value <= 3600 else { return nil }
    duration = .seconds(value * scale)
    description = argument
  }
}
