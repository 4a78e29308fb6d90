import MeshProtocol
import Testing
import Traffic

@Suite struct NamersTests {
  /// Vectors 97–119 of the reference and their neighbours. `name + residual` is concrete, `→ path` rewritten.
  @Test(arguments: [
    ("/", "~"), ("/foo/bar/bah/blah", "~"), ("/$", "~"), ("/#", "~"),
    ("/$/inet/127.0.0.1/1234", "/$/inet/127.0.0.1/1234 + /"),
    ("/$/inet/1234", "/$/inet/1234 + /"),
    ("/$/inet/1234/foobar", "/$/inet/1234 + /foobar"),
    ("/$/inet/google.com/080/a/b", "/$/inet/google.com/80 + /a/b"),
    ("/$/fixedinet/10.0.0.1/80/a", "/$/fixedinet/10.0.0.1/80 + /a"),
    ("/$/inet", "unknown"), ("/$/inet/host", "unknown"), ("/$/inet/host/99999", "unknown"),
    ("/$/inet/99999", "unknown"),
    ("/$/inet/host/-1", "unknown"), ("/$/nobody/x", "unknown"),
    ("/$/fail", "!"), ("/$/fail/foo/bar", "!"), ("/$/nil", "$"), ("/$/nil/foo/bar", "$"),
    ("/$/io.buoyant.rinet/80/host/res", "/$/io.buoyant.rinet/80/host + /res"),
    ("/$/io.buoyant.rinet/host/80", "~"), ("/$/io.buoyant.rinet/80", "~"),
    ("/$/io.buoyant.hostportPfx/ia/127.1:8080/etc", "→ /ia/127.1/8080/etc"),
    ("/$/io.buoyant.hostportPfx/ia/host:http/etc", "→ /ia/host/http/etc"),
    ("/$/io.buoyant.hostportPfx/ia/google.com:8180:abcdef/etc", "~"),
    ("/$/io.buoyant.hostportPfx/ia/google.com/etc", "~"), ("/$/io.buoyant.hostportPfx/ia", "~"),
    ("/$/io.buoyant.hostportPfx/ia/:80", "~"), ("/$/io.buoyant.hostportPfx/ia/host:", "~"),
    ("/$/io.buoyant.hostportPfx/ia/host:-a", "~"), ("/$/io.buoyant.hostportPfx/ia/host:A", "~"),
    ("/$/io.buoyant.porthostPfx/ia/127.1:8080/etc", "→ /ia/8080/127.1/etc"),
    ("/$/io.buoyant.http.anyMethod/GET/foo/bar/bah", "→ /foo/bar/bah"),
    ("/$/io.buoyant.http.anyMethod/A.B/foo/bar/bah", "~"), ("/$/io.buoyant.http.anyMethod", "~"),
    ("/$/io.buoyant.http.anyMethodPfx/foo/GET/bar", "→ /foo/bar"), ("/$/io.buoyant.http.anyMethodPfx/foo", "~"),
    ("/$/io.buoyant.http.anyHost/a.b/foo/bar/bah", "→ /foo/bar/bah"),
    ("/$/io.buoyant.http.anyHost/a%b/foo/bar/bah", "~"),
    ("/$/io.buoyant.http.anyHostPfx/foo/a:80/bar", "→ /foo/bar"),
    ("/$/io.buoyant.http.subdomainOf/a.b/foo.a.b/bar/bah", "→ /foo/bar/bah"),
    ("/$/io.buoyant.http.subdomainOf/a.b/x.y.a.b:80/bar", "→ /x.y/bar"),
    ("/$/io.buoyant.http.subdomainOf/a.b/a.b/bar", "~"), ("/$/io.buoyant.http.subdomainOf/a.b/foo.c.d/bar", "~"),
    ("/$/io.buoyant.http.subdomainOf/a.b", "~"),
    ("/$/io.buoyant.http.subdomainOfPfx/a.b/foo/bar_suffix.a.b/bah", "→ /foo/bar_suffix/bah"),
    ("/$/io.buoyant.http.subdomainOfPfx/a.b/foo/bar-suffix.a.b/bah", "→ /foo/bar-suffix/bah"),
    ("/$/io.buoyant.http.subdomainOfPfx/a.b/foo/bar.a.b:8080/bah", "→ /foo/bar/bah"),
    ("/$/io.buoyant.http.domainToPath/foo.buoyant.io", "→ /io/buoyant/foo"),
    ("/$/io.buoyant.http.domainToPath/foo.buoyant.io/rest", "→ /io/buoyant/foo/rest"),
    ("/$/io.buoyant.http.domainToPath/foo..io", "~"), ("/$/io.buoyant.http.domainToPath", "~"),
    ("/$/io.buoyant.http.domainToPathPfx/pfx/foo.io/rest", "→ /pfx/io/foo/rest"),
    ("/$/io.buoyant.http.domainToPath/:80", "~"),
    ("/#/registry/users/a/b", "/#/registry/users + /a/b"), ("/#/registry", "~"),
    ("/#/registry.ns/prod/users/a", "/#/registry.ns/prod/users + /a"), ("/#/registry.ns/prod", "~"),
    ("/#/io.l5d.k8s/prod/http/users", "/#/io.l5d.k8s/prod/http/users + /"),
  ])
  func answer(_ path: String, _ expected: String) throws {
    let text: String
    switch Namers.answer(try Path(parsing: path)) {
    case .concrete(let name, let residual): text = "\(name) + \(residual)"
    case .rewritten(let path): text = "→ \(path)"
    case .negative: text = "~"
    case .fail: text = "!"
    case .empty: text = "$"
    case .unknownNamer: text = "unknown"
    }
    #expect(text == expected)
  }

  /// A concrete name looked up again is the same name: the address API takes only the name.
  @Test(arguments: [
    "/$/inet/1234/x", "/$/inet/h/080/x", "/$/io.buoyant.rinet/80/h/x", "/#/registry/s/x", "/#/io.l5d.fs/a/b",
  ])
  func namesNameThemselves(_ path: String) throws {
    guard case .concrete(let name, _) = Namers.answer(try Path(parsing: path)) else {
      Issue.record("\(path) is not concrete")
      return
    }
    #expect(Namers.answer(name) == .concrete(name: name, residual: .root))
  }
}
