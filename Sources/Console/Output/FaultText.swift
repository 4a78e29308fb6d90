/// An error for people: what, where, and what to do next.
enum FaultText {
  static func of(_ error: ConsoleError, on terminal: Terminal) -> String {
    let label = terminal.painted("error: ", .red)
    switch error {
    case .usage(let text), .failed(let text), .conflict(let text), .timedOut(let text): return label + text + "\n"
    case .unreachable(let text):
      return label + text
        + "\nhint: is heddle-controller running there? Name another with --controller or HEDDLE_CONTROLLER.\n"
    case .refused(let problem): return label + describe(problem) + "\n"
    }
  }

  private static func describe(_ problem: Problem) -> String {
    // The detail usually repeats the first fault; said once, it is easier to read.
    let isRepeated = problem.faults.contains { problem.detail.contains($0.detail) }
    var lines = [problem.title + (problem.detail.isEmpty || isRepeated ? "" : ": " + problem.detail)]
    for fault in problem.faults {
      lines.append("  " + (fault.pointer.isEmpty ? "" : fault.pointer + ": ") + fault.detail)
      if let offset = fault.offset, let text = fault.text {
        lines.append(Caret.pointing(at: offset, in: text, saying: "here"))
      }
    }
    if let hint = hint(for: problem.status) { lines.append("hint: " + hint) }
    return lines.joined(separator: "\n")
  }

  private static func hint(for status: Int) -> String? {
    switch status {
    case 412: "someone changed the namespace meanwhile; look at it again, then repeat."
    case 410: "that revision is older than what the controller keeps; see heddle history."
    default: nil
    }
  }
}
