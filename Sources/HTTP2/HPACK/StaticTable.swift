import Memory

/// The fields that both ends know from the start (RFC 7541 Appendix A).
let staticTable = StaticTable()

// A slab, not an array: nothing is counted, or copied, where a field is looked at.
struct StaticTable: ~Copyable, Sendable {
  /// Index 1 … 61 on the wire.
  static let count = 61

  /// All fields as lines, so that one is taken in one copy.
  private var lines = ByteBuffer()
  private var entries = Slab<HPACKEntry>()
  /// Where a field stands, by the hash of name and value, and of the name alone (its first).
  private(set) var fields = NumberTable()
  private(set) var names = NumberTable()

  init() {
    for (index, (name, value)) in staticFields.enumerated() {
      let (name, value) = (Array(name.utf8), Array(value.utf8))
      let start = lines.count
      lines.appendLine(name.span, value.span)
      let kind = FieldKind(name.span)
      let hash = hashName(name.span)
      let entry = HPACKEntry(
        start: start, length: lines.count - start, nameLength: name.count, kind: kind,
        isSound: isSoundName(kind, name.span) && isSoundValue(kind, value.span),
        isNameSound: isSoundName(kind, name.span), nameHash: hash,
        fieldHash: hashField(hash, value.span))
      _ = entries.insert(entry)
      fields.set(entry.fieldHash, UInt64(index))
      if names.find(hash) == nil { names.set(hash, UInt64(index)) }
    }
  }

  /// The field at the place, 0 for index 1.
  func entry(_ place: Int) -> HPACKEntry { entries[Handle(index: UInt32(truncatingIfNeeded: place), generation: 1)] }

  /// Lends the name of the field at the place.
  func withName(_ place: Int, _ body: (Span<UInt8>) -> Void) {
    let entry = entry(place)
    body(lines.span.extracting(entry.start..<entry.start &+ entry.nameLength))
  }

  /// Appends the first bytes of the line at the place.
  func copy(_ place: Int, _ length: Int, to output: inout ByteBuffer) {
    let start = entry(place).start
    output.append(lines.span.extracting(start..<start &+ length))
  }

  /// Whether the field at the place has that name, in any case; and that value.
  func isName(_ place: Int, _ name: Span<UInt8>) -> Bool {
    let entry = entry(place)
    return equalsIgnoringCase(name, lines.span.extracting(entry.start..<entry.start &+ entry.nameLength))
  }

  func isField(_ place: Int, _ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
    let entry = entry(place)
    return isName(place, name)
      && bytesEqual(lines.span.extracting(entry.start &+ entry.valueStart..<entry.start &+ entry.valueEnd), value)
  }

  /// Fields that are encoded in a way of their own, by their places.
  enum Name: Int {
    case authority = 0
    case method = 1
    case path = 3
    case scheme = 5
    case status = 7
    case age = 20
    case authorization = 22
    case contentLength = 27
    case cookie = 31
    case etag = 33
    case ifModifiedSince = 39
    case ifNoneMatch = 40
    case location = 45
    case proxyAuthorization = 48
    case setCookie = 54
  }
}

private let staticFields: [(String, String)] = [
  (":authority", ""),
  (":method", "GET"),
  (":method", "POST"),
  (":path", "/"),
  (":path", "/index.html"),
  (":scheme", "http"),
  (":scheme", "https"),
  (":status", "200"),
  (":status", "204"),
  (":status", "206"),
  (":status", "304"),
  (":status", "400"),
  (":status", "404"),
  (":status", "500"),
  ("accept-charset", ""),
  ("accept-encoding", "gzip, deflate"),
  ("accept-language", ""),
  ("accept-ranges", ""),
  ("accept", ""),
  ("access-control-allow-origin", ""),
  ("age", ""),
  ("allow", ""),
  ("authorization", ""),
  ("cache-control", ""),
  ("content-disposition", ""),
  ("content-encoding", ""),
  ("content-language", ""),
  ("content-length", ""),
  ("content-location", ""),
  ("content-range", ""),
  ("content-type", ""),
  ("cookie", ""),
  ("date", ""),
  ("etag", ""),
  ("expect", ""),
  ("expires", ""),
  ("from", ""),
  ("host", ""),
  ("if-match", ""),
  ("if-modified-since", ""),
  ("if-none-match", ""),
  ("if-range", ""),
  ("if-unmodified-since", ""),
  ("last-modified", ""),
  ("link", ""),
  ("location", ""),
  ("max-forwards", ""),
  ("proxy-authenticate", ""),
  ("proxy-authorization", ""),
  ("range", ""),
  ("referer", ""),
  ("refresh", ""),
  ("retry-after", ""),
  ("server", ""),
  ("set-cookie", ""),
  ("strict-transport-security", ""),
  ("transfer-encoding", ""),
  ("user-agent", ""),
  ("vary", ""),
  ("via", ""),
  ("www-authenticate", ""),
]
