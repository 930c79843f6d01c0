"""Lints the chart, renders it, holds what comes of it against the schemas of Kubernetes, and prints it as JSON.

    render.py CHART VALUES NAMESPACE < nothing

`VALUES` is a JSON object. What Helm or a schema refuses is on standard error, and the exit code is 1.
"""

import json
import sys

import helm_python
import kubernetes_validate
import yaml

# The oldest that Chart.yaml admits, and the newest that there are schemas of.
VERSIONS = ["1.27", "1.37"]
# Of a custom resource there is no schema.
CUSTOM = {"ServiceMonitor"}


def main(chart_path, values, namespace):
    values = json.loads(values)
    linted = helm_python.lint(chart_path, values, strict=True, namespace=namespace)
    # An icon is for catalogues of charts.
    complaints = [it for it in linted["messages"] if it["error"] != "icon is recommended"]
    if complaints or linted["errors"]:
        sys.exit(f"lint: {complaints} {linted['errors']}")
    with helm_python.Chart.load(chart_path) as chart:
        rendered = chart.render(values, name="hooks", namespace=namespace)
    manifests = []
    notes = ""
    for name, text in rendered.items():
        if name.endswith("NOTES.txt"):
            notes = text
            continue
        for manifest in yaml.safe_load_all(text):
            if manifest is None:
                continue
            if manifest["kind"] not in CUSTOM:
                for version in VERSIONS:
                    kubernetes_validate.validate(manifest, version, strict=True)
            manifests.append(manifest)
    print(json.dumps({"manifests": manifests, "notes": notes, "helm": helm_python.helm_sdk_version()}))


try:
    main(*sys.argv[1:])
except (helm_python.HelmError, kubernetes_validate.ValidationError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
