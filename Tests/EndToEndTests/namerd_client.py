"""What namerctl does, over the HTTP API of namerd 1.x as its users know it. Standard library only.

usage: namerd_client.py BASE-URL list
       namerd_client.py BASE-URL get|delete NAMESPACE
       namerd_client.py BASE-URL create|update NAMESPACE FILE [VERSION]
       namerd_client.py BASE-URL delegate|bind|addr|resolve NAMESPACE PATH [DTAB]
       namerd_client.py BASE-URL watch TARGET COUNT
Exit status: 0, or 1 with the HTTP status on standard error.
"""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT = 20


def call(url, method="GET", body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        return answer.headers, answer.read().decode()


def show(namespace, version, dentries):
    print("# version", version)
    width = max([len(entry["prefix"]) for entry in dentries], default=0)
    for entry in dentries:
        print(entry["prefix"].ljust(width), "=>", entry["dst"], ";")


def main(base, verb, *arguments):
    api = base + "/api/1"
    if verb == "list":
        print("\n".join(json.loads(call(api + "/dtabs")[1])))
    elif verb == "get":
        headers, text = call(api + "/dtabs/" + arguments[0], headers={"Accept": "application/json"})
        show(arguments[0], headers["ETag"], json.loads(text))
    elif verb == "delete":
        call(api + "/dtabs/" + arguments[0], "DELETE")
    elif verb in ("create", "update"):
        headers = {"Content-Type": "application/dtab"}
        if len(arguments) > 2:
            headers["If-Match"] = arguments[2]
        with open(arguments[1], "rb") as file:
            body = file.read()
        call(api + "/dtabs/" + arguments[0], "POST" if verb == "create" else "PUT", body, headers)
    elif verb in ("delegate", "bind", "addr", "resolve"):
        query = {"path": arguments[1]}
        if len(arguments) > 2:
            query["dtab"] = arguments[2]
        print(call(f"{api}/{verb}/{arguments[0]}?{urllib.parse.urlencode(query)}")[1])
    elif verb == "watch":
        with urllib.request.urlopen(api + arguments[0], timeout=TIMEOUT) as answer:
            for _ in range(int(arguments[1])):
                print(answer.readline().decode().rstrip("\n"), flush=True)


try:
    main(*sys.argv[1:])
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode(), file=sys.stderr)
    sys.exit(1)
