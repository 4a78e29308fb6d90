/// The eight bytes at `i`, the first in the lowest bits. Traps unless all eight are in `s`: guard each use by `i &+ 8
/// <= s.count` with a path by single bytes behind it.
@inlinable @inline(__always) public func word(_ s: Span<UInt8>, at i: Int) -> UInt64 {
  precondition(i >= 0 && i <= s.count &- 8)  // not i &+ 8 <= count: that wraps
  return unsafe UInt64(littleEndian: s.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self))
}

/// The bytes of `s` behind its last whole word, `s.count & 7` of them, the first in the lowest bits and zeros above: what is left after a
/// loop by words, without one by bytes.
@inlinable @inline(__always) public func rest(_ s: Span<UInt8>) -> UInt64 {
  let n = s.count & 7
  if n == 0 { return 0 }
  if s.count > 8 { return word(s, at: s.count &- 8) &>> UInt64((8 &- n) &* 8) }
  // Parts that overlap say the same where they do.
  if n >= 4 {
    let low = unsafe UInt32(littleEndian: s.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: UInt32.self))
    let high = unsafe UInt32(
      littleEndian: s.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: n &- 4, as: UInt32.self))
    return UInt64(low) | UInt64(high) &<< UInt64((n &- 4) &* 8)
  }
  let middle = n &>> 1
  return UInt64(s[0]) | UInt64(s[middle]) &<< UInt64(middle &* 8) | UInt64(s[n &- 1]) &<< UInt64((n &- 1) &* 8)
}

/// `w` with each of its eight ASCII capitals in lower case, every other byte as it was.
@inline(__always) public func lowercased(_ w: UInt64) -> UInt64 {
  let low = w & 0x7f7f_7f7f_7f7f_7f7f  // the sums below cannot carry into the next byte
  let fromA = low &+ 0x3f3f_3f3f_3f3f_3f3f
  let aboveZ = low &+ 0x2525_2525_2525_2525
  return w | (fromA & ~aboveZ & ~w & 0x8080_8080_8080_8080) &>> 2
}

/// `byte` in lower case if it is an ASCII capital.
@inline(__always) public func lowercased(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

/// Where `byte` stands first in `s`, looked for from `start` up to `end`; `end` when it does not. Sixteen bytes at a time, of which the last
/// may reach beyond `end`.
public func firstIndex(of byte: UInt8, in s: Span<UInt8>, from start: Int, to end: Int) -> Int {
  precondition(start >= 0 && end <= s.count)
  let pattern = SIMD16(repeating: byte)
  var i = start
  while i < end, i &+ 16 <= s.count {
    let bytes = unsafe s.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: SIMD16<UInt8>.self)
    // A byte that is equal becomes 0xff, in two words: the lowest of them is where it stands.
    let equal = unsafe unsafeBitCast(
      SIMD16<UInt8>(repeating: 0).replacing(with: 0xff, where: bytes .== pattern), to: SIMD2<UInt64>.self)
    if equal[0] != 0 { return min(end, i &+ (equal[0].littleEndian.trailingZeroBitCount &>> 3)) }
    if equal[1] != 0 { return min(end, i &+ 8 &+ (equal[1].littleEndian.trailingZeroBitCount &>> 3)) }
    i &+= 16
  }
  while i < end, s[i] != byte { i &+= 1 }
  return min(i, end)
}

/// True when both hold the same bytes. Its time tells where they differ: not for secrets.
public func bytesEqual(_ s: Span<UInt8>, _ o: Span<UInt8>) -> Bool {
  let n = s.count
  if n != o.count { return false }
  var i = 0
  while i &+ 8 <= n {
    if word(s, at: i) != word(o, at: i) { return false }
    i &+= 8
  }
  return rest(s) == rest(o)
}

/// True when `s` holds exactly the bytes of the literal `t`.
public func equals(_ s: Span<UInt8>, _ t: StaticString) -> Bool { withBytes(of: t) { bytesEqual(s, $0) } }

/// Lends the bytes of a literal.
@inline(__always) public func withBytes<Result>(of literal: StaticString, _ body: (Span<UInt8>) -> Result) -> Result {
  body(unsafe Span(_unsafeStart: literal.utf8Start, count: literal.utf8CodeUnitCount))
}

/// True when `s` holds the bytes of the literal `t` in any case; `t` must be in lower case (ASCII letters alone have
/// case).
public func equalsIgnoringCase(_ s: Span<UInt8>, _ t: StaticString) -> Bool {
  withBytes(of: t) { equalsIgnoringCase(s, $0) }
}

/// True when `s` holds the bytes of `lower`, which must be in lower case, in any case.
public func equalsIgnoringCase(_ s: Span<UInt8>, _ lower: Span<UInt8>) -> Bool {
  let n = s.count
  if n != lower.count { return false }
  var i = 0
  while i &+ 8 <= n {
    if lowercased(word(s, at: i)) != word(lower, at: i) { return false }
    i &+= 8
  }
  return lowercased(rest(s)) == rest(lower)
}

/// A 64-bit hash of the bytes that only who knows `seed` can predict: eight bytes a step through a folded 64×64→128
/// multiply (the mixing step of wyhash, public domain), multiplier and start from the seed. For tables, not for
/// signatures.
public func hash(_ s: Span<UInt8>, seed: UInt64) -> UInt64 {
  let n = s.count
  let factor = (seed ^ 0xe703_7ed1_a0b4_28db) | 1
  var state = seed &+ UInt64(truncatingIfNeeded: n) &* 0x9e37_79b9_7f4a_7c15
  var i = 0
  while i &+ 8 <= n {
    state = fold(state ^ word(s, at: i), factor)
    i &+= 8
  }
  return fold(fold(state ^ rest(s), factor), 0xa076_1d64_78bd_642f)
}

@inline(__always) private func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.high ^ product.low
}
