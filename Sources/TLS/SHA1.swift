import COpenSSL

/// SHA-1 (FIPS 180-4), for protocols that ask for it where it protects nothing, as the handshake of WebSocket does (RFC 6455 §4.2.2).
public enum SHA1 {
  /// 20 bytes.
  public static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 20)
    let isDone = unsafe EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha1(), nil)
    precondition(isDone == 1, "no memory for a hash")
    return digest
  }
}
