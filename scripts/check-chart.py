"""Renders charts/heddle with a real Helm engine and many values, and validates what comes out.

Checks: Helm's own lint; every manifest against Kubernetes' schemas, strictly; values that must be refused are; every value is
documented and in the schema; and what the chart promises (who reaches the mesh port, non-root, read-only, probes, who gets which secret).
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
    "join-tokens": {"identity": {"mode": "joinToken", "trustDomain": "shop.example", "permissive": True,
                                 "joinToken": {"proxySecretName": "node-token", "edgeSecretName": "edge-token", "key": "text"}},
                    "edge": {"enabled": True, "tls": {"secretNames": ["shop", "other"]}, "service": {"type": "NodePort"}},
                    "proxy": {"namespace": "shop", "outbound": {"tls": {"secretName": "inner"}}}},
    "join-tokens-without-edge": {"identity": {"mode": "joinToken", "joinToken": {"proxySecretName": "node-token"}}},
    "accounts": {"identity": {"mode": "kubernetes", "kubernetes": {"audience": "mesh", "expirationSeconds": 1200}, "roots": {"configMapName": "mesh-roots", "key": "roots"}},
                 "edge": {"enabled": True, "proxyProtocol": True, "service": {"type": "ClusterIP", "port": 80}, "podDisruptionBudget": {"enabled": False}}},
    "accounts-of-own-authority": {"identity": {"mode": "kubernetes", "ca": {"secretName": "mesh-ca"}}, "edge": {"enabled": True, "serviceAccount": {"create": False, "name": "given"}},
                                  "proxy": {"namespace": "heddle", "state": {"hostPath": "/var/lib/heddle"}}},
    "edge": {"edge": {"enabled": True, "namespace": "shop", "replicas": 3, "extraConfig": {"zone": "a"}}},
    "no-service": {"proxy": {"service": {"enabled": False}}, "controller": {"serviceAccount": {"create": False}}},
}
BAD = {
    "unknown key": {"controler": {}},
    "unknown nested key": {"proxy": {"outbound": {"prot": 1}}},
    "port out of range": {"proxy": {"outbound": {"port": 70000}}},
    "root": {"securityContext": {"runAsUser": 0}},
    "log level": {"proxy": {"logLevel": "loud"}},
    "size": {"controller": {"persistence": {"size": "big"}}},
    "identity mode": {"identity": {"mode": "spiffe"}},
    "join token without secret": {"identity": {"mode": "joinToken"}},
    "edge's join token without secret": {"identity": {"mode": "joinToken", "joinToken": {"proxySecretName": "a"}}, "edge": {"enabled": True}},
    "accounts without roots": {"identity": {"mode": "kubernetes"}},
    "accounts in another namespace": {"identity": {"mode": "kubernetes", "roots": {"configMapName": "r"}}, "proxy": {"namespace": "shop"}},
    "short-lived accounts": {"identity": {"mode": "kubernetes", "roots": {"configMapName": "r"}, "kubernetes": {"expirationSeconds": 60}}},
    "trust domain": {"identity": {"trustDomain": "Shop"}},
    "no edge at all": {"edge": {"enabled": True, "replicas": 0}},
    "secret's name": {"edge": {"tls": {"secretNames": ["a/b"]}}},
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


CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}


def workloads(documents):
    """Each with its component."""
    return [(d, component) for kind, component in (("StatefulSet", "controller"), ("DaemonSet", "proxy"), ("Deployment", "edge"))
            for d in documents if d["kind"] == kind]


def pod_of(documents, component):
    return next((w["spec"]["template"]["spec"] for w, of in workloads(documents) if of == component), None)


def config_of(documents, component):
    found = one(documents, "ConfigMap", f"-{component}")
    return found and yaml.safe_load(next(iter(found["data"].values())))


def volumes_of(spec):
    return {volume["name"]: volume for volume in spec["volumes"]}


def one(documents, kind, suffix=""):
    found = [d for d in documents if d["kind"] == kind and d["metadata"]["name"].endswith(suffix)]
    return found[0] if found else None


def check_manifests(name, documents):
    for document in documents:
        label = f"{name}: {document['kind']} {document['metadata']['name']}"
        namespace = None if document["kind"] in CLUSTER_WIDE else "heddle"
        expect(document["metadata"].get("namespace") == namespace, f"{label}: namespace")
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                faults.append(f"{label} against {version}: {error.message} at {list(error.path)}")


def check_workloads(name, documents):
    asks = values_of(name, "identity", "mode") == "kubernetes"
    expect(len(workloads(documents)) == 2 + bool(values_of(name, "edge", "enabled")), f"{name}: workloads")
    for workload, component in workloads(documents):
        kind = workload["kind"]
        pod = workload["spec"]["template"]
        spec, container = pod["spec"], pod["spec"]["containers"][0]
        selector = workload["spec"]["selector"]["matchLabels"]
        expect(selector.items() <= pod["metadata"]["labels"].items(), f"{name}: {kind} does not select its own pods")
        expect(spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
               f"{name}: {component} runs unconfined")
        security = container["securityContext"]
        expect(security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"] and security["capabilities"]["drop"] == ["ALL"],
               f"{name}: {component}'s container may too much")
        expect(spec["automountServiceAccountToken"] is (asks and component == "controller"), f"{name}: {component} gets a token it does not need")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            expect(probe in container, f"{name}: {component} has no {probe}")
        ports = {port["name"] for port in container["ports"]}
        expect(container["livenessProbe"]["httpGet"]["port"] in ports, f"{name}: {component}'s probe names no port")
        account = spec["serviceAccountName"]
        given = GOOD[name].get(component, {}).get("serviceAccount", {})
        expect(given.get("create") is False and account == given.get("name", "default") or any(d["kind"] == "ServiceAccount" and d["metadata"]["name"] == account for d in documents),
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
    edge = config_of(documents, "edge")
    expect((edge is not None) == bool(values_of(name, "edge", "enabled")), f"{name}: edge there or not")
    if edge:
        ports = {port["name"]: port["containerPort"] for port in pod_of(documents, "edge")["containers"][0]["ports"]}
        expect(edge["edge"]["listen"].endswith(f":{ports['edge']}") and edge["observe"]["listen"].endswith(f":{ports['observe']}"), f"{name}: the edge's ports")
        expect("outbound" not in edge and "admin" not in edge, f"{name}: the edge's other listeners must stay on loopback")
        expect(edge["mesh"] == proxy["mesh"] and edge["edge"]["proxy_protocol"] == bool(values_of(name, "edge", "proxyProtocol")), f"{name}: the edge's file")
        expect(pod_of(documents, "edge")["containers"][0]["image"].split(":")[0].endswith("heddle-proxy"), f"{name}: the edge's image")
    for service in (d for d in documents if d["kind"] == "Service"):
        chosen = [w for w, _ in workloads(documents) if service["spec"]["selector"].items() <= w["spec"]["template"]["metadata"]["labels"].items()]
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
    rest = peers[1:]
    if values_of(name, "edge", "enabled"):
        expect(rest and rest[0]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") == "edge", f"{name}: the edge is not admitted")
        rest = rest[1:]
    expect(rest == wanted.get("meshFrom", []), f"{name}: mesh port admits {rest}")
    rest = [rule for rule in policy["spec"]["ingress"] if any(port["port"] == "rest" for port in rule["ports"])]
    expect([rule["from"] for rule in rest] == ([wanted["restFrom"]] if wanted.get("restFrom") else []), f"{name}: REST port")


def values_of(name, *path):
    """A value as the set gives it; None where the default holds."""
    value = GOOD[name]
    for key in path:
        value = value.get(key, {}) if isinstance(value, dict) else {}
    return None if value == {} else value


def check_identity(name, documents):
    """Who joins by what, who may ask what, and that no secret is mounted where it has no business."""
    mode = values_of(name, "identity", "mode") or "none"
    controller = config_of(documents, "controller")
    expect(("identity" in controller) == (mode != "none"), f"{name}: the controller's identity")
    permissive = bool(values_of(name, "identity", "permissive"))
    expect(controller["mesh"].get("tls") == (None if mode == "none" else "permissive" if permissive else "required"), f"{name}: mesh.tls")
    port = next(p for p in one(documents, "Service", "-controller")["spec"]["ports"] if p["targetPort"] == "mesh")
    expect(("appProtocol" in port) == (mode == "none" or permissive), f"{name}: the Service says clear text of a port of TLS")
    role, binding = one(documents, "ClusterRole"), one(documents, "ClusterRoleBinding")
    expect((role is not None) == (binding is not None) == (mode == "kubernetes"), f"{name}: rights there or not")
    if role:
        expect(role["rules"] == [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}], f"{name}: the controller may more than ask")
        expect(binding["roleRef"]["name"] == role["metadata"]["name"] and binding["subjects"] == [
            {"kind": "ServiceAccount", "name": pod_of(documents, "controller")["serviceAccountName"], "namespace": "heddle"}], f"{name}: the right is somebody else's")
        expect(controller["identity"]["kubernetes"] == {"enabled": True, "audience": values_of(name, "identity", "kubernetes", "audience") or "heddle"}, f"{name}: the audience")
    ca = values_of(name, "identity", "ca", "secretName")
    mounted = volumes_of(pod_of(documents, "controller")).get("ca")
    expect(ca == (mounted and mounted["secret"]["secretName"]) and (ca is not None) == ("ca" in controller.get("identity", {})), f"{name}: the authority")
    for component in ("proxy", "edge"):
        if pod_of(documents, component):
            check_joining(name, documents, component, mode, ca)


def check_joining(name, documents, component, mode, ca):
    config, spec = config_of(documents, component), pod_of(documents, component)
    volumes = volumes_of(spec)
    where = f"{name}: {component}"
    expect(("identity" in volumes) == ("identity" in config) == (mode != "none"), f"{where}: identity there or not")
    names = values_of(name, "edge", "tls", "secretNames") if component == "edge" else values_of(name, "proxy", "outbound", "tls", "secretName")
    names = [names] if isinstance(names, str) else names or []
    secrets = [v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v]
    expect(secrets == names, f"{where} mounts the secrets {secrets}")
    mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    listener = config["edge" if component == "edge" else "outbound"]
    chains = [c["chain"] for c in listener.get("tls", {}).get("certificates", [])]
    expect(chains == [f"{mounts[f'tls-{i}']}/tls.crt" for i in range(len(names))], f"{where}: certificates at {chains}")
    if mode == "none":
        return
    files = {}
    for source in volumes["identity"]["projected"]["sources"]:
        (kind, content), = source.items()
        for item in content.get("items", [content]):
            files[f"{mounts['identity']}/{item['path']}"] = (kind, content.get("name"), item.get("key"))
    if mode == "joinToken":
        secret = values_of(name, "identity", "joinToken", f"{component}SecretName")
        key = values_of(name, "identity", "joinToken", "key") or "token"
        expect(files == {config["identity"]["join_token_file"]: ("secret", secret, key)}, f"{where} joins by {files}")
        return
    expect(config["namespace"] == "heddle", f"{where}: namespace {config['namespace']} is not its account's")
    roots = values_of(name, "identity", "roots", "configMapName")
    # Of the authority's secret nothing but the roots: its key is the controller's.
    expected = ("configMap", roots, values_of(name, "identity", "roots", "key")) if roots else ("secret", ca, "ca.crt")
    expect(files == {config["identity"]["kubernetes_token_file"]: ("serviceAccountToken", None, None), config["identity"]["roots"]: expected}, f"{where} joins by {files}")
    token = next(s["serviceAccountToken"] for s in volumes["identity"]["projected"]["sources"] if "serviceAccountToken" in s)
    wanted = values_of(name, "identity", "kubernetes") or {}
    expect((token["audience"], token["expirationSeconds"]) == (wanted.get("audience", "heddle"), wanted.get("expirationSeconds", 3600)), f"{where}: its token is {token}")


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
        for check in (check_manifests, check_workloads, check_wiring, check_policy, check_identity):
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
