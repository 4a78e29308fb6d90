/// What callers and services say to the data path, one text for each feature; the seeds of its fuzz tests.
enum WireCorpus {
  static let requests = [
    "GET / HTTP/1.1\r\nHost: web\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: split\r\n\r\nGET /b HTTP/1.1\r\nHost: web\r\n\r\nHEAD /c HTTP/1.1\r\nHost: other\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: web\r\nContent-Length: 12\r\n\r\nhello, worldGET / HTTP/1.1\r\nHost: nobody\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: split\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "PUT /x HTTP/1.1\r\nHost: other\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "HEAD / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: web\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\nHost: web\r\n\r\n",
    "GET http://split/p?q HTTP/1.1\r\nHost: elsewhere\r\nProxy-Connection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: web\r\nl5d-dtab: /svc/web => /#/registry/other | /#/registry/web\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: web\r\nl5d-ctx-dtab: /svc => /svc/x ; /svc/x => 2 * /#/registry/web & ~\r\nVia: 1.1 heddle\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: 1.2.3.4.5:x\r\n\r\n",
    "POST /large HTTP/1.1\r\nHost: web\r\nContent-Length: 40000\r\n\r\n" + String(repeating: "b", count: 40_000),
    "GET /ws HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\nHost: web\r\n\r\n",
    "POST /ws HTTP/1.1\r\nHost: split\r\nConnection: upgrade\r\nUpgrade: x, websocket\r\nContent-Length: 2\r\n\r\nhihello\r\n\r\n",
    "CONNECT web:1 HTTP/1.1\r\nHost: web:1\r\n\r\nhello\r\n\r\n",
    "CONNECT web:1 HTTP/1.1\r\nHost: web:1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: dead\r\n\r\n",
  ]

  static let answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the close", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 503 Busy\r\nl5d-success-class: 0.5\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + String(repeating: "a", count: 60_000),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhello\r\n\r\n",
  ]

  static let alphabet = "\r\n\r\n \t:,;=/*_-0189aAfFxXzZ\"#@[]%?.|&~!$>\u{0}\u{7f}\u{e9}"
}
