"""Writes `jars.lock`: resolves what each embedded server runs from. `python -m runtime.jars_lock` after a new version.

Kept apart from `runtime.jars`, so that only a developer's machine ever resolves (15 s, and every trap of Maven's
version mediation), and a user's only fetches.
"""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from runtime.jars import LOCK_FILE, maven

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Kafka brings no slf4j binding, and without one the broker is silent. The raw mark (!) keeps jgo from reading it as a
# bill of materials, which would put another kafka-clients under the broker.
KAFKA_LOGGING = "org.slf4j:slf4j-simple:1.7.36!"
ARCHIVES = {
    "registry": ("io.apicurio", "apicurio-registry-app", "tar.gz", "all", "3.3.3"),
    "keycloak": ("org.keycloak", "keycloak-quarkus-dist", "zip", "", "26.7.3"),
}


def main() -> None:
    """Replaces the lock file, or stops at the first thing that does not add up and leaves it as it was."""
    with TemporaryDirectory() as repository:
        context = maven(Path(repository))
        lines = [f"kafka {artifact_line(artifact)}" for artifact in _kafka(context)]
        for bundle, (group, name, packaging, classifier, version) in ARCHIVES.items():
            project = context.project(group, name).at_version(version)
            archive = project.artifact(classifier=classifier, packaging=packaging)
            lines.append(f"{bundle} {artifact_line(archive)}")
    LOCK_FILE.write_text("# bundle, coordinate, sha256; written by runtime.jars_lock\n" + "\n".join(lines) + "\n")


def _kafka(context: "MavenContext") -> list["Artifact"]:
    """The broker's class path, the broker first; every jar of Kafka has the broker's version."""
    named, implied = context.resolver.resolve([context.create_dependency(it) for it in (KAFKA, KAFKA_LOGGING)])
    artifacts = [dependency.artifact for dependency in named + implied]
    group, _, version = KAFKA.split(":")
    strays = [artifact.filename for artifact in artifacts if artifact.groupId == group and artifact.version != version]
    if strays or len({artifact.filename for artifact in artifacts}) < len(artifacts):
        raise SystemExit(f"mixed versions or equal file names in Kafka's class path: {strays}")
    return [artifacts[0], *sorted(artifacts[1:], key=lambda artifact: artifact.filename)]


def artifact_line(artifact: "Artifact") -> str:
    """Coordinate and SHA-256 of the file, after its published SHA-1 was found equal."""
    content = artifact.resolve().read_bytes()
    published = artifact.component.artifact(artifact.classifier, f"{artifact.packaging}.sha1").resolve().read_text()
    if hashlib.sha1(content, usedforsecurity=False).hexdigest() != published.split()[0].lower():
        raise SystemExit(f"{artifact.filename} does not match its published SHA-1")
    kind = f"{artifact.packaging}:{artifact.classifier}:" if artifact.packaging != "jar" else ""
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{kind}{artifact.version}"
    return f"{coordinate} {hashlib.sha256(content).hexdigest()}"


if __name__ == "__main__":
    main()
