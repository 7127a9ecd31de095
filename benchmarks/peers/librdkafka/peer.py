"""librdkafka's consumer alone: every record of the topic is received, none is looked at."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.clock import Clock
from benchmarks.task import given

BATCH = 500


def main() -> None:
    """Reads the topic once."""
    task = given()
    consumer = Consumer(
        {
            "bootstrap.servers": task.bootstrap,
            "group.id": task.name,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 1,  # its default waits for a second whenever its queue was full: a third as fast
        }
    )
    partitions = consumer.list_topics(task.topic).topics[task.topic].partitions
    clock = Clock()
    clock.begin()  # before the first fetch: what librdkafka fetches ahead is its work too
    consumer.assign([TopicPartition(task.topic, number, OFFSET_BEGINNING) for number in partitions])
    count = 0
    while count < task.events:
        count += len(consumer.consume(BATCH, timeout=1.0))
    clock.end()
    clock.report(count)
    consumer.close()


if __name__ == "__main__":
    main()
