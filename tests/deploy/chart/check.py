"""Render the chart by Helm's own library, hold it against Kubernetes's schemas, and the compose file against its own.

    python check.py CHART COMPOSE OUTPUT VALUES.yaml …

Writes what is rendered from each file of values into OUTPUT. Prints what is wrong; exit code 1 where anything is. Run
in an environment of its own (checker.lock), which is large.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import yaml

VERSIONS = ("1.29", "1.37")


def digest(chart: Path, values: Path) -> str:
    """What a rendering is of: the chart's files, and the values given."""
    files = [*sorted(path for path in chart.rglob("*") if path.is_file()), values]
    content = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def rendered(chart: str, values: dict[str, object]) -> str:
    """The manifests, as `helm template` prints them."""
    import helm_python

    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name="entente", namespace="accords")
    parts = []
    for name, text in sorted(files.items()):
        for document in yaml.safe_load_all(text):
            if document is not None:
                parts.append(f"# {name}\n{yaml.safe_dump(document, sort_keys=True)}")
    return "---\n".join(parts)


def problems(manifests: str) -> list[str]:
    """What does not fit the schemas, strictly: members that nobody knows are wrong."""
    import kubernetes_validate

    found = []
    for document in yaml.safe_load_all(manifests):
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(
                    f"{document['kind']} {document['metadata']['name']} ({version}): {error.message}"
                )
    return found


def compose_problems(text: str) -> list[str]:
    """What the specification of compose files does not know."""
    import compose_spec

    merged = yaml.safe_load(re.sub(r"\$\{[A-Za-z_]+(:[-?][^}]*)?\}", "given", text))
    plain = {name: value for name, value in merged.items() if not name.startswith("x-")}
    try:
        compose_spec.PyCompose.from_json(json.dumps(plain))
    except ValueError as error:
        return [f"compose: {error}"]
    return []


def main() -> int:
    """Render, validate, lint."""
    import helm_python

    chart, compose, output, *given = sys.argv[1:]
    found = compose_problems(Path(compose).read_text(encoding="utf-8"))
    for file in map(Path, given):
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        manifests = rendered(chart, values)
        found += problems(manifests)
        found += [str(one) for one in helm_python.lint(chart, values, strict=True)["errors"]]
        written = f"# Rendered by Helm from {digest(Path(chart), file)}\n---\n{manifests}"
        (Path(output) / f"{file.stem}.rendered.yaml").write_text(written, encoding="utf-8")
    print("\n".join(found) or "valid")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
