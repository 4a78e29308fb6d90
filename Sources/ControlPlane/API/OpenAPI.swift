import JSONFormat

/// The description of the API (OpenAPI 3.1), made of the table of routes.
enum OpenAPI {
  static func document(_ routes: [Route], version: String) -> JSON {
    [
      "openapi": "3.1.0",
      "info": [
        "title": "Heddle controller", "version": .string(version),
        "description":
          .string(
            "Rules, traffic splits and the registry of a Heddle mesh. "
              + "Every namespace has one revision; it is the ETag of its configuration."),
      ],
      "paths": paths(routes),
      "components": ["schemas": schemas],
    ]
  }

  private static func paths(_ routes: [Route]) -> JSON {
    var order: [String] = []
    var byPath: [String: [Route]] = [:]
    for route in routes {
      if byPath[route.pattern.text] == nil { order.append(route.pattern.text) }
      byPath[route.pattern.text, default: []].append(route)
    }
    return .object(
      order.map { path in
        let routes = byPath[path] ?? []
        let parameters = (routes.first?.pattern.parameters ?? []).map { name -> JSON in
          ["name": .string(name), "in": "path", "required": true, "schema": pathSchema(name)]
        }
        let shared: [JSON.Member] = parameters.isEmpty ? [] : [.init(name: "parameters", value: .array(parameters))]
        return .init(
          name: path, value: .object(shared + routes.map { .init(name: $0.method.lowercased(), value: operation($0)) }))
      })
  }

  private static func pathSchema(_ name: String) -> JSON {
    switch name {
    case "n": ["type": "integer", "minimum": 1]
    case "address": ["type": "string", "examples": ["10.0.0.1:8080", "[::1]:80"]]
    default: ["type": "string", "pattern": .string("^\(ResourceName.pattern)$")]
    }
  }

  private static func operation(_ route: Route) -> JSON {
    var members: [JSON.Member] = [
      .init(name: "operationId", value: .string(route.id)), .init(name: "summary", value: .string(route.summary)),
    ]
    if !route.parameters.isEmpty {
      members.append(.init(name: "parameters", value: .array(route.parameters.map(parameter))))
    }
    if !route.bodies.isEmpty {
      let content = route.bodies.map { JSON.Member(name: $0.contentType, value: ["schema": reference($0.schema)]) }
      members.append(.init(name: "requestBody", value: ["content": .object(content)]))
    }
    let problem: JSON = [
      "description": "A problem (RFC 9457).", "content": ["application/problem+json": ["schema": reference("Problem")]],
    ]
    members.append(.init(name: "responses", value: .object([success(route), .init(name: "default", value: problem)])))
    return .object(members)
  }

  private static func success(_ route: Route) -> JSON.Member {
    let type: String
    switch route.answer {
    case "Text": type = "text/plain"
    case "Events": type = "text/event-stream"
    default: type = "application/json"
    }
    return .init(
      name: String(route.status),
      value: [
        "description": .string(route.summary),
        "content": .object([.init(name: type, value: ["schema": reference(route.answer)])]),
      ])
  }

  private static func parameter(_ parameter: Route.Parameter) -> JSON {
    let base: JSON = [
      "name": .string(parameter.name), "in": .string(parameter.place.rawValue), "schema": parameter.schema,
      "description": .string(parameter.summary),
    ]
    return parameter.isRequired ? base.adding([.init(name: "required", value: true)]) : base
  }

  private static func reference(_ schema: String) -> JSON {
    let text = "#/components/schemas/\(schema)"
    return .object([.init(name: "$ref", value: .string(text))])
  }
}
