@testable import Console

/// A scripted controller: answers in turn, and remembers what it was asked.
final class FakeController: ControllerAPI {
  private var answers: [APIAnswer]
  private(set) var calls: [APICall] = []
  var events: [[UInt8]] = []

  init(_ answers: [APIAnswer] = []) { self.answers = answers }

  func send(_ call: APICall) throws(ConsoleError) -> APIAnswer {
    calls.append(call)
    guard !answers.isEmpty else { throw .unreachable("no answer is left in the script") }
    return answers.removeFirst()
  }

  func stream(_ call: APICall, onBytes: ([UInt8]) -> Bool) throws(ConsoleError) {
    calls.append(call)
    for bytes in events where !onBytes(bytes) { return }
  }
}

extension APIAnswer {
  static func json(_ text: String, status: Int = 200, headers: [APICall.Header] = []) -> APIAnswer {
    APIAnswer(status: status, headers: headers, body: Array(text.utf8))
  }
}

/// One run of the command line with everything it said.
struct Run {
  let status: ProgramExit
  let output: String
  let complaints: String
  let calls: [APICall]
  /// Address and time limit it connected with, nil when it never did.
  let address: String?

  init(
    _ arguments: String..., answers: [APIAnswer] = [], events: [String] = [], input: String = "",
    environment: [String: String] = [:],
    terminal isInteractive: Bool = true
  ) {
    let controller = FakeController(answers)
    controller.events = events.map { Array($0.utf8) }
    let log = Log()
    let terminal = Terminal(
      write: { log.output += $0 }, complain: { log.complaints += $0 }, readInput: { input },
      pause: { _ in log.pauses += 1 }, isInteractive: isInteractive, hasColour: false)
    status = Console.run(arguments, environment: environment, terminal: terminal) { address, _ in
      log.address = address
      return controller
    }
    output = log.output
    complaints = log.complaints
    calls = controller.calls
    address = log.address
  }

  private final class Log {
    var output = ""
    var complaints = ""
    var pauses = 0
    var address: String?
  }

  /// Method and target of each call, one a line.
  var targets: [String] { calls.map { "\($0.method) \($0.target)" } }
  var body: String { calls.last.map { String(decoding: $0.body, as: UTF8.self) } ?? "" }
}
