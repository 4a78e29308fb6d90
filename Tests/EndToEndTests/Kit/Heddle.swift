import Foundation

extension Mesh {
  /// Runs the operator's command line against this mesh; its answers are JSON, as it gives them to scripts.
  func heddle(_ arguments: String...) throws -> ToolAnswer {
    try run("heddle", arguments, environment: ["HEDDLE_CONTROLLER": "http://\(rest)", "NO_COLOR": "1"], folder: folder)
  }
}

/// The interpreter with the libraries of scripts/python-test.txt, where there is one: `make test` makes it and says where in `HEDDLE_PYTHON`.
let python = ProcessInfo.processInfo.environment["HEDDLE_PYTHON"]

/// mesh_client.py beside this file's folder: a proxy's end of the stream that shares no code with ours.
func meshClient(_ mesh: Mesh, _ arguments: String...) throws -> RunningProgram {
  let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("mesh_client.py").path
  guard let python else { throw NeverHappened(description: "HEDDLE_PYTHON names an interpreter") }
  return try RunningProgram(python, [script, "--mesh", mesh.mesh] + arguments)
}
