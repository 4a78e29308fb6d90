extension [UInt8] {
  /// These bytes in an array. By appending: the initializer for uninitialized capacity looks up the array's type while the program
  /// runs, which costs more than the copy.
  public init(copying bytes: Span<UInt8>) {
    self.init()
    reserveCapacity(bytes.count)
    append(copying: bytes)
  }

  /// Appends the bytes.
  public mutating func append(copying bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}
