import Console
import Foundation

exit(
  Console.run(
    Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment,
    terminal: .standard(environment: ProcessInfo.processInfo.environment), connect: Console.connect
  ).rawValue)
