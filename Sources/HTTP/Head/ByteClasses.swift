import Memory

/// What a byte may be, as bits: 1 in a token (RFC 9110 §5.6.2), 2 the underscore, 4 in a host name.
///
/// A host is narrower than RFC 3986's reg-name: no percent escapes and no sub-delimiters, which no name in use needs
/// and which different programs read differently.
let byteClasses: InlineArray<256, UInt8> = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 5, 5, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0,
  0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 1, 7,
  1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 1, 0, 5, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]

enum ByteClass {
  static let token: UInt8 = 1
  static let underscore: UInt8 = 2
  static let host: UInt8 = 4
}

@inline(__always) func byteClass(_ byte: UInt8) -> UInt8 { byteClasses[Int(byte)] }
/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
@inline(__always) public func isToken(_ byte: UInt8) -> Bool { byteClass(byte) & ByteClass.token != 0 }
@inline(__always) func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
@inline(__always) func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

let carriageReturn: UInt8 = 0x0d
let lineFeed: UInt8 = 0x0a

/// The value of a hexadecimal digit.
@inline(__always) func hexValue(_ byte: UInt8) -> UInt8? {
  if isDigit(byte) { return byte &- 0x30 }
  let letter = (byte | 0x20) &- 0x61
  return letter < 6 ? letter &+ 10 : nil
}

/// Up to eight letters as one word, the first in the lowest byte: what ``Memory/word(_:at:)`` reads on a
/// little-endian machine.
@inline(__always) func ascii(
  _ a: Unicode.Scalar, _ b: Unicode.Scalar = "\0", _ c: Unicode.Scalar = "\0", _ d: Unicode.Scalar = "\0",
  _ e: Unicode.Scalar = "\0", _ f: Unicode.Scalar = "\0", _ g: Unicode.Scalar = "\0", _ h: Unicode.Scalar = "\0"
) -> UInt64 {
  let low = UInt64(a.value) | UInt64(b.value) &<< 8 | UInt64(c.value) &<< 16 | UInt64(d.value) &<< 24
  return low | UInt64(e.value) &<< 32 | UInt64(f.value) &<< 40 | UInt64(g.value) &<< 48 | UInt64(h.value) &<< 56
}

/// The first byte at or after `start` and before `end` that is a control character or DEL, else `end`. Eight bytes at
/// a time: the borrow of a subtraction marks bytes below 0x20 and, after the exclusive or, DEL. Only the lowest mark
/// is exact, and only that one is used. Bytes from 0x80 pass (obs-text, RFC 9110 §5.5).
@inline(__always) func firstControl(_ s: Span<UInt8>, from start: Int, to end: Int) -> Int {
  var i = start
  while i &+ 8 <= end {
    let w = word(s, at: i)
    let x = w ^ 0x7f7f_7f7f_7f7f_7f7f
    let below = (w &- 0x2020_2020_2020_2020) & ~w
    let stop = (below | ((x &- 0x0101_0101_0101_0101) & ~x)) & 0x8080_8080_8080_8080
    if stop != 0 { return i &+ (stop.trailingZeroBitCount &>> 3) }
    i &+= 8
  }
  while i < end, s[i] >= 0x20, s[i] != 0x7f { i &+= 1 }
  return i
}

/// Like ``firstControl(_:from:to:)``, and stops at a space too.
@inline(__always) func firstControlOrSpace(_ s: Span<UInt8>, from start: Int, to end: Int) -> Int {
  var i = start
  while i &+ 8 <= end {
    let w = word(s, at: i)
    let x = w ^ 0x7f7f_7f7f_7f7f_7f7f
    let below = (w &- 0x2121_2121_2121_2121) & ~w
    let stop = (below | ((x &- 0x0101_0101_0101_0101) & ~x)) & 0x8080_8080_8080_8080
    if stop != 0 { return i &+ (stop.trailingZeroBitCount &>> 3) }
    i &+= 8
  }
  while i < end, s[i] > 0x20, s[i] != 0x7f { i &+= 1 }
  return i
}

/// The first byte at or after `start` that is no ASCII letter, digit or `-`, as far as whole words reach below `end`:
/// names are made of these, and what else a token may have is left to the caller's loop. Per byte: a sum carries into
/// the top bit when the low seven bits reach a range's start, and another when they have passed its end.
@inline(__always) func firstUnusual(_ s: Span<UInt8>, from start: Int, to end: Int) -> Int {
  let every: UInt64 = 0x0101_0101_0101_0101
  var i = start
  while i &+ 8 <= end {
    let w = word(s, at: i)
    let low = w & (every &* 0x7f)
    let letter = low | (every &* 0x20)
    let isLetter = (letter &+ every &* (0x80 &- 0x61)) & ~(letter &+ every &* (0x7f &- 0x7a))
    let isDigit = (low &+ every &* (0x80 &- 0x30)) & ~(low &+ every &* (0x7f &- 0x39))
    let isNoHyphen = (low ^ (every &* 0x2d)) &+ every &* 0x7f
    let unusual = (~(isLetter | isDigit | ~isNoHyphen) | w) & (every &* 0x80)
    if unusual != 0 { return i &+ (unusual.trailingZeroBitCount &>> 3) }
    i &+= 8
  }
  return i
}
