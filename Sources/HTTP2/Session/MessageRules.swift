import Memory

// Which fields a message must have, and may not have (RFC 9113 §8.2, §8.3). What a field may say is checked where it is decoded
// (`isSound`).

/// What the session needs to know of a message.
struct MessageFacts {
  /// What `content-length` says; -1 when it says nothing, or nothing that counts for the body that comes.
  var length: Int64 = -1
  /// A 1xx: another head follows.
  var isInterim = false
}

extension HeaderList {
  /// Nil for a list that is no request.
  func request(takesExtendedConnect: Bool) -> MessageFacts? {
    guard let seen = FieldsSeen(self), !seen.has(.status), seen.has(.method) else { return nil }
    let isConnect = equals(bytes.span.extracting(entries[seen.method].value), "CONNECT")
    let isExtended = seen.has(.protocolName)
    if isExtended {
      guard takesExtendedConnect, isConnect, seen.has(.authority) else { return nil }
    }
    if isConnect && !isExtended {
      guard seen.has(.authority), !seen.has(.scheme), !seen.has(.path) else { return nil }
    } else {
      guard seen.has(.scheme), seen.has(.path), seen.has(.authority) || seen.has(.host) else { return nil }
      guard isTarget(seen.path, of: seen.method) else { return nil }
    }
    return MessageFacts(length: isConnect ? -1 : length(seen))
  }

  /// Nil for a list that is no response.
  func response(to method: Stream.Method) -> MessageFacts? {
    guard let seen = FieldsSeen(self), seen.pseudo == 1, seen.has(.status) else { return nil }
    let status = bytes.span.extracting(entries[seen.status].value)
    // Switching protocols is of HTTP/1.1 (RFC 9113 §8.6).
    if equals(status, "101") { return nil }
    if status[0] == UInt8(ascii: "1") { return MessageFacts(isInterim: true) }
    let isSuccess = status[0] == UInt8(ascii: "2")
    switch method {
    case .connect where isSuccess: return MessageFacts()
    case .head: return MessageFacts(length: 0)
    default: break
    }
    return MessageFacts(length: equals(status, "204") || equals(status, "304") ? 0 : length(seen))
  }

  /// Trailers have no pseudo-fields (RFC 9113 §8.1).
  var areTrailers: Bool { !entries.contains { $0.kind.isPseudo } }

  /// Whether a path is one: from the root, or `*` for OPTIONS (RFC 9113 §8.3.1).
  private func isTarget(_ path: Int, of method: Int) -> Bool {
    let path = bytes.span.extracting(entries[path].value)
    if path.isEmpty { return false }
    if path[0] == UInt8(ascii: "/") { return true }
    return equals(path, "*") && equals(bytes.span.extracting(entries[method].value), "OPTIONS")
  }

  private func length(_ seen: FieldsSeen) -> Int64 {
    guard seen.has(.contentLength) else { return -1 }
    var length: Int64 = 0
    let digits = bytes.span.extracting(entries[seen.contentLength].value)
    for i in digits.indices { length = length &* 10 &+ Int64(digits[i] &- 0x30) }
    return length < 0 ? .max : length  // 19 digits at most, by `isSound`: more than 2⁶³ − 1 wraps once
  }
}

/// Which of the fields that may stand once are there.
private struct FieldsSeen {
  private var kinds: UInt32 = 0
  private(set) var pseudo = 0
  private(set) var method = 0
  private(set) var path = 0
  private(set) var status = 0
  private(set) var contentLength = 0

  /// Nil when one of them stands twice, or a pseudo-field after another field.
  init?(_ list: HeaderList) {
    var isRegular = false
    for index in list.entries.indices {
      let kind = list.entries[index].kind
      if kind.isPseudo {
        if isRegular { return nil }
        pseudo &+= 1
      } else {
        isRegular = true
        guard kind == .host || kind == .contentLength else { continue }
      }
      guard kind == .path || list.entries[index].valueLength > 0, !has(kind) else { return nil }
      kinds |= 1 &<< UInt32(kind.rawValue)
      switch kind {
      case .method: method = index
      case .path: path = index
      case .status: status = index
      case .contentLength: contentLength = index
      default: break
      }
    }
  }

  func has(_ kind: FieldKind) -> Bool { kinds & (1 &<< UInt32(kind.rawValue)) != 0 }
}
