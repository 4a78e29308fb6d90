"""Renders charts/heddle with a real Helm engine and many values, and validates what comes out.

Checks: Helm's own lint; every manifest against Kubernetes' schemas, strictly; values that must be refused are; every value is
documented and in the schema; and what the chart promises (who reaches the mesh port, non-root, read-only, probes).
"""
import os
import re
import sys

import helm_python as helm
import kubernetes_validate
import yaml

CHART = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "charts", "heddle")
VERSIONS = ["1.28", "1.34"]

GOOD = {
    "defaults": {},
    "trial": {"controller": {"restNames": ["heddle.example"], "persistence": {"enabled": False}, "networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}}},
    "closed": {"controller": {"networkPolicy": {"restFrom": [{"namespaceSelector": {"matchLabels": {"team": "platform"}}}],
                                               "meshFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}},
               "proxy": {"networkPolicy": {"enabled": True, "from": [{"podSelector": {}}]}}},
    "open-proxies": {"proxy": {"networkPolicy": {"enabled": True}}},
    "hosts": {"proxy": {"outbound": {"hostPort": True, "port": 14140}, "state": {"hostPath": "/var/lib/heddle"}, "workers": 4,
                        "mesh": ["c1:4321", "c2:4321"], "labels": {"zone": "a"}, "extraConfig": {"zone": "a"}, "maxUnavailable": "10%"}},
    "dressed": {"fullnameOverride": "loom", "commonLabels": {"team": "x"}, "image": {"repository": "r.example/x", "tag": "t", "pullSecrets": ["s"]},
                "controller": {"podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"e": "f"}, "affinity": {"nodeAffinity": {}},
                               "tolerations": [{"operator": "Exists"}], "priorityClassName": "high", "persistence": {"storageClass": "fast", "annotations": {"g": "h"}},
                               "serviceAccount": {"name": "own", "annotations": {"i": "j"}}, "service": {"annotations": {"k": "l"}, "meshPort": 5321}},
                "proxy": {"podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"e": "f"}, "tolerations": [], "affinity": {"nodeAffinity": {}},
                          "priorityClassName": "high", "serviceAccount": {"create": False}, "service": {"annotations": {"k": "l"}}}},
    "no-service": {"proxy": {"service": {"enabled": False}}, "controller": {"serviceAccount": {"create": False}}},
}
BAD = {
    "unknown key": {"controler": {}},
    "unknown nested key": {"proxy": {"outbound": {"prot": 1}}},
    "port out of range": {"proxy": {"outbound": {"port": 70000}}},
    "root": {"securityContext": {"runAsUser": 0}},
    "log level": {"proxy": {"logLevel": "loud"}},
    "size": {"controller": {"persistence": {"size": "big"}}},
    "mesh without port": {"proxy": {"mesh": ["controller"]}},
}

faults = []


def expect(condition, what):
    if not condition:
        faults.append(what)


def render(values):
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="mesh", namespace="heddle")
    return [document for name, text in files.items() if name.endswith(".yaml") for document in yaml.safe_load_all(text) if document]


def one(documents, kind, suffix=""):
    found = [d for d in documents if d["kind"] == kind and d["metadata"]["name"].endswith(suffix)]
    return found[0] if found else None


def check_manifests(name, documents):
    for document in documents:
        label = f"{name}: {document['kind']} {document['metadata']['name']}"
        expect(document["metadata"].get("namespace") == "heddle", f"{label}: namespace")
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                faults.append(f"{label} against {version}: {error.message} at {list(error.path)}")


def check_workloads(name, documents):
    for kind, component in (("StatefulSet", "controller"), ("DaemonSet", "proxy")):
        workload = one(documents, kind)
        pod = workload["spec"]["template"]
        spec, container = pod["spec"], pod["spec"]["containers"][0]
        selector = workload["spec"]["selector"]["matchLabels"]
        expect(selector.items() <= pod["metadata"]["labels"].items(), f"{name}: {kind} does not select its own pods")
        expect(spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
               f"{name}: {component} runs unconfined")
        security = container["securityContext"]
        expect(security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"] and security["capabilities"]["drop"] == ["ALL"],
               f"{name}: {component}'s container may too much")
        expect(spec["automountServiceAccountToken"] is False, f"{name}: {component} gets a token it does not need")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            expect(probe in container, f"{name}: {component} has no {probe}")
        ports = {port["name"] for port in container["ports"]}
        expect(container["livenessProbe"]["httpGet"]["port"] in ports, f"{name}: {component}'s probe names no port")
        account = spec["serviceAccountName"]
        expect(account == "default" or any(d["kind"] == "ServiceAccount" and d["metadata"]["name"] == account for d in documents),
               f"{name}: {component}'s account {account} is not made")
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        expect(mounted == {volume["name"] for volume in spec["volumes"]} | claims, f"{name}: {component}'s volumes and mounts differ")


def check_wiring(name, documents):
    """What one object says of another is true."""
    proxy = yaml.safe_load(one(documents, "ConfigMap", "-proxy")["data"]["proxy.yaml"])
    controller = yaml.safe_load(one(documents, "ConfigMap", "-controller")["data"]["controller.yaml"])
    container = one(documents, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    expect(proxy["outbound"]["listen"].endswith(f":{ports['outbound']}"), f"{name}: the proxy listens elsewhere than its port")
    expect(proxy["observe"]["listen"].endswith(f":{ports['observe']}"), f"{name}: observe listens elsewhere than its port")
    expect("admin" not in proxy, f"{name}: the admin port must stay on loopback")
    expect(controller["mesh"]["listen"].endswith(":4321") and controller["rest"]["listen"].endswith(":4180"), f"{name}: controller ports")
    names = controller["rest"]["names"]
    expect(f"{one(documents, 'Service', '-controller')['metadata']['name']}.heddle.svc" in names, f"{name}: the API refuses its own Service's name")
    if not GOOD[name].get("proxy", {}).get("mesh"):
        service = one(documents, "Service", "-controller")
        port = next(port["port"] for port in service["spec"]["ports"] if port["targetPort"] == "mesh")
        expect(proxy["mesh"] == [f"{service['metadata']['name']}.heddle.svc:{port}"], f"{name}: proxies look for the controller at {proxy['mesh']}")
    for service in (d for d in documents if d["kind"] == "Service"):
        workloads = [one(documents, "StatefulSet"), one(documents, "DaemonSet")]
        chosen = [w for w in workloads if service["spec"]["selector"].items() <= w["spec"]["template"]["metadata"]["labels"].items()]
        expect(len(chosen) == 1, f"{name}: Service {service['metadata']['name']} selects {len(chosen)} workloads")


def check_policy(name, documents):
    """Only proxies, and who was named, reach the mesh port."""
    policy = one(documents, "NetworkPolicy", "-controller")
    wanted = GOOD[name].get("controller", {}).get("networkPolicy", {})
    expect((policy is None) == (wanted.get("enabled") is False), f"{name}: NetworkPolicy there or not")
    if policy is None:
        return
    labels = one(documents, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    expect(policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items(), f"{name}: policy misses the controller")
    mesh = [rule for rule in policy["spec"]["ingress"] if any(port["port"] == "mesh" for port in rule["ports"])]
    expect(len(mesh) == 1 and all("from" in rule for rule in policy["spec"]["ingress"]), f"{name}: an ingress rule without from admits everybody")
    peers = mesh[0]["from"]
    proxies = one(documents, "DaemonSet")["spec"]["template"]["metadata"]["labels"]
    expect(peers[0]["podSelector"]["matchLabels"].items() <= proxies.items(), f"{name}: proxies are not admitted")
    expect(peers[0]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") == "proxy", f"{name}: more than proxies are admitted")
    expect(peers[1:] == wanted.get("meshFrom", []), f"{name}: mesh port admits {peers[1:]}")
    rest = [rule for rule in policy["spec"]["ingress"] if any(port["port"] == "rest" for port in rule["ports"])]
    expect([rule["from"] for rule in rest] == ([wanted["restFrom"]] if wanted.get("restFrom") else []), f"{name}: REST port")


def check_documentation():
    """Every value has a `# --` line above it, and the schema knows it and nothing else."""
    with open(os.path.join(CHART, "values.yaml")) as file:
        lines = file.read().splitlines()
    with open(os.path.join(CHART, "values.schema.json")) as file:
        schema = yaml.safe_load(file)
    documented = False
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*# ", line):
            documented = documented or re.match(r"\s*# -- ", line) is not None
        elif re.match(r"\s*[A-Za-z]+:\s*\S", line):
            expect(documented, f"values.yaml:{number}: not documented: {line.strip()}")
            documented = False
        elif line.strip():
            documented = False
    with helm.Chart.load(CHART) as chart:
        compare(chart.values, schema, "")


def compare(values, schema, path):
    properties = schema.get("properties")
    if properties is None:
        return
    expect(schema.get("additionalProperties") is False, f"schema {path or '/'} admits unknown keys")
    expect(set(properties) - {"global"} == set(values), f"schema and values.yaml differ in {path or '/'}: {set(properties) ^ set(values)}")
    for key, value in values.items():
        if isinstance(value, dict) and key in properties:
            compare(value, properties[key], f"{path}/{key}")


def check_refusals():
    for name, values in BAD.items():
        try:
            render(values)
            faults.append(f"values that should be refused are taken: {name}")
        except helm.HelmError:
            pass


def main():
    findings = helm.lint(CHART)
    for message in findings["messages"] + findings["errors"]:
        if not isinstance(message, dict) or message["severity"] > 1:   # 1 is advice, 2 a warning, 3 an error
            faults.append(f"helm lint: {message}")
    for name, values in GOOD.items():
        documents = render(values)
        for check in (check_manifests, check_workloads, check_wiring, check_policy):
            check(name, documents)
    check_documentation()
    check_refusals()
    for fault in faults:
        print("✗", fault, file=sys.stderr)
    print(f"chart: {len(GOOD)} sets of values rendered by Helm {helm.helm_sdk_version()}, validated against Kubernetes "
          f"{' and '.join(VERSIONS)}; {len(BAD)} refused; {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
