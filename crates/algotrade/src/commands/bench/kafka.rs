//! `algotrade bench kafka`: what the Kafka layer costs over bare librdkafka with the same settings.

mod consume;
mod machine;
mod memory;
mod peers;
mod produce;
mod records;
mod transactions;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use kafka_common::{KafkaSettings, admin};
use uuid::Uuid;

use super::figure::{self, Figure, Goal, median};
use crate::commands::connection::quiet_settings;
use crate::{cli, output};

/// What can be said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    make bench                                       on a real Kafka of its own\n  \
    algotrade bench kafka --kafka localhost:9092     on a broker that runs\n  \
    algotrade bench kafka --kafka localhost:9092 --json --rounds 5\n  \
    algotrade bench kafka --kafka localhost:9092 --only consume --records 2000000\n  \
    algotrade bench kafka --kafka localhost:9092 memory --records 5000000\n\n\
    It makes topics of its own (prefix `bench-`) and deletes them.\n\
    Exit code: 0 if every goal is met, 2 if one is missed.")]
pub(crate) struct Arguments {
    /// The brokers, as host:port with commas between; `test-servers run` gives its own.
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "ALGOTRADE_TEST_KAFKA"
    )]
    kafka: Option<String>,
    /// Records of each run.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    records: u64,
    /// Runs of each subject and of its baseline, in turns; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Measure just these, with commas between.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    only: Vec<Subject>,
    /// The Python whose Kafka clients are measured beside, as far as it has them (aiokafka,
    /// confluent-kafka, faststream); `scripts/install-test-tools.sh peers` makes one that has all.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
    /// One JSON object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// A typed message until its delivery report.
    Produce,
    /// Decode, handler, policy, commit.
    Consume,
    /// Exactly once, against at least once.
    Processor,
    /// How long one of 100 records takes.
    Transactions,
    /// Producers and consumers of other clients; with `produce` and `consume` only.
    Peers,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Memory while millions of records go through producer, consumer and processor.
    Memory(memory::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(kafka) = &arguments.kafka else {
        anyhow::bail!(
            "which broker? `make bench` starts a real Kafka of its own and runs this on it; for \
             one that runs already give --kafka HOST:PORT"
        );
    };
    let mut settings = quiet_settings(None, &[])?;
    let unique = Uuid::new_v4().simple().to_string();
    let kafka_settings = &mut settings.kafka;
    kafka_settings.bootstrap_servers.clone_from(kafka);
    kafka_settings.topic_prefix = format!("bench-{}.", &unique[..8]);
    let runtime = cli::runtime()?;
    let bench = Bench {
        settings: settings.kafka,
        records: arguments.records,
        rounds: arguments.rounds,
        python: arguments.python.clone(),
        only: arguments.only.clone(),
    };
    runtime.block_on(admin::set_up_topics(&bench.settings))?;
    let outcome = runtime.block_on(async {
        match &arguments.part {
            None => bench.figures().await,
            Some(Part::Memory(arguments)) => memory::figures(&bench.settings, arguments).await,
        }
    });
    runtime.block_on(admin::delete_topics(&bench.settings))?;
    figure::print(&outcome?, arguments.json)
}

/// One call of the benchmark.
struct Bench {
    settings: KafkaSettings,
    records: u64,
    rounds: u32,
    python: String,
    /// All, if there are none.
    only: Vec<Subject>,
}

impl Bench {
    fn wants(&self, subject: Subject) -> bool {
        self.only.is_empty() || self.only.contains(&subject)
    }

    async fn figures(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        if self.wants(Subject::Produce) {
            figures.push(self.produce().await?);
        }
        if self.wants(Subject::Consume) {
            figures.push(self.consume().await?);
        }
        let beside = match self.wants(Subject::Peers) {
            true => self.beside(&figures).await?,
            false => Vec::new(),
        };
        if self.wants(Subject::Processor) {
            figures.push(self.processor().await?);
        }
        if self.wants(Subject::Transactions) {
            figures.extend(self.transactions().await?);
        }
        figures.extend(beside);
        Ok(figures)
    }

