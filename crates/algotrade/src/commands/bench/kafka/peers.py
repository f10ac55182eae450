"""Other clients on the same broker and records, for `algotrade bench kafka`.

usage: peers.py BOOTSTRAP TICKS_TOPIC EXECUTIONS_TOPIC RECORDS

Prints one JSON object a line: {"peer", "version"}, which is null where it isn't installed, and
{"peer", "figure", "rate"} for each figure, in records a second.
"""

import asyncio
import importlib.metadata
import json
import sys
import time
import uuid

BOOTSTRAP, TICKS, EXECUTIONS = sys.argv[1:4]
RECORDS = int(sys.argv[4])
WINDOW = 5_000


def say(**line):
    print(json.dumps(line), flush=True)


def group():
    return "bench-" + uuid.uuid4().hex


def ticks():
    for number in range(RECORDS):
        symbol = f"S{number % 40}USD"
        yield symbol.encode(), {
            "timestamp": "2026-01-05T00:00:00.000Z",
            "producer_service": "market-data",
            "data": {
                "symbol": symbol,
                "price": 87786.04 + number % 1000,
                "volume": 0.12345678,
                "timestamp": "2026-01-05T00:00:00.000Z",
                "source": "simulator",
                "trade_id": number,
                "sequence": 3 * number,
                "side": "buy",
                "bid": 87786.03,
                "ask": 87786.05,
            },
        }


class Stopwatch:
    """From the first record to the last."""

    def __init__(self):
        self.count = 0
        self.first = self.last = None

    def tick(self):
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.count += 1

    def rate(self):
        return self.count / max(self.last - self.first, 1e-6)


async def aiokafka():
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        linger_ms=10,
        max_batch_size=16_384,
        compression_type="gzip",
        acks="all",
        enable_idempotence=True,
    )
    await producer.start()
    began = time.perf_counter()
    pending = []
    for key, tick in ticks():
        pending.append(await producer.send(TICKS, json.dumps(tick).encode(), key=key))
        if len(pending) == WINDOW:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)
    yield "produce", RECORDS / (time.perf_counter() - began)
    await producer.stop()

    consumer = AIOKafkaConsumer(
        EXECUTIONS,
        bootstrap_servers=BOOTSTRAP,
        group_id=group(),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_poll_records=500,
    )
    await consumer.start()
    watch = Stopwatch()
    while watch.count < RECORDS:
        for records in (await consumer.getmany(timeout_ms=1_000)).values():
            for record in records:
                json.loads(record.value)
                watch.tick()
    yield "consume", watch.rate()
    await consumer.stop()


async def confluent_kafka():
    from confluent_kafka import Consumer, Producer

    settings = {
        "bootstrap.servers": BOOTSTRAP,
        "linger.ms": 10,
        "batch.size": 16_384,
        "compression.type": "gzip",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
    }
    producer = Producer(settings)
    delivered = 0

    def report(error, _message):
        nonlocal delivered
        if error is not None:
            raise RuntimeError(error)
        delivered += 1

    began = time.perf_counter()
    for key, tick in ticks():
        value = json.dumps(tick).encode()
        while True:
            try:
                producer.produce(TICKS, value, key, on_delivery=report)
                break
            except BufferError:
                producer.poll(0.01)
        producer.poll(0)
    producer.flush()
    assert delivered == RECORDS
    yield "produce", RECORDS / (time.perf_counter() - began)

    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": group(),
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([EXECUTIONS])
    watch = Stopwatch()
    while watch.count < RECORDS:
        for record in consumer.consume(500, 1.0):
            json.loads(record.value())
            watch.tick()
    yield "consume", watch.rate()
    consumer.close()


async def faststream():
    from faststream.kafka import KafkaBroker

    broker = KafkaBroker(
        BOOTSTRAP,
        linger_ms=10,
        max_batch_size=16_384,
        compression_type="gzip",
        acks="all",
        enable_idempotence=True,
        logger=None,
    )
    watch = Stopwatch()
    done = asyncio.Event()

    @broker.subscriber(EXECUTIONS, group_id=group(), auto_offset_reset="earliest", max_poll_records=500)
    async def handle(message: dict):
        watch.tick()
        if watch.count == RECORDS:
            done.set()

    await broker.connect()
    began = time.perf_counter()
    pending = []
    for key, tick in ticks():
        pending.append(await broker.publish(tick, TICKS, key=key, no_confirm=True))
        if len(pending) == WINDOW:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)
    yield "produce", RECORDS / (time.perf_counter() - began)
    await broker.start()
    await done.wait()
    yield "consume", watch.rate()
    await broker.stop()


async def main():
    peers = [
        ("aiokafka", aiokafka),
        ("confluent-kafka", confluent_kafka),
        ("faststream", faststream),
    ]
    for name, run in peers:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            say(peer=name, version=None)
            continue
        say(peer=name, version=version)
        async for figure, rate in run():
            say(peer=name, figure=figure, rate=rate)


asyncio.run(main())
