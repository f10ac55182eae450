//! The processor's loop: one thread, one consumer, one producer, the units of its partitions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::units::{CommandOf, Core, RowOf, ServiceOf};
use super::{Processor, ProcessorStatus, Store};
use crate::error::{self, ClientError};
use crate::matrix::Service;
use crate::settings::KafkaSettings;
use crate::telemetry;

/// Longest wait for records; also how late a command or a stop is seen on a quiet market.
pub(super) const IDLE_POLL: Duration = Duration::from_millis(20);
/// Waits between two runs after errors, doubling.
const FIRST_RESTART: Duration = Duration::from_millis(250);
const LAST_RESTART: Duration = Duration::from_secs(10);
/// Commands that wait for the loop; a sender waits beyond that.
const COMMAND_CAPACITY: usize = 1_024;
/// How often the client tells how far it is, in milliseconds.
const STATISTICS_INTERVAL_MS: &str = "5000";

/// A running processor.
#[derive(Debug)]
pub struct ProcessorHandle<Command> {
    /// Commands for units of this process; one for a unit elsewhere is dropped.
    pub commands: mpsc::Sender<Command>,
    /// For health checks.
    pub status: Arc<ProcessorStatus>,
    /// Ends after `shutdown`, when the last commit and snapshot are done.
    pub task: JoinHandle<()>,
}

/// Starts a processor on a thread of its own.
pub fn spawn<P: Processor>(
    settings: &KafkaSettings,
    processor: P,
    store: Arc<dyn Store<RowOf<P>>>,
    shutdown: CancellationToken,
) -> ProcessorHandle<CommandOf<P>> {
    let (commands, receiver) = mpsc::channel(COMMAND_CAPACITY);
    let status = Arc::new(ProcessorStatus::default());
    let runner = Runner {
        settings: settings.clone(),
        processor: Arc::new(processor),
        store,
        runtime: Handle::current(),
        status: Arc::clone(&status),
        shutdown,
    };
    let task = tokio::task::spawn_blocking(move || runner.supervise(receiver));
    ProcessorHandle {
        commands,
        status,
        task,
    }
}

struct Runner<P: Processor> {
    settings: KafkaSettings,
    processor: Arc<P>,
    store: Arc<dyn Store<RowOf<P>>>,
    runtime: Handle,
    status: Arc<ProcessorStatus>,
    shutdown: CancellationToken,
}

impl<P: Processor> Runner<P> {
    /// Runs, and after an error runs again from the last commit.
    fn supervise(&self, mut commands: mpsc::Receiver<CommandOf<P>>) {
        let mut wait = FIRST_RESTART;
        while !self.shutdown.is_cancelled() {
            let started = Instant::now();
            let Err(error) = self.run(&mut commands) else {
                break;
            };
            let error = error.to_string();
            self.status.failed(&error);
            if started.elapsed() > LAST_RESTART {
                wait = FIRST_RESTART;
            }
            telemetry::restarted(ServiceOf::<P>::NAME, &error, wait.as_secs_f64());
            // Ends early when it is told to stop.
            let _ = self
                .runtime
                .block_on(async { tokio::time::timeout(wait, self.shutdown.cancelled()).await });
            wait = (wait * 2).min(LAST_RESTART);
        }
        self.status.stopped();
    }

    fn run(&self, commands: &mut mpsc::Receiver<CommandOf<P>>) -> Result<(), ClientError> {
        self.status.starts();
        let core = Core::new(
            &self.settings,
            Arc::clone(&self.processor),
            Arc::clone(&self.store),
            Arc::clone(&self.status),
            self.runtime.clone(),
        )?;
        let consumer = self.consumer(core)?;
        let mut outcome = self.consume(&consumer, commands);
        let mut core = consumer.context().core();
        if outcome.is_ok() {
            outcome = core.commit(&consumer, true);
        }
        core.committer.abandon();
        // Leaving the group calls back into the core: without units there is nothing to commit.
        core.close_all();
        drop(core);
        drop(consumer);
        outcome
    }

    fn consumer(&self, core: Core<P>) -> Result<BaseConsumer<Context<P>>, ClientError> {
        let mut config = self
            .settings
            .consumer(ServiceOf::<P>::NAME, ServiceOf::<P>::GROUP);
        config
            .set("enable.auto.commit", "false")
            // Every position is given; one that the log doesn't have must be told, not mended.
            .set("auto.offset.reset", "error")
            .set("statistics.interval.ms", STATISTICS_INTERVAL_MS);
        let consumer: BaseConsumer<Context<P>> = config
            .create_with_context(Context::new(core, Arc::clone(&self.status)))
            .map_err(ClientError::kafka("creating the consumer"))?;
        let topic = self.settings.topic(self.processor.primary_topic());
        consumer
            .subscribe(&[&topic])
            .map_err(ClientError::kafka("subscribing"))?;
        Ok(consumer)
    }

    fn consume(
        &self,
        consumer: &BaseConsumer<Context<P>>,
        commands: &mut mpsc::Receiver<CommandOf<P>>,
    ) -> Result<(), ClientError> {
        while !self.shutdown.is_cancelled() {
            let mut polled = 0;
            let mut drained = false;
            let mut wait = consumer.context().core().longest_wait();
            while polled < self.settings.max_poll_records {
                match consumer.poll(wait) {
                    None => {
                        drained = true;
                        break;
                    }
                    Some(Ok(message)) => {
                        let mut core = consumer.context().core();
                        core.accept(&message);
                        if core.is_full() {
                            break;
                        }
                    }
                    Some(Err(source)) if ends_the_run(&source) => {
                        return Err(ClientError::Kafka {
                            action: "consuming",
                            source,
                        });
                    }
                    // Everything else librdkafka retries by itself.
                    Some(Err(error)) => tracing::warn!(%error, "consuming, will go on"),
                }
                polled += 1;
                wait = Duration::ZERO;
            }
            let mut core = consumer.context().core();
            core.take_failure()?;
            while let Ok(command) = commands.try_recv() {
                core.command(command)?;
            }
            core.control_flow(consumer)?;
            core.commit_if_due(consumer, polled == 0, drained)?;
            core.observe(consumer);
            core.note_progress();
        }
        Ok(())
    }
}

/// A position that the log doesn't have: its records have expired or it is another log. The next
/// start finds out which, says so, and goes on from what there is.
fn ends_the_run(error: &KafkaError) -> bool {
    error::is_fatal(error) || error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset)
}
