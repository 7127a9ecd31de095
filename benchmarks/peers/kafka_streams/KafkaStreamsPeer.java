// Kafka Streams: a processor from topic to topics, or a count and sum by key in RocksDB with its changelog.
// Its own settings but for what has to be named; one stream thread, at least once.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.util.Utf8;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

public class KafkaStreamsPeer {
    private static final Set<String> ATTACHED = Set.of("order placed", "order paid", "order packed", "order shipped");
    private static final UUID NAMESPACE = UUID.fromString("b6cfb7a4-6a33-5d0e-9c4a-0f3c8f5f7a11");
    private static final int PREFIX = 5;
    private static final long POLL_MS = 20;

    private static JsonNode task;
    private static Path avro;
    private static int left;
    private static long beganNs;
    private static long beganCpuNs;
    private static final CountDownLatch done = new CountDownLatch(1);

    /** Arguments: the folder of the Avro schemas, and the task as JSON. */
    public static void main(String[] arguments) throws Exception {
        task = new ObjectMapper().readTree(arguments[1]);
        avro = Path.of(arguments[0]);
        left = task.get("events").asInt();
        StreamsBuilder builder = new StreamsBuilder();
        Schema business = schema("business-events");
        Serde<GenericRecord> events = Serdes.serdeFrom((topic, event) -> null, decoder(business));
        KStream<String, GenericRecord> input =
            builder.stream(task.get("topic").asText(), Consumed.with(Serdes.String(), events));
        if (task.get("workload").asText().equals("keyed-total")) {
            total(input);
        } else {
            route(input);
        }
        String name = task.get("name").asText();
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, task.get("bootstrap").asText());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, task.get("folder").asText());
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", task.get("bootstrap").asText()))) {
            streams.start();
            done.await();
            new Thread(streams::close).start(); // a clean end commits first
            while (committed(admin, name) < task.get("events").asInt()) {
                Thread.sleep(POLL_MS);
            }
        }
        double seconds = (System.nanoTime() - beganNs) / 1e9;
        double cpu = (cpuNs() - beganCpuNs) / 1e9;
        System.out.printf("{\"events\": %d, \"seconds\": %.6f, \"cpu_seconds\": %.6f}%n", task.get("events").asInt(), seconds, cpu);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static void route(KStream<String, GenericRecord> input) throws Exception {
        Schema requests = schema("requests");
        Schema steps = schema("agent-steps");
        GenericData.EnumSymbol attachment = new GenericData.EnumSymbol(requests.getField("kind").schema(), "attachment");
        GenericData.EnumSymbol requested = new GenericData.EnumSymbol(steps.getField("status").schema(), "requested");
        Encoder request = new Encoder(requests, task.get("ids").get("requests").asInt());
        Encoder step = new Encoder(steps, task.get("ids").get("agent-steps").asInt());
        Serializer<Made> bytes = (topic, made) -> made.value();
        input
            .process(() -> new ContextualProcessor<String, GenericRecord, String, Made>() {
                @Override
                public void process(Record<String, GenericRecord> record) {
                    GenericRecord event = record.value();
                    String runId = derive(event.get("tenant_id"), event.get("subject"), "run");
                    boolean attached = ATTACHED.contains(event.get("type").toString());
                    String topic = attached ? "requests" : "agent-steps";
                    GenericRecordBuilder made = new GenericRecordBuilder(attached ? requests : steps)
                        .set("event_id", derive(event.get("event_id"), topic))
                        .set("tenant_id", event.get("tenant_id"))
                        .set("correlation_id", event.get("correlation_id"))
                        .set("causation_id", event.get("event_id"))
                        .set("occurred_at", event.get("occurred_at"))
                        .set("run_id", runId);
                    if (attached) {
                        made.set("kind", attachment);
                        for (String field : new String[] {"source", "subject", "type", "workflow", "attributes"}) {
                            made.set(field, event.get(field));
                        }
                    } else {
                        made.set("step", event.get("type"))
                            .set("agent", "ingestion")
                            .set("uses", "collect")
                            .set("status", requested)
                            .set("input", event.get("attributes"));
                    }
                    byte[] value = (attached ? request : step).encode(made.build());
                    context().forward(new Record<>(runId, new Made(topic, value), record.timestamp()));
                    handled();
                }
            })
            .to((key, made, context) -> made.topic(), Produced.with(Serdes.String(), Serdes.serdeFrom(bytes, never())));
    }

    private static void total(KStream<String, GenericRecord> input) {
        Utf8 amount = new Utf8("amount");
        Serde<long[]> longs = Serdes.serdeFrom(
            (topic, sum) -> ByteBuffer.allocate(16).putLong(sum[0]).putLong(sum[1]).array(),
            (topic, bytes) -> new long[] {ByteBuffer.wrap(bytes).getLong(0), ByteBuffer.wrap(bytes).getLong(8)});
        input
            .groupByKey()
            .aggregate(
                () -> new long[2],
                (key, event, sum) -> {
                    Object said = ((Map<?, ?>) event.get("attributes")).get(amount);
                    handled();
                    return new long[] {sum[0] + 1, sum[1] + Long.parseLong(said.toString())};
                },
                Materialized.<String, long[], KeyValueStore<Bytes, byte[]>>as("total")
                    .withKeySerde(Serdes.String())
                    .withValueSerde(longs));
    }

    private record Made(String topic, byte[] value) {}

    private static void handled() {
        if (--left == 0) {
            done.countDown();
        }
    }

    private static Deserializer<GenericRecord> decoder(Schema schema) {
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
        BinaryDecoder[] reused = new BinaryDecoder[1];
        return (topic, bytes) -> {
            if (beganNs == 0) {
                beganNs = System.nanoTime();
                beganCpuNs = cpuNs();
            }
            try {
                reused[0] = DecoderFactory.get().binaryDecoder(bytes, PREFIX, bytes.length - PREFIX, reused[0]);
                return reader.read(null, reused[0]);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        };
    }

    private static <T> Deserializer<T> never() {
        return (topic, bytes) -> null;
    }

    private static final class Encoder {
        private final GenericDatumWriter<GenericRecord> writer;
        private final byte[] prefix;
        private BinaryEncoder reused;

        Encoder(Schema schema, int number) {
            writer = new GenericDatumWriter<>(schema);
            prefix = ByteBuffer.allocate(PREFIX).put((byte) 0).putInt(number).array();
        }

        byte[] encode(GenericRecord event) {
            ByteArrayOutputStream out = new ByteArrayOutputStream(512);
            try {
                out.write(prefix);
                reused = EncoderFactory.get().binaryEncoder(out, reused);
                writer.write(event, reused);
                reused.flush();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return out.toByteArray();
        }
    }

    private static Schema schema(String topic) throws IOException {
        return new Schema.Parser().parse(avro.resolve(topic.replace('-', '_') + ".avsc").toFile());
    }

    private static String derive(Object... parts) {
        StringBuilder name = new StringBuilder();
        for (Object part : parts) {
            name.append(name.isEmpty() ? "" : "\u001f").append(part);
        }
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-1");
            digest.update(ByteBuffer.allocate(16)
                .putLong(NAMESPACE.getMostSignificantBits())
                .putLong(NAMESPACE.getLeastSignificantBits())
                .array());
            ByteBuffer hash = ByteBuffer.wrap(digest.digest(name.toString().getBytes(StandardCharsets.UTF_8)));
            long high = hash.getLong() & 0xFFFFFFFFFFFF0FFFL | 0x5000L;
            long low = hash.getLong() & 0x3FFFFFFFFFFFFFFFL | 0x8000000000000000L;
            return new UUID(high, low).toString();
        } catch (java.security.NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private static long committed(Admin admin, String group) throws Exception {
        return admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values().stream()
            .filter(each -> each != null)
            .mapToLong(each -> each.offset())
            .sum();
    }

    private static long cpuNs() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }
}
