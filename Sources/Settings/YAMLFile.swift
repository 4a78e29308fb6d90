import CYAML

/// What a settings file may be like. A file beyond a limit is refused with its place.
public struct FileLimits: Sendable {
  /// Bytes of the file. 1 MiB: settings are written by people.
  public var size = 1 << 20
  /// Nesting of lists and mappings. 32: real files use five or six levels, and reading recurses.
  public var depth = 32
  /// Keys, texts and collections together. 100 000: keeps a hostile 1 MiB below some tens of MB.
  public var nodes = 100_000
  /// The defaults.
  public init() {}
}

extension Node {
  /// Reads one YAML document. An empty file is an empty mapping.
  ///
  /// Refused: what is not YAML 1.1 or not UTF-8, several documents, duplicate keys, keys that are not texts, tags,
  /// anchors and aliases (a few lines of them can stand for gigabytes), anything beyond `limits`.
  public init(yaml bytes: [UInt8], limits: FileLimits = FileLimits()) throws(Problem) {
    guard bytes.count <= limits.size else {
      throw Problem(
        path: "", message: "the file has \(bytes.count) bytes, at most \(limits.size) are read",
        origin: .file(Mark(line: 1, column: 1)))
    }
    let reader = YAMLReader(bytes, limits: limits)
    self = try reader.document()
  }
}

/// Pulls events out of libyaml and builds the tree. One use. Safe: the pointers are its own and never leave it.
@safe private final class YAMLReader {
  private let limits: FileLimits
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutablePointer<UInt8>
  private let inputSize: Int
  private var nodes = 0

  init(_ bytes: [UInt8], limits: FileLimits) {
    self.limits = limits
    inputSize = bytes.count
    unsafe input = .allocate(capacity: max(1, bytes.count))
    for (index, byte) in bytes.enumerated() { unsafe input[index] = byte }
    unsafe parser = .allocate(capacity: 1)
    let initialized = unsafe yaml_parser_initialize(parser)
    // libyaml fails here only when malloc does; nothing can go on then.
    precondition(initialized == 1, "out of memory")
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input, inputSize)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe input.deallocate()
  }

  private enum Event {
    case documentStart, documentEnd, streamStart, streamEnd
    case text(String, quoted: Bool)
    case listStart, listEnd, mappingStart, mappingEnd
  }

  func document() throws(Problem) -> Node {
    _ = try next()
    let (first, mark) = try next()
    guard case .documentStart = first else { return Node(.mapping([]), mark: mark) }
    let (event, start) = try next()
    let root = try node(event, start, depth: 1)
    _ = try next()
    let (after, second) = try next()
    guard case .streamEnd = after else { throw problem("a second document begins here; one is read", second) }
    return root
  }

  private func node(_ event: Event, _ mark: Mark, depth: Int) throws(Problem) -> Node {
    nodes += 1
    if nodes > limits.nodes { throw problem("more than \(limits.nodes) values", mark) }
    switch event {
    case .text(let text, let quoted): return Node(.text(text, quoted: quoted), mark: mark)
    case .listStart: return Node(.list(try list(depth: depth, mark)), mark: mark)
    case .mappingStart: return Node(.mapping(try mapping(depth: depth, mark)), mark: mark)
    default: throw problem("a value is expected", mark)
    }
  }

  private func list(depth: Int, _ mark: Mark) throws(Problem) -> [Node] {
    try checkDepth(depth, mark)
    var items: [Node] = []
    while true {
      let (event, place) = try next()
      if case .listEnd = event { return items }
      items.append(try node(event, place, depth: depth + 1))
    }
  }

  private func mapping(depth: Int, _ mark: Mark) throws(Problem) -> [Node.Entry] {
    try checkDepth(depth, mark)
    var entries: [Node.Entry] = []
    var seen: [String: Mark] = [:]
    while true {
      let (event, place) = try next()
      if case .mappingEnd = event { return entries }
      guard case .text(let key, _) = event else { throw problem("a key must be a text", place) }
      if let first = seen[key] { throw problem("duplicate key \(key), first at \(first)", place) }
      seen[key] = place
      let (value, start) = try next()
      entries.append(Node.Entry(key: key, mark: place, value: try node(value, start, depth: depth + 1)))
    }
  }

  private func checkDepth(_ depth: Int, _ mark: Mark) throws(Problem) {
    if depth > limits.depth { throw problem("nested deeper than \(limits.depth) levels", mark) }
  }

  private func next() throws(Problem) -> (Event, Mark) {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw syntaxProblem() }
    defer { unsafe yaml_event_delete(&event) }
    let mark = unsafe Mark(event.start_mark)
    switch unsafe event.type {
    case YAML_STREAM_START_EVENT: return (.streamStart, mark)
    case YAML_DOCUMENT_START_EVENT: return (.documentStart, mark)
    case YAML_DOCUMENT_END_EVENT: return (.documentEnd, mark)
    case YAML_SCALAR_EVENT: return (try unsafe text(event, mark), mark)
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      try unsafe refuse(anchor: start.anchor != nil, tag: start.tag != nil, mark)
      return (.listStart, mark)
    case YAML_SEQUENCE_END_EVENT: return (.listEnd, mark)
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      try unsafe refuse(anchor: start.anchor != nil, tag: start.tag != nil, mark)
      return (.mappingStart, mark)
    case YAML_MAPPING_END_EVENT: return (.mappingEnd, mark)
    case YAML_ALIAS_EVENT: throw problem("aliases are not read; write the value out", mark)
    default: return (.streamEnd, mark)
    }
  }

  private func text(_ event: yaml_event_t, _ mark: Mark) throws(Problem) -> Event {
    let scalar = unsafe event.data.scalar
    try unsafe refuse(anchor: scalar.anchor != nil, tag: scalar.tag != nil, mark)
    let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: Int(clamping: scalar.length))
    let text = unsafe String(decoding: bytes, as: UTF8.self)
    return unsafe .text(text, quoted: scalar.style != YAML_PLAIN_SCALAR_STYLE)
  }

  private func refuse(anchor: Bool, tag: Bool, _ mark: Mark) throws(Problem) {
    if anchor { throw problem("anchors are not read; write the value out", mark) }
    if tag { throw problem("tags are not read", mark) }
  }

  private func syntaxProblem() -> Problem {
    let text = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "not YAML"
    let isReaderError = unsafe parser.pointee.error == YAML_READER_ERROR
    let mark = isReaderError ? offsetMark() : unsafe Mark(parser.pointee.problem_mark)
    return problem(text, mark)
  }

  /// libyaml's reader (UTF-8, control characters) gives an offset in place of a mark.
  private func offsetMark() -> Mark {
    let end = min(inputSize, unsafe Int(clamping: parser.pointee.problem_offset))
    var (line, column) = (1, 1)
    for index in 0..<end {
      let isLineEnd = unsafe input[index] == UInt8(ascii: "\n")
      (line, column) = isLineEnd ? (line + 1, 1) : (line, column + 1)
    }
    return Mark(line: line, column: column)
  }

  private func problem(_ message: String, _ mark: Mark) -> Problem {
    Problem(path: "", message: message, origin: .file(mark))
  }
}

extension Mark {
  fileprivate init(_ mark: yaml_mark_t) {
    self.init(line: Int(clamping: mark.line) &+ 1, column: Int(clamping: mark.column) &+ 1)
  }
}
