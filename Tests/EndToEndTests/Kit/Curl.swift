import Foundation

/// What curl, a client not ours, got.
struct CurlAnswer {
  let status: Int
  let body: String
  let head: String

  var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:] }
}

/// Runs the real curl once.
func curl(_ arguments: String..., body: String? = nil) throws -> CurlAnswer { try curl(all: arguments, body: body) }

func curl(_ options: [String], _ url: String) throws -> CurlAnswer { try curl(all: options + [url]) }

/// The same with a list.
func curl(all arguments: [String], body: String? = nil) throws -> CurlAnswer {
  let marker = "\n--status--"
  var all = ["-sS", "--max-time", "20", "-D", "-", "-w", marker + "%{http_code}"] + arguments
  let large = body.map { $0.utf8.count >= mostInOneArgument } == true ? try ScratchFolder() : nil
  if let body { all += ["-H", "content-type: application/json", "--data-binary", try argument(body, large)] }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
  process.arguments = all
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  try process.run()
  let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  withExtendedLifetime(large) {}
  let parts = text.components(separatedBy: marker)
  var content = parts[0]
  var head = ""
  // Interim answers have heads of their own.
  while content.hasPrefix("HTTP/"), let end = content.range(of: "\r\n\r\n") {
    head = String(content[..<end.lowerBound])
    content = String(content[end.upperBound...])
  }
  return CurlAnswer(status: Int(parts.last ?? "") ?? 0, body: content, head: head)
}

/// Bytes of a body that still fits in curl's arguments: Linux takes 128 KiB in one.
private let mostInOneArgument = 100_000

/// The body itself, or the name of a file that holds it.
private func argument(_ body: String, _ folder: ScratchFolder?) throws -> String {
  guard let folder else { return body }
  try body.write(toFile: folder.path + "/body", atomically: false, encoding: .utf8)
  return "@" + folder.path + "/body"
}
