"""Tables for people, JSON for programs."""
import datetime
import glob
import json
import os


def number(value):
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return "\n".join(lines + ["| " + " | ".join(number(cell) for cell in row) + " |" for row in rows]) + "\n"


def part(name, result):
    return {"http1": http1, "http2": http1, "grpc": http1, "mesh": http1, "tls": tls, "latency": latency, "memory": memory, "changes": changes, "weights": weights, "rules": rules,
            "instructions": instructions, "streams": streams, "overrides": overrides, "discovery": discovery,
            "propagation": propagation}[name](result)


def http1(result):
    rows = [[name, row["cpu_us"]["median"], row["cpu_us"]["min"], row["cpu_us"]["max"], row["rate"], row["requests"], row["errors"]]
            for name, row in sorted(result["rows"].items(), key=lambda item: item[1]["cpu_us"]["median"])]
    text = table(["proxy", "CPU µs per request (median)", "min", "max", "requests/s", "requests", "errors"], rows)
    if result["ratios"]:
        text += "\n" + table(["ratio", "value"], list(result["ratios"].items()))
    return text + f"\n{result['rounds']} rounds, {result['void']} void; direct {number(result['direct_requests_per_second'])} requests/s\n"


def tls(result):
    text = ""
    for name, part in result.items():
        if name == "ratios":
            continue
        rows = [[proxy, row["cpu_us"]["median"], row["cpu_us"]["min"], row["cpu_us"]["max"], 1e6 / row["cpu_us"]["median"], row["errors"]]
                for proxy, row in part["rows"].items()]
        text += f"{name}:\n\n" + table(["proxy", "CPU µs each (median)", "min", "max", "per CPU second", "errors"], rows) + "\n"
    return text + table(["ratio", "value"], list(result["ratios"].items()))


def latency(result):
    direct = result["rows"]["direct"]
    rows = [[name, row["p50_ms"], row["p99_ms"], row["p999_ms"], row["p50_ms"] - direct["p50_ms"], row["p99_ms"] - direct["p99_ms"],
             row["late_p99_ms"], row["failed"], row["void"]] for name, row in result["rows"].items()]
    return table(["path", "p50 ms", "p99 ms", "p99.9 ms", "p50 over direct", "p99 over direct", "generator late p99 ms", "failed", "void rounds"], rows)


def memory(result):
    rows = [[name, row["idle_mb"], row["idle_anonymous_mb"], row["after_load_mb"], row["per_connection_kb"]] for name, row in result["rows"].items()]
    return table(["proxy", "idle MB", "of it anonymous", "after load MB", "kB per idle connection"], rows)


def changes(result):
    rows = [[label, row["requests"], row["failed"], row["p50_ms"], row["p99_ms"], row["max_ms"], row["cpu_us"],
             row["changes_per_second"], row["changes_failed"]] for label, row in (("calm", result["calm"]), ("under changes", result["under_changes"]))]
    return table(["at " + number(result["rate"]) + " requests/s", "requests", "failed", "p50 ms", "p99 ms", "max ms", "CPU µs", "changes/s", "changes failed"], rows)


def weights(result):
    rows = [[row["workers"], row["weights"], row["v2_percent"], row["off_points"], row["failed"]] for row in result["rows"]]
    return table(["workers", "weights", "v2 %", "off by points", "failed"], rows)


def rules(result):
    rows = [[size, row["cpu_us"], row["resident_mb"], row["max_ms_under_change"], row["errors"] + row["failed_under_change"]]
            for size, row in result["rows"].items()]
    return table(["rules", "CPU µs per request", "resident MB", "longest request ms while rules change", "failed"], rows) + \
        f"\nmany / few: {number(result['many_over_few'])}\n"


def overrides(result):
    rows = [[label, row["cpu_us"], row["errors"]] for label, row in result["rows"].items()]
    return table(["requests", "CPU µs per request", "failed"], rows) + f"\nwith / without: {number(result['ratio'])}\n"


def discovery(result):
    return table(["names", "endpoints each", "controller MB before", "controller MB", "changes", "file to proxy p50 ms", "p99 ms"],
                 [[result["names"], result["endpoints"], result["controller_empty_mb"], result["controller_mb"], result["changes"],
                   result["p50_ms"], result["p99_ms"]]])


def instructions(result):
    rows = [[size, row["bound"], row["first"], row["delegation"], row["look_up"], row["first_binding_us"]]
            for size, row in result["rows"].items()]
    ratio = result["many_over_few"]
    rows.append(["many / few", *(ratio.get(key) for key in ("bound", "first", "delegation", "look_up")), None])
    return table(["rules", "instructions per bound request", "per first request of a name", "of it binding the name",
                  "of it the look-up in the rules", "first binding µs"], rows) + f"\n{result['names']} hot names\n"


def streams(result):
    return table(["protocol", "instructions of the worker per request"],
                 [[name, row["instructions"]] for name, row in result["rows"].items()])


def propagation(result):
    rows = [[size, row["rest p50"], row["rest p99"], row["each_answer p50"], row["each_answer p99"], row["last_answer p50"], row["last_answer p99"],
             f"{row['complete']} of {result['changes']}", row["sync_ms"], row["controller_mb"]] for size, row in result["rows"].items()]
    return table(["proxies", "REST p50 ms", "p99", "each proxy p50 ms", "p99", "last proxy p50 ms", "p99", "changes complete",
                  "all connected after ms", "controller MB"], rows)


def heading(results):
    machine = results["machine"]
    return (f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']} MB, {machine['system']}, Linux {machine['kernel']}.\n\n"
            + table(["program", "version"], list(results["versions"].items())) + "\n")


def document(results):
    return f"# Benchmark of {results['began']}\n\n" + heading(results) + "\n".join(
        f"## {name}\n\n{part(name, result)}" for name, result in results["parts"].items())


def store(results, folder):
    os.makedirs(folder, exist_ok=True)
    # A folder of one machine has no place in what is kept.
    results = {**results, "options": {key: value for key, value in results["options"].items() if key != "bin"}}
    base = os.path.join(folder, datetime.datetime.now().strftime("%Y-%m-%d-%H%M"))
    with open(base + ".json", "w") as file:
        json.dump(results, file, indent=1)
    with open(base + ".md", "w") as file:
        file.write(document(results))
    return os.path.relpath(base + ".md")


def summarise(names, folder, path):
    """Of each part the newest run that measured it: a part can be measured again alone."""
    runs = []
    for file in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(file) as text:
            runs.append(json.load(text))
    runs.sort(key=lambda run: run["began"], reverse=True)
    newest = {name: next((run for run in runs if name in run["parts"]), None) for name in names}
    shown = [run for run in runs if run in newest.values()]
    with open(path, "w") as file:
        file.write("# Benchmarks\n\nWritten by `Benchmarks/run --summary` from `Benchmarks/results`: of each part the newest run that "
                   "measured it. `Benchmarks/README.md` says how each part measures.\n")
        for run in shown:
            said = [name for name in names if newest[name] is run]
            command = run.get("command", "Benchmarks/run")
            file.write(f"\n# Run of {run['began']}\n\n`{command}`\n\n" + heading(run)
                       + "\n".join(f"## {name}\n\n{part(name, run['parts'][name])}" for name in said))
    return os.path.relpath(path)
