import Memory

// Field lines (RFC 9112 §5), strictly: CRLF line ends only, no folding, nothing between name and colon, no control
// character in a value. Items 11–19 of the list of bad inputs.

extension FieldTable {
  /// Parses field lines from `start` up to and with the empty line that ends them, appending to this table. Only
  /// bytes below `end` are looked at. `complete` carries the offset behind the empty line.
  mutating func parseLines(_ s: Span<UInt8>, from start: Int, to end: Int, maxFields: Int) -> HeadParse {
    var i = start
    while true {
      let nameStart = i
      var marks: UInt8 = 0
      i = firstUnusual(s, from: i, to: end)
      while i < end {
        let kind = byteClass(s[i])
        if kind & ByteClass.token == 0 { break }
        marks |= kind
        i &+= 1
      }
      guard i < end else { return .incomplete }
      guard i > nameStart, s[i] == UInt8(ascii: ":") else {
        return FieldLines.noField(s, at: i, lineStart: nameStart, end)
      }
      let nameEnd = i
      i &+= 1
      while i < end, isBlank(s[i]) { i &+= 1 }
      let valueStart = i
      i = firstControl(s, from: i, to: end)
      while i < end, s[i] == 0x09 { i = firstControl(s, from: i &+ 1, to: end) }
      guard i &+ 1 < end else { return FieldLines.unended(s, at: i, end) }
      guard s[i] == carriageReturn, s[i &+ 1] == lineFeed else { return .fault(FieldLines.badByte(s[i])) }
      var valueEnd = i
      i &+= 2
      while valueEnd > valueStart, isBlank(s[valueEnd &- 1]) { valueEnd &-= 1 }
      let field = Field(nameStart: nameStart, nameEnd: nameEnd, valueStart: valueStart, valueEnd: valueEnd)
      guard count < maxFields else { return .fault(.tooManyFields) }
      add(field, s, readable: end, hasUnderscore: marks & ByteClass.underscore != 0)
    }
  }

  /// Names the field and appends it, unless its name only pretends to be another one.
  @inline(__always) private mutating func add(_ parsed: Field, _ s: Span<UInt8>, readable: Int, hasUnderscore: Bool) {
    var field = parsed
    if hasUnderscore, disguisedName(s, field.nameRange).isSecurityRelevant {  // item 18
      droppedCount &+= 1
      return
    }
    field.name = name(s, from: field.nameStart, to: field.nameEnd, readable: readable)
    field.isHopByHop = field.name.isHopByHop
    // The table has room: maxFields is at most its capacity and was tested.
    _ = append(field)
  }
}

/// The rare ends of a field line, kept out of the hot loop.
enum FieldLines {
  /// The line has no name, or no colon behind it: it is the end of the section, or wrong.
  @inline(never) static func noField(_ s: Span<UInt8>, at i: Int, lineStart: Int, _ end: Int) -> HeadParse {
    let byte = s[i]
    if i > lineStart {
      return .fault(isBlank(byte) ? .spaceBeforeColon : byte == carriageReturn ? .missingColon : badNameByte(byte))
    }
    switch byte {
    case carriageReturn:
      guard i &+ 1 < end else { return .incomplete }
      return s[i &+ 1] == lineFeed ? .complete(i &+ 2) : .fault(.bareCarriageReturn)
    case UInt8(ascii: ":"): return .fault(.emptyFieldName)
    case 0x20, 0x09: return .fault(.foldedLine)
    default: return .fault(badNameByte(byte))
    }
  }

  /// A value that stops with the input: perhaps only cut, perhaps already wrong.
  @inline(never) static func unended(_ s: Span<UInt8>, at i: Int, _ end: Int) -> HeadParse {
    i < end && s[i] != carriageReturn ? .fault(badByte(s[i])) : .incomplete
  }

  /// What a control character, or a carriage return that is followed by something else, is called.
  static func badByte(_ byte: UInt8) -> HTTPFault {
    switch byte {
    case carriageReturn: .bareCarriageReturn
    case lineFeed: .bareLineFeed
    default: .controlCharacter
    }
  }

  private static func badNameByte(_ byte: UInt8) -> HTTPFault {
    byte == lineFeed ? .bareLineFeed : .badFieldName
  }
}

extension FieldTable {
  /// Parses a trailer section as ``BodyReader`` hands it out: field lines with the final empty line. Fields that may
  /// not stand in trailers are left out and counted in ``droppedCount``.
  public mutating func parseTrailers(_ bytes: Span<UInt8>, limits: HeadLimits = .standard) -> HeadParse {
    removeAll()
    let end = min(bytes.count, limits.maxBytes)
    let parse = parseLines(bytes, from: 0, to: end, maxFields: limits.maxFields)
    if parse == .incomplete, bytes.count >= limits.maxBytes { return .fault(.trailersTooLarge) }
    if case .complete = parse { keepOnly { $0.isAllowedInTrailers } }
    return parse
  }
}
