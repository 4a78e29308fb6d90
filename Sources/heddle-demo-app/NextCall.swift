import Dispatch
import HTTP2
import Serving
import SystemIO

/// The call that a service makes for a request it got: through its proxy, with the context that belongs to the request.
struct NextCall: Sendable {
  /// A service, or `residual` for the one that the request's `l5d-dst-residual` names.
  let name: String
  let proxy: SocketAddress

  /// What the next service said, or why it could not be asked.
  func answer(to request: HTTPRequest) async -> String {
    guard let host = host(for: request) else { return "nobody to call\n" }
    var headers = HeaderList()
    headers.append("host", host)
    // What a service has to do for the mesh, and all it has to do: hand on the context.
    for (name, value) in request.headers.fields where name.hasPrefix("l5d-ctx-") { headers.append(name, value) }
    let (address, path, fields) = (proxy, request.path, headers)
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        do throws(HTTPClientError) {
          let answer = try HTTPClient(address: address, timeout: .seconds(10)).send("GET", path, headers: fields)
          continuation.resume(returning: answer.text ?? "")
        } catch { continuation.resume(returning: "\(error)\n") }
      }
    }
  }

  /// `/svc/E` is called as `E`.
  private func host(for request: HTTPRequest) -> String? {
    guard name == "residual" else { return name }
    let residual = request.headers.fields.first { $0.name == "l5d-dst-residual" }?.value
    return residual?.split(separator: "/").last.map(String.init)
  }
}
