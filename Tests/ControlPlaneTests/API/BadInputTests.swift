import JSONFormat
import Testing

@testable import ControlPlane

struct BadInputTests {
  private let json = [("content-type", "application/json")]

  // bad-inputs 110
  @Test func malformedBodiesAreRefusedAndNothingIsStored() async throws {
    let plane = try Plane()
    let cases: [(String, Int)] = [
      ("", 400), ("{", 400), ("[]", 422), ("null", 422), ("\"x\"", 422),
      ("{\"prefix\":\"/a\",\"prefix\":\"/b\",\"destination\":\"/c\"}", 400),
      ("\u{FEFF}{\"prefix\":\"/a\",\"destination\":\"/b\"}", 400), ("{\"prefix\":\"/a\",\"destination\":NaN}", 400),
      ("{\"prefix\":\"/a\",\"destination\":1e999}", 400), (String(repeating: "[", count: 10_000), 400),
      ("{\"prefix\":\"/a\",\"destination\":[]}", 422), ("{\"prefix\":\"/а\",\"destination\":\"/b\"}", 422),
      ("{\"prefix\":\"/a\",\"destination\":\"/b\"} x", 400),
    ]
    for (body, status) in cases {
      let answer = await plane.raw("POST", "/v1/namespaces/default/rules", Array(body.utf8), headers: json)
      #expect(answer.status == status, "\(body.prefix(60))")
      #expect(answer.json["errors"]?.items?.isEmpty == false)
    }
    let long = Array(repeating: UInt8(ascii: " "), count: (8 << 20) + 1)
    #expect(await plane.raw("POST", "/v1/namespaces/default/rules", long, headers: json).status == 413)
    #expect(await plane.revision() == 1)
  }

  @Test func contentTypeMustBeSaid() async throws {
    let plane = try Plane()
    let body = Array("{\"prefix\":\"/a\",\"destination\":\"/b\"}".utf8)
    for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
      #expect(
        await plane.raw("POST", "/v1/namespaces/default/rules", body, headers: [("content-type", type)]).status == 415)
    }
    #expect(await plane.raw("POST", "/v1/namespaces/default/rules", body).status == 415)
    #expect(
      await plane.raw(
        "POST", "/v1/namespaces/default/rules", body, headers: [("content-type", "Application/JSON; charset=utf-8")]
      ).status == 201)
    #expect(await plane.raw("GET", "/v1/namespaces/default/rules", body, headers: json).status == 400)
  }

  @Test func unknownPathsAndMethods() async throws {
    let plane = try Plane()
    for path in [
      "/", "/v1", "/v2/namespaces", "/v1/namespaces/default/rules/", "//v1/namespaces",
      "/v1/namespaces/default/policies/x", "/v1/namespaces/default/routes/x", "/v1/namespaces/default/preview",
    ] {
      #expect(await plane.call("GET", path).status == 404, "\(path)")
    }
    let method = await plane.call("PATCH", "/v1/namespaces/default/rules", [:])
    #expect(method.status == 405)
    #expect(method.response.headers["allow"] == "GET, HEAD, POST")
    #expect(await plane.call("GET", "/v1/namespaces/default/revisions/1:rollback").status == 405)
    #expect(await plane.call("GET", "/v1/%zz").status == 400)
    let head = await plane.call("HEAD", "/v1/namespaces/default")
    #expect(head.status == 200 && head.text.isEmpty && head.tag == "\"1\"")
  }

  @Test func foreignHostsAndOriginsAreRefused() async throws {
    let plane = try Plane()
    for host in [
      "localhost", "LOCALHOST:4180", "127.0.0.1:1", "[::1]:4180", "10.1.2.3", "mesh.example", "Mesh.Example.:4180",
      "a.localhost",
    ] {
      #expect(await plane.raw("GET", "/livez", headers: [("host", host)]).status == 200, "\(host)")
    }
    for host in ["evil.example", "mesh.example.evil.com", "127.0.0.1.evil.com", "", "localhost@evil", "[::1"] {
      #expect(await plane.raw("GET", "/livez", headers: [("host", host)]).status == 403, "\(host)")
    }
    let rollback = "/v1/namespaces/default/revisions/1:rollback"
    #expect(await plane.raw("POST", rollback, headers: [("origin", "https://evil.example")]).status == 403)
    #expect(await plane.raw("POST", rollback, headers: [("origin", "null")]).status == 403)
    #expect(await plane.raw("POST", rollback, headers: [("origin", "http://localhost:4180")]).status == 200)
  }

  // bad-inputs 111
  @Test func weightsThatAreNoWeights() async throws {
    let plane = try Plane()
    await plane.split("s", "/svc/s", [("v1", 1)])
    for weight in [
      "-1", "1.5", "1e400", "\"1\"", "null", "1000001", "9223372036854775808", "18446744073709551616", "true",
    ] {
      let body = "{\"weights\":{\"v1\":\(weight)}}"
      let answer = await plane.raw("PATCH", "/v1/namespaces/default/splits/s", Array(body.utf8), headers: json)
      #expect([400, 422].contains(answer.status), "\(weight)")
      #expect(answer.pointers == ["/weights/v1"], "\(weight)")
    }
    #expect(await plane.revision() == 2)
  }

  @Test func namesThatLookAlikeAreNoNames() async throws {
    let plane = try Plane()
    for name in ["us%D0%B5rs", "us%00ers", "us%2Fers", "us ers", String(repeating: "a", count: 254)] {
      #expect(await plane.at("PUT", "/services/\(name.replacing(" ", with: "%20"))", [:]).status == 400, "\(name)")
    }
  }

  @Test func conditionsAndHeadersThatMakeNoSense() async throws {
    let plane = try Plane()
    let body: JSON = ["prefix": "/a", "destination": "/b"]
    for header in [
      ("if-match", "abc"), ("if-match", ""), ("if-none-match", "\"1\""), ("idempotency-key", ""),
      ("idempotency-key", String(repeating: "k", count: 256)), ("heddle-reason", String(repeating: "r", count: 2000)),
    ] {
      #expect(await plane.at("POST", "/rules", body, headers: [header]).status == 400, "\(header.0)")
    }
    #expect(await plane.revision() == 1)
  }
}
