"""Suites long enough for several shards."""

from regression import load_suite, make_suite, write_suite


def longer(source, path, times):
    """Write a suite with every item so many times, each time another one, and return its path."""
    suite = load_suite(source)
    rows = []
    for number in range(times):
        for item in suite.items:
            row = {**item.row, "id": f"{item.id}-{number}", "cluster": f"{item.cluster}-{number}"}
            if "prompt" in row and number:
                row["prompt"] = " ".join(["and"] * number) + " " + row["prompt"]
            rows.append(row)
    write_suite(make_suite(suite.header, rows, source=path), path)
    return path
