import ArgumentParser
import JSONFormat

struct WatchCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Prints what happens, as it happens: revisions, acknowledgements, endpoints, metrics.",
    discussion: "EXAMPLES\n  heddle watch\n  heddle watch -o json --event revision | jq .")
  @Option(help: ArgumentHelp("Only events of this kind; more than once.", valueName: "kind")) var event: [String] = []
  @Option(help: ArgumentHelp("Begin after this event id.", valueName: "id")) var since: String?
  @Option(help: "Stop after so many events.") var count: Int?
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    var headers: [APICall.Header] = [.init("accept", "text/event-stream")]
    if let since { headers.append(.init("last-event-id", since)) }
    var reader = EventReader()
    var left = count ?? .max
    try session.api.stream(APICall("GET", session.path("watch"), headers: headers)) { bytes in
      for event in reader.receive(bytes) where self.event.isEmpty || self.event.contains(event.kind) {
        guard left > 0 else { return false }
        session.terminal.line(Self.describe(event, as: session))
        left -= 1
      }
      return left > 0
    }
  }

  private static func describe(_ event: EventReader.Event, as session: Session) -> String {
    let data = (try? JSON.answer(event.data)) ?? .string(event.data)
    guard session.format == .table else {
      return JSON.object([
        .init("id", .string(event.id)), .init("event", .string(event.kind)), .init("data", data),
      ]).printedText
    }
    let kind =
      session.terminal.painted(event.kind, .bold) + String(repeating: " ", count: max(0, 14 - event.kind.count))
    return kind + (data.text ?? (data.members ?? []).map { "\($0.name)=\($0.value.plain)" }.joined(separator: " "))
  }
}

/// Reads server-sent events (WHATWG HTML, section 9.2) from bytes as they come.
struct EventReader {
  struct Event: Equatable {
    let id: String
    let kind: String
    let data: String
  }

  /// An event's text that grows beyond this is dropped: no event of the controller is near it.
  static let limit = 4 << 20
  private var rest: [UInt8] = []
  private var id = ""
  private var kind = ""
  private var data: [String] = []
  private var size = 0

  mutating func receive(_ bytes: [UInt8]) -> [Event] {
    var events: [Event] = []
    rest += bytes
    while let end = rest.firstIndex(of: 0x0A) {
      let line = String(decoding: rest[..<end].filter { $0 != 0x0D }, as: UTF8.self)
      rest.removeFirst(end + 1)
      if line.isEmpty { finish(into: &events) } else { take(line) }
    }
    if rest.count > Self.limit { rest = [] }
    return events
  }

  private mutating func take(_ line: String) {
    let halves = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var value = halves.count == 2 ? String(halves[1]) : ""
    if value.hasPrefix(" ") { value.removeFirst() }
    switch halves[0] {
    case "id": id = value
    case "event": kind = value
    case "data":
      size += value.utf8.count + 1
      if size <= Self.limit { data.append(value) }
    default: break
    }
  }

  private mutating func finish(into events: inout [Event]) {
    if !data.isEmpty {
      events.append(Event(id: id, kind: kind.isEmpty ? "message" : kind, data: data.joined(separator: "\n")))
    }
    (kind, data, size) = ("", [], 0)
  }
}
