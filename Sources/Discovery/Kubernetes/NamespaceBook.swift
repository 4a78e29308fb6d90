import JSONFormat

/// What is known of one Kubernetes namespace: its Services and EndpointSlices, as far as they are right. Pure.
///
/// An object that makes no sense leaves what was known of it; so it concerns its own name only.
struct NamespaceBook {
  private var services: [String: KubernetesService] = [:]
  private var slices: [String: KubernetesSlice] = [:]
  private var slicesOf: [String: Set<String>] = [:]
  /// By object: the Service concerned, and what is wrong.
  private var brokenServices: [String: String] = [:]
  private var brokenSlices: [String: (service: String, text: String)] = [:]

  /// Objects that are kept wrongly or not at all because they make no sense.
  var brokenCount: Int { brokenServices.count + brokenSlices.count }

  // MARK: Services

  /// Takes one Service; the names whose finding may have changed.
  mutating func takeService(_ object: JSON) -> Set<String> {
    guard let name = object.objectName else { return [] }
    do throws(ObjectFault) {
      let service = try KubernetesService(object)
      let isNews = brokenServices.removeValue(forKey: name) != nil || services[name] != service
      services[name] = service
      return isNews ? [name] : []
    } catch {
      brokenServices[name] = error.text
      return [name]
    }
  }

  mutating func removeService(_ name: String) -> Set<String> {
    brokenServices[name] = nil
    return services.removeValue(forKey: name) == nil ? [] : [name]
  }

  /// A whole list: what is not in it is gone.
  mutating func replaceServices(_ objects: [JSON]) -> Set<String> {
    var changed: Set<String> = []
    var seen: Set<String> = []
    for object in objects {
      if let name = object.objectName { seen.insert(name) }
      changed.formUnion(takeService(object))
    }
    for name in Set(services.keys).union(brokenServices.keys).subtracting(seen) {
      changed.formUnion(removeService(name))
      changed.insert(name)
    }
    return changed
  }

  // MARK: Slices

  mutating func takeSlice(_ object: JSON) -> Set<String> {
    guard let name = object.objectName else { return [] }
    do throws(ObjectFault) {
      return put(try KubernetesSlice(object))
    } catch {
      let service = object["metadata"]?["labels"]?[KubernetesSlice.serviceLabel]?.text ?? slices[name]?.service ?? ""
      brokenSlices[name] = (service, error.text)
      return [service]
    }
  }

  private mutating func put(_ slice: KubernetesSlice) -> Set<String> {
    let wasBroken = brokenSlices.removeValue(forKey: slice.name) != nil
    let old = slices.updateValue(slice, forKey: slice.name)
    if old == slice { return wasBroken ? [slice.service] : [] }
    if let old, old.service != slice.service { forget(old) }
    slicesOf[slice.service, default: []].insert(slice.name)
    return old.map { [$0.service, slice.service] } ?? [slice.service]
  }

  mutating func removeSlice(_ name: String) -> Set<String> {
    let broken = brokenSlices.removeValue(forKey: name)
    guard let old = slices.removeValue(forKey: name) else { return broken.map { [$0.service] } ?? [] }
    forget(old)
    return [old.service]
  }

  private mutating func forget(_ slice: KubernetesSlice) {
    slicesOf[slice.service]?.remove(slice.name)
    if slicesOf[slice.service]?.isEmpty == true { slicesOf[slice.service] = nil }
  }

  mutating func replaceSlices(_ objects: [JSON]) -> Set<String> {
    var changed: Set<String> = []
    var seen: Set<String> = []
    for object in objects {
      if let name = object.objectName { seen.insert(name) }
      changed.formUnion(takeSlice(object))
    }
    for name in Set(slices.keys).union(brokenSlices.keys).subtracting(seen) { changed.formUnion(removeSlice(name)) }
    return changed
  }

  // MARK: Findings

  /// What is to be said of `<port>/<service>`; the port is a name or a number.
  func finding(port: String, service name: String) -> Finding {
    guard let service = services[name] else {
      if let text = brokenServices[name] { return .failed("the Service \(name) makes no sense: \(text)") }
      return .negative("no Service \(name)")
    }
    if service.isExternalName { return .negative("the Service \(name) is an ExternalName") }
    guard let port = service.ports.first(where: { $0.matches(port) }) else {
      return .negative("the Service \(name) has no TCP port \(port)")
    }
    let found = endpoints(of: service, port: port.name)
    if found.endpoints.isEmpty, let broken = brokenSlices.values.first(where: { $0.service == name }) {
      return .failed("an EndpointSlice of \(name) makes no sense: \(broken.text)")
    }
    return .bound(BoundName(taken: 3, endpoints: found.endpoints, serviceProtocol: found.spoken))
  }

  /// Those that are ready; when none is, those that are leaving and still answer, as kube-proxy does (KEP-1669). Of a service
  /// with both families only its first: each pod stands in both.
  private func endpoints(
    of service: KubernetesService, port: String
  ) -> (endpoints: [FoundEndpoint], spoken: FoundProtocol?) {
    let matching = (slicesOf[service.name] ?? []).sorted().compactMap { slices[$0] }
      .filter { slice in slice.ports.contains { $0.name == port } && !slice.endpoints.isEmpty }
    let ofFamily = matching.filter { $0.isIPv6 == service.prefersIPv6 }
    let used = ofFamily.isEmpty ? matching : ofFamily
    let anyReady = used.contains { $0.endpoints.contains { $0.condition == .ready } }
    var found: [FoundEndpoint] = []
    for slice in used {
      for endpoint in slice.endpoints where endpoint.condition == (anyReady ? .ready : .leaving) {
        for target in slice.ports where target.name == port {
          let host = slice.isIPv6 ? "[\(endpoint.address)]" : endpoint.address
          found.append(FoundEndpoint(address: "\(host):\(target.number)", zone: endpoint.zone))
        }
      }
    }
    let spoken = used.lazy.flatMap(\.ports).first { $0.name == port }?.serviceProtocol
    return (found, spoken)
  }
}

extension KubernetesService.Port {
  /// Digits are a number, for a port's name has a letter.
  fileprivate func matches(_ text: String) -> Bool {
    if let number = Int(text) { return number == self.number }
    return !text.isEmpty && name == text
  }
}
