import Serving
import SystemIO
import Telemetry

extension ProxyControl {
  /// `/metrics`: the names and labels of the contract, section 5.
  func metricsPage() -> HTTPResponse {
    var page = Exposition()
    writeRequests(to: &page)
    writeAttempts(to: &page)
    writeTraffic(to: &page)
    writeConfiguration(to: &page)
    writeEndpoints(to: &page)
    writeIdentity(to: &page)
    writeProcess(to: &page)
    return HTTPResponse(status: 200, contentType: Exposition.contentType, text: page.text + local.exposition)
  }

  private func writeRequests(to page: inout Exposition) {
    let all = ledger.requests.all.map { key, total -> (Exposition.Labels, DurationTotal) in
      let labels: Exposition.Labels = [
        ("direction", "\(key.direction)"), ("service", key.service), ("class", "\(key.responseClass)"),
      ]
      return (labels, total)
    }
    page.begin("heddle_requests_total", .counter, help: "Requests, once each, as the caller saw them.")
    for (labels, total) in all { page.sample(total.count, labels) }
    page.begin("heddle_request_duration_seconds", .histogram, help: "From a request's first byte to its answer's last.")
    for (labels, total) in all { page.sample(total.durations, labels) }
    page.begin("heddle_requests_in_flight", .gauge, help: "Requests between first byte and last byte of answer.")
    page.sample(UInt64(max(0, ledger.gauge.requestsInFlight)))
    page.begin("heddle_requests_pending", .gauge, help: "Requests that wait for the endpoints of their name.")
    page.sample(UInt64(max(0, ledger.gauge.requestsPending)))
  }

  private func writeAttempts(to page: inout Exposition) {
    let all = ledger.attempts.all.map { key, total -> (Exposition.Labels, DurationTotal) in
      let labels: Exposition.Labels = [
        ("service", key.service), ("split", key.split), ("branch", key.branch), ("backend", key.backend),
        ("class", "\(key.responseClass)"), ("try", "\(key.tryKind)"),
      ]
      return (labels, total)
    }
    page.begin("heddle_attempts_total", .counter, help: "Attempts at endpoints, each send of a request counted.")
    for (labels, total) in all { page.sample(total.count, labels) }
    page.begin("heddle_attempt_duration_seconds", .histogram, help: "From sending to the last byte of the answer.")
    for (labels, total) in all { page.sample(total.durations, labels) }
    page.begin("heddle_retries_total", .counter, help: "Requests sent again, or refused to be, by reason.")
    for (key, count) in ledger.retries.all {
      page.sample(count, [("service", key.service), ("reason", "\(key.reason)")])
    }
    page.begin("heddle_retry_budget_balance", .gauge, help: "Re-sends that the budget allows now.")
    for fact in ledger.requeueBalances { page.sample(UInt64(max(0, fact.balance)), [("backend", fact.backend)]) }
  }

  private func writeTraffic(to page: inout Exposition) {
    let gauge = ledger.gauge
    page.begin("heddle_connections", .gauge, help: "Open connections.")
    page.sample(UInt64(max(0, gauge.downstreamConnections)), [("direction", "downstream"), ("state", "open")])
    page.sample(UInt64(max(0, gauge.upstreamActive)), [("direction", "upstream"), ("state", "active")])
    page.sample(UInt64(max(0, gauge.upstreamIdle)), [("direction", "upstream"), ("state", "idle")])
    page.begin("heddle_listener_connections_total", .counter, help: "Connections taken, by the listener's name.")
    for (listener, count) in zip(start.configuration.listeners, ledger.accepted) {
      page.sample(count, [("listener", listener.name)])
    }
    page.begin("heddle_bytes_total", .counter, help: "Bytes on connections from applications.")
    for direction in TrafficDirection.allCases {
      let bytes = ledger.bytes[Int(direction.rawValue)]
      page.sample(bytes.received, [("direction", "\(direction)"), ("flow", "received")])
      page.sample(bytes.sent, [("direction", "\(direction)"), ("flow", "sent")])
    }
    page.begin("heddle_tunnels", .gauge, help: "Connections or streams that have switched to another protocol.")
    page.sample(UInt64(max(0, gauge.tunnels)))
    page.begin("heddle_tunnel_bytes_total", .counter, help: "Bytes through tunnels, on connections from applications.")
    page.sample(ledger.tunnelBytes.received, [("flow", "received")])
    page.sample(ledger.tunnelBytes.sent, [("flow", "sent")])
    page.begin("heddle_fields_dropped_total", .counter, help: "Fields that were not forwarded for their names.")
    page.sample(ledger.droppedFields.heads, [("part", "head")])
    page.sample(ledger.droppedFields.trailers, [("part", "trailers")])
    page.begin("heddle_tls_faults_total", .counter, help: "Connections from applications whose TLS failed.")
    for reason in TLSFaults.Reason.allCases { page.sample(ledger.tlsFaults[reason], [("reason", reason.rawValue)]) }
    page.begin("heddle_endpoint_tls_faults_total", .counter, help: "Connections to endpoints whose TLS failed.")
    for reason in TLSFaults.Reason.allCases {
      page.sample(ledger.endpointTLSFaults[reason], [("reason", reason.rawValue)])
    }
    page.begin("heddle_detections_total", .counter, help: "Connections from callers, by what they were found to speak.")
    for direction in TrafficDirection.allCases {
      for spoken in DetectedProtocol.allCases {
        page.sample(
          ledger.detections[direction, spoken], [("direction", "\(direction)"), ("protocol", spoken.rawValue)])
      }
    }
    page.begin("heddle_authorizations_total", .counter, help: "Requests to the application, as decided.")
    for (key, count) in ledger.authorizations.all {
      page.sample(count, [("decision", key.verdict.rawValue), ("authorization", key.authorization)])
    }
    page.begin("heddle_passed_on_total", .counter, help: "Requests sent to their original destination.")
    page.sample(ledger.passedOn)
    page.begin("heddle_proxy_headers_refused_total", .counter, help: "Connections closed: no PROXY protocol header.")
    page.sample(ledger.badProxyHeaders)
    page.begin("heddle_endpoint_ejections_total", .counter, help: "Endpoints taken out of balancing.")
    page.sample(ledger.ejections)
    page.begin("heddle_series_folded_total", .counter, help: "Series beyond the limit, counted under _other.")
    page.sample(
      ledger.folded.addingSaturating(ledger.requests.folded).addingSaturating(ledger.attempts.folded)
        .addingSaturating(ledger.retries.folded))
    page.begin("heddle_report_series_dropped_total", .counter, help: "Series that waited too long for a controller.")
    page.sample(reports.dropped)
  }

