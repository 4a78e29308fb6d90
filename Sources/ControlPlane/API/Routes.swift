extension API {
  /// Every route. The order is that of the description.
  static let routes: [Route] =
    operationRoutes + namespaceRoutes + ruleRoutes + dtabRoutes + splitRoutes + trafficRoutes
    + authorizationRoutes + serviceRoutes + endpointRoutes
    + changeRoutes
    + resolveRoutes + revisionRoutes + proxyRoutes + identityRoutes + metricRoutes + watchRoutes
    + namerdRoutes
}
