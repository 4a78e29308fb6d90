/// Writing at the end. None of these allocates while the bytes fit into `writableCount`.
extension ByteBuffer {
  /// Appends one byte.
  public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe unsafeTail.storeBytes(of: byte, as: UInt8.self)
    unsafe unsafeCommit(1)
  }

  /// Appends the low `count` bytes of a word, 0 to 8, the lowest first.
  public mutating func append(word: UInt64, count: Int) {
    reserve(8)
    unsafe unsafeTail.storeBytes(of: word.littleEndian, as: UInt64.self)
    unsafe unsafeCommit(min(count, 8))
  }

  /// Appends the bytes with ASCII capitals in lower case.
  public mutating func append(lowercasing bytes: Span<UInt8>) {
    var i = 0
    while i &+ 8 <= bytes.count {
      append(word: lowercased(word(bytes, at: i)), count: 8)
      i &+= 8
    }
    append(word: lowercased(rest(bytes)), count: bytes.count & 7)
  }

  /// Appends the bytes.
  public mutating func append(_ bytes: Span<UInt8>) {
    let n = bytes.count
    if n == 0 { return }
    reserve(n)
    unsafe bytes.withUnsafeBytes { unsafe unsafeTail.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: n) }
    unsafe unsafeCommit(n)
  }

  /// Appends the bytes.
  public mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

  /// Appends the bytes of a literal, as UTF-8.
  public mutating func append(_ text: StaticString) {
    let n = text.utf8CodeUnitCount
    reserve(n)
    unsafe unsafeTail.copyMemory(from: text.utf8Start, byteCount: n)
    unsafe unsafeCommit(n)
  }

  /// Appends the text as UTF-8.
  // Disfavoured: a literal would else become a `String` and be copied as one.
  @_disfavoredOverload
  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { unsafe append(Span(_unsafeElements: $0)) }
  }

  /// Appends `name: value`, CR, LF.
  public mutating func appendLine(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let (n, m) = (name.count, value.count)
    reserve(n &+ m &+ 4)
    let line = unsafe unsafeTail
    if n > 0 {
      unsafe name.withUnsafeBytes { unsafe line.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: n) }
    }
    unsafe line.storeBytes(of: 0x203a as UInt16, toByteOffset: n, as: UInt16.self)
    if m > 0 {
      unsafe value.withUnsafeBytes {
        unsafe (line + n + 2).copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: m)
      }
    }
    unsafe line.storeBytes(of: 0x0a0d as UInt16, toByteOffset: n &+ m &+ 2, as: UInt16.self)
    unsafe unsafeCommit(n &+ m &+ 4)
  }

  /// Appends `number` in decimal, with `-` when negative.
  public mutating func append(decimal number: Int) {
    if number < 0 { append(UInt8(ascii: "-")) }
    append(number.magnitude, radix: 10)
  }

  /// Appends `number` in lower-case hexadecimal without prefix; a negative one as its two's complement.
  public mutating func append(hex number: Int) { append(UInt(bitPattern: number), radix: 16) }

  private mutating func append(_ number: UInt, radix: UInt) {
    var digits = 1
    var rest = number / radix
    while rest != 0 { rest /= radix; digits &+= 1 }
    reserve(digits)
    let end = unsafe unsafeTail
    rest = number
    for place in stride(from: digits &- 1, through: 0, by: -1) {
      let digit = UInt8(truncatingIfNeeded: rest % radix)
      unsafe end.storeBytes(of: digit < 10 ? digit | 0x30 : digit &+ 87, toByteOffset: place, as: UInt8.self)
      rest /= radix
    }
    unsafe unsafeCommit(digits)
  }
}
