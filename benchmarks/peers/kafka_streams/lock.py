"""Writes `jars.lock` beside it: `python -m benchmarks.peers.kafka_streams.lock` after a new version."""

from pathlib import Path
from tempfile import TemporaryDirectory

from runtime.jars import maven
from runtime.jars_lock import KAFKA, KAFKA_LOGGING, artifact_line

LOCK_FILE = Path(__file__).with_name("jars.lock")
BUNDLE = "kafka-streams"
STREAMS = f"org.apache.kafka:kafka-streams:{KAFKA.rsplit(':', 1)[1]}"
AVRO = "org.apache.avro:avro:1.12.1"


def main() -> None:
    """Resolves the class path, Kafka Streams first, and replaces the lock file."""
    with TemporaryDirectory() as repository:
        context = maven(Path(repository))
        wanted = [context.create_dependency(each) for each in (STREAMS, AVRO, KAFKA_LOGGING)]
        named, implied = context.resolver.resolve(wanted)
        first, *others = [dependency.artifact for dependency in named + implied]
        ordered = [first, *sorted(others, key=lambda artifact: artifact.filename)]
        lines = [f"{BUNDLE} {artifact_line(artifact)}" for artifact in ordered]
    LOCK_FILE.write_text(f"# bundle, coordinate, sha256; written by {__spec__.name}\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