    /// The same figures, against other clients.
    async fn beside(&self, ours: &[Figure]) -> anyhow::Result<Vec<Figure>> {
        let peers = peers::measure(&self.settings, &self.python, self.records).await?;
        let beside = peers.into_iter().filter_map(|peer| {
            let same = |figure: &&Figure| figure.name.starts_with(&peer.figure);
            let ours = ours.iter().find(same)?;
            Some(Figure {
                name: format!("{}, against {}", peer.figure, peer.peer),
                baseline: Some(peer.rate),
                goal: None,
                ..ours.clone()
            })
        });
        Ok(beside.collect())
    }

    async fn produce(&self) -> anyhow::Result<Figure> {
        output::note("produce: typed message to delivery report");
        let messages = records::ticks(self.records);
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            raw.push(produce::raw(&self.settings, &messages).await?);
            ours.push(produce::ours(&self.settings, &messages).await?);
        }
        Ok(against(
            "produce, against librdkafka sending the same bytes",
            &ours,
            &raw,
            0.90,
        ))
    }

    async fn consume(&self) -> anyhow::Result<Figure> {
        output::note("consume: decode, handler, policy, commit");
        records::write_executions(&self.settings, self.records).await?;
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            raw.push(consume::raw(&group(&self.settings), self.records).await?);
            ours.push(consume::ours(&group(&self.settings), self.records).await?);
        }
        Ok(against(
            "consume, against librdkafka and the same decoder",
            &ours,
            &raw,
            0.80,
        ))
    }

    async fn processor(&self) -> anyhow::Result<Figure> {
        output::note("processor: exactly once and at least once");
        self.write_market_data().await?;
        let (mut exactly, mut at_least) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            at_least.push(transactions::at_least_once(&group(&self.settings), self.records).await?);
            exactly.push(transactions::exactly_once(&group(&self.settings), self.records).await?);
        }
        Ok(against(
            "processor exactly once, against its own at least once",
            &exactly,
            &at_least,
            0.80,
        ))
    }

    /// What a processor reads; `produce` has written enough of it.
    async fn write_market_data(&self) -> anyhow::Result<()> {
        if !self.wants(Subject::Produce) {
            produce::ours(&self.settings, &records::ticks(self.records)).await?;
        }
        Ok(())
    }

    async fn transactions(&self) -> anyhow::Result<Vec<Figure>> {
        output::note("transactions of 100 records");
        self.write_market_data().await?;
        let interval = Duration::from_millis(u64::from(self.settings.commit_interval_ms));
        let mut figures = Vec::new();
        for (pause, how, goal) in [
            (interval, "", Some(Goal::AtMost(8.0))),
            (Duration::ZERO, ", one right after the other", None),
        ] {
            let times = transactions::of_100_records(&group(&self.settings), pause).await?;
            let figure = |name: &str, part, goal| Figure {
                name: format!("transaction of 100 records, begin to committed{how}, {name}"),
                value: figure::quantile(&times, part),
                unit: "ms",
                baseline: None,
                goal,
            };
            figures.push(figure("p50", 0.5, goal));
            figures.push(figure("p99", 0.99, None));
        }
        Ok(figures)
    }
}

/// Settings with a consumer group that has read nothing yet.
fn group(settings: &KafkaSettings) -> KafkaSettings {
    let unique = Uuid::new_v4().simple().to_string();
    KafkaSettings {
        group_prefix: format!("bench-{unique}."),
        instance_id: "bench".to_owned(),
        ..settings.clone()
    }
}

fn against(name: &str, subject: &[f64], baseline: &[f64], goal: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        value: median(subject),
        unit: "records/s",
        baseline: Some(median(baseline)),
        goal: Some(Goal::Ratio(goal)),
    }
}
