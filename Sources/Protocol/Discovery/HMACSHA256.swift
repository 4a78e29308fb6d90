/// HMAC (RFC 2104) over SHA-256: shows that whoever wrote a message knows the key.
public enum HMACSHA256 {
  private static let blockBytes = 64

  /// The 32 bytes of the code. A key above 64 bytes counts as its digest.
  public static func authenticate(_ message: Span<UInt8>, key: Span<UInt8>) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockBytes)
    if key.count > blockBytes {
      for (index, byte) in SHA256.digest(key).enumerated() { block[index] = byte }
    } else {
      for index in key.indices { block[index] = key[index] }
    }
    let innerPad = block.map { $0 ^ 0x36 }
    let outerPad = block.map { $0 ^ 0x5c }
    var inner = SHA256()
    inner.update(innerPad.span)
    inner.update(message)
    let digest = inner.finish()
    var outer = SHA256()
    outer.update(outerPad.span)
    outer.update(digest.span)
    return outer.finish()
  }
}
