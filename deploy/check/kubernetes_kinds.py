"""Parts Kubernetes' own resources, which have schemas, from those of operators.

Usage: kubernetes_kinds.py ALL_YAML OWN_YAML
"""

import sys

import yaml

# Kinds of operators that the overlays use; any other is a typing error.
OPERATORS = {
    "kafka.strimzi.io/v1": {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"},
    "monitoring.coreos.com/v1": {"ServiceMonitor", "PodMonitor", "PrometheusRule"},
}
OWN = ("v1", "apps/v1", "autoscaling/v2", "batch/v1", "policy/v1", "networking.k8s.io/v1",
       "scheduling.k8s.io/v1")


def main() -> int:
    _, source, target = sys.argv
    with open(source, encoding="utf-8") as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    for document in documents:
        version, kind = document["apiVersion"], document["kind"]
        if version not in OWN and kind not in OPERATORS.get(version, ()):
            print(f"wrong: {version} {kind} {document['metadata']['name']} is of nobody that we know")
            return 1
    own = [document for document in documents if document["apiVersion"] in OWN]
    with open(target, "w", encoding="utf-8") as file:
        yaml.safe_dump_all(own, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
