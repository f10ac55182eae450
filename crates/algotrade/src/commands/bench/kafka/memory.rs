//! `algotrade bench kafka memory`: what the process holds in memory while millions of records go
//! through the producer, the consumer and the processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use kafka_common::{
    Delivery, HandlerError, KafkaConsumer, KafkaProducer, KafkaSettings, MarketDataService,
    StrategyService, Topics,
};
use tokio_util::sync::CancellationToken;

use super::machine::Observer;
use super::{Figure, Goal, produce, records, transactions};
use crate::output;

/// The process as the kernel sees it.
const STATM: &str = "/proc/self/statm";
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A subject is looked at in so many stretches, each by its highest value.
const STRETCHES: u64 = 5;
/// What the last stretch may have over the second one: the first fills buffers and pools.
const GROWTH: f64 = 1.10;
/// Longest wait for all records of a subject.
const DEADLINE: Duration = Duration::from_secs(1_800);

/// What can be said.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Records that go through each subject.
    #[arg(long, default_value_t = 5_000_000, value_parser = clap::value_parser!(u64).range(10_000..=100_000_000))]
    records: u64,
}

/// Memory of producer, consumer and processor, over the same records.
pub(super) async fn figures(
    settings: &KafkaSettings,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Figure>> {
    let count = arguments.records;
    let mut figures = Vec::new();
    for subject in [Subject::Producer, Subject::Consumer, Subject::Processor] {
        let name = subject.name();
        output::note(&format!("memory: {name}, {count} records"));
        let seen = Arc::new(AtomicU64::new(0));
        let work = subject.run(settings, count, Arc::clone(&seen));
        let peaks = watch(count, &seen, work).await?;
        figures.extend(report(name, count, &peaks));
    }
    Ok(figures)
}

#[derive(Debug, Clone, Copy)]
enum Subject {
    Producer,
    Consumer,
    Processor,
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Processor => "processor exactly once",
        }
    }

    async fn run(
        self,
        settings: &KafkaSettings,
        count: u64,
        seen: Arc<AtomicU64>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Producer => {
                let producer = KafkaProducer::<MarketDataService>::start(settings)?;
                let delivered = || {
                    seen.fetch_add(1, Ordering::Relaxed);
                };
                produce::send_all(&producer, (0..count).map(records::tick), delivered).await
            }
            Self::Consumer => consume(&super::group(settings), count, seen).await,
            Self::Processor => {
                let settings = KafkaSettings {
                    delivery: Delivery::ExactlyOnce,
                    ..super::group(settings)
                };
                let observer = Observer::new(count, seen);
                transactions::process(&settings, &observer, Duration::ZERO, DEADLINE).await
            }
        }
    }
}

/// What the producer has written is read.
async fn consume(settings: &KafkaSettings, count: u64, seen: Arc<AtomicU64>) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let (counter, done) = (seen, stop.clone());
    let consumer = KafkaConsumer::<StrategyService>::new(settings)
        .add_message_handler(Topics::MARKET_DATA_UPDATES, move |record| {
            std::hint::black_box(&record.data.price);
            if counter.fetch_add(1, Ordering::Relaxed) + 1 == count {
                done.cancel();
            }
            std::future::ready(Ok::<(), HandlerError>(()))
        })
        .start()?;
    tokio::time::timeout(DEADLINE, consumer.start_consuming(stop))
        .await
        .map_err(|_| anyhow::anyhow!("not all records came within {DEADLINE:?}"))??;
    Ok(())
}

/// The highest memory, in bytes, of each stretch of the records, while the work is done.
async fn watch(
    count: u64,
    seen: &AtomicU64,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Vec<u64>> {
    let mut peaks = vec![0; STRETCHES as usize];
    let mut work = std::pin::pin!(work);
    loop {
        let done = tokio::select! {
            done = &mut work => Some(done),
            () = tokio::time::sleep(LOOK) => None,
        };
        let stretch = seen.load(Ordering::Relaxed).saturating_mul(STRETCHES) / count;
        let peak = &mut peaks[stretch.min(STRETCHES - 1) as usize];
        *peak = resident()?.max(*peak);
        if let Some(done) = done {
            return done.map(|()| peaks);
        }
    }
}

/// Memory of this process that is in the machine's, in bytes.
fn resident() -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string(STATM)
        .map_err(|error| anyhow::anyhow!("{STATM}: {error}; memory is measured on Linux only"))?;
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse().ok());
    let pages: u64 = pages.ok_or_else(|| anyhow::anyhow!("{STATM}: `{statm}` has no figure"))?;
    // The kernel's pages on every machine that we build for.
    Ok(pages * 4_096)
}

fn report(name: &str, count: u64, peaks: &[u64]) -> Vec<Figure> {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let settled = peaks.get(1).copied().map(mebibytes);
    let numbered = (1..).zip(peaks);
    numbered
        .map(|(stretch, peak)| {
            let is_last = stretch == STRETCHES;
            Figure {
                name: format!(
                    "memory of the {name}, up to record {}",
                    count * stretch / STRETCHES
                ),
                value: mebibytes(*peak),
                unit: "MiB",
                baseline: settled.filter(|_| is_last),
                goal: is_last.then_some(Goal::RatioAtMost(GROWTH)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn each_stretch_has_its_highest_value() {
        let seen = AtomicU64::new(0);
        let work = async {
            for _ in 0..5 {
                tokio::time::sleep(LOOK * 3).await;
                seen.fetch_add(20, Ordering::Relaxed);
            }
            Ok(())
        };
        let peaks = watch(100, &seen, work).await.unwrap();
        assert_eq!(peaks.len(), 5);
        assert!(peaks.iter().all(|peak| *peak > 1 << 20), "{peaks:?}");
    }

    #[test]
    fn the_last_stretch_has_the_goal() {
        let mebi = 1 << 20;
        let figures = report("x", 100, &[mebi, 2 * mebi, mebi, mebi, 3 * mebi]);
        let names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names[1], "memory of the x, up to record 40");
        assert_eq!(figures.iter().filter(|f| f.goal.is_some()).count(), 1);
        assert_eq!(figures[4].baseline.map(|value| value as u64), Some(2));
        assert_eq!(figures[4].met(), Some(false));
    }
}