  private func writeConfiguration(to page: inout Exposition) {
    page.begin("heddle_config_revision", .gauge, help: "The revision that all workers run.")
    page.sample(table.revision)
    page.begin("heddle_config_swaps_total", .counter, help: "Routing tables, by what became of them.")
    page.sample(counters.swapsApplied, [("result", "applied")])
    page.sample(counters.swapsRefused, [("result", "refused")])
    page.begin("heddle_config_stale", .gauge, help: "1 while the configuration is from disk and unconfirmed.")
    page.sample(UInt64(isStale ? 1 : 0))
    page.begin("heddle_config_epoch_changes_total", .counter, help: "Times the controller's history was replaced.")
    page.sample(counters.epochChanges)
    page.begin("heddle_desync_total", .counter, help: "Updates that did not fit on what is held.")
    page.sample(counters.resyncs, [("kind", "configuration")])
    page.sample(counters.desyncs, [("kind", "endpoints")])
    page.begin("heddle_control_connected", .gauge, help: "1 while a controller is connected.")
    page.sample(UInt64(machine.isOpen ? 1 : 0))
    page.begin("heddle_control_disconnects_total", .counter, help: "Streams to controllers that ended.")
    page.sample(counters.disconnects)
    page.begin("heddle_state_writes_total", .counter, help: "Writes of the state file.")
    page.sample(counters.stateWrites, [("result", "ok")])
    page.sample(counters.stateFailures, [("result", "failed")])
  }

  private func writeEndpoints(to page: inout Exposition) {
    page.begin("heddle_endpoints", .gauge, help: "Endpoints of the concrete names in use, as discovered.")
    var counts = local.bound.map { set in
      (name: set.name, all: set.endpoints.count, drained: set.endpoints.count { $0.weight == 0 })
    }
    for (name, watched) in machine.names where watched.replica.state == .bound {
      let endpoints = watched.replica.endpoints.values
      counts.append((name, endpoints.count, endpoints.count { $0.weight == 0 }))
    }
    for (name, all, drained) in counts.sorted(by: { $0.name < $1.name }) {
      page.sample(UInt64(all - drained), [("backend", name.description), ("state", "listed")])
      page.sample(UInt64(drained), [("backend", name.description), ("state", "drained")])
    }
  }

  private func writeProcess(to page: inout Exposition) {
    let stats = processStats()
    page.begin("heddle_build_info", .gauge, help: "The version of this build.")
    page.sample(UInt64(1), [("version", ProxyVersion.text)])
    page.begin("heddle_workers", .gauge, help: "Threads that carry requests.")
    page.sample(UInt64(workers.count))
    page.begin("process_resident_memory_bytes", .gauge, help: "Resident memory.")
    page.sample(stats.residentBytes)
    page.begin("process_cpu_seconds_total", .counter, help: "Processor time, user and system.")
    page.sample(stats.cpuSeconds)
    page.begin("process_open_fds", .gauge, help: "Open descriptors.")
    page.sample(UInt64(max(0, stats.openDescriptors)))
  }
}
