/// The version of this build.
enum ProxyVersion {
  static let text = "0.1.0"
}
