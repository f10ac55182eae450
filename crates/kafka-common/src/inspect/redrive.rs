//! Sending dead letters back to the topic that they came from.
//!
//! A batch is one transaction: the records, the note of which they are (see `dead_letters`), and the
//! entry in the audit log. Whatever dies in the middle, a later run goes on after the last whole
//! batch. Another run of the same topic fences this one. On a broker without transactions the note
//! is written when the records are delivered: a crash between the two may repeat one batch.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};

use super::audit::Actor;
use super::broker::Broker;
use super::dead_letters::{DeadLetterTopic, REDRIVEN, is_redriven};
use super::error::InspectError;
use super::letter::{Letter, LetterFilter};
use super::ranges::Ranges;
use super::read::Flow;
use super::writer::{Outgoing, Writer};
use crate::matrix::Operations;
use crate::settings::Delivery;

/// Most records of a batch: a transaction holds up the readers of the source topic.
const BATCH: usize = 100;

/// What is to be sent back, and how.
#[derive(Debug, Clone)]
pub struct Redrive {
    /// Which letters.
    pub filter: LetterFilter,
    /// Most records a second.
    pub rate: Option<NonZeroU32>,
    /// Letters that were sent back this often stay: they would only come back.
    pub max_redrives: u32,
    /// Most letters.
    pub limit: Option<u64>,
    /// Who asks.
    pub actor: Actor,
    /// Whether to do it, or only to tell what would be done.
    pub execute: bool,
}

/// What was, or would be, sent back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedriveSummary {
    /// Letters that go back.
    pub redriven: u64,
    /// Letters that the filter wants and that went back before.
    pub already: u64,
    /// Letters that stay because they went back too often.
    pub held_back: u64,
    /// Letters that stay because they say that they came from another topic.
    pub misplaced: u64,
}

struct Batch {
    letters: Vec<Letter>,
    size: usize,
}

impl Broker {
    /// Sends letters back, in their order, and calls `progress` after each batch.
    ///
    /// # Errors
    /// The source topic or the audit log is missing, a batch can't be written (its letters stay),
    /// or another run has fenced this one.
    pub fn redrive(
        &self,
        topic: &DeadLetterTopic,
        redrive: &Redrive,
        mut progress: impl FnMut(&RedriveSummary),
    ) -> Result<RedriveSummary, InspectError> {
        let (source, partitions) = self.own_topic(&topic.source)?;
        let writer = match redrive.execute {
            true => Some(self.redrive_writer(topic)?),
            false => None,
        };
        // Only now: an earlier run's last batch is committed or gone.
        let redriven = self.redriven(topic)?;
        let rate = redrive.rate.map_or(BATCH, |rate| rate.get() as usize);
        let mut batch = Batch {
            letters: Vec::new(),
            size: rate.min(BATCH),
        };
        let mut summary = RedriveSummary::default();
        let started = Instant::now();
        let send = |batch: &mut Batch, summary: &mut RedriveSummary| {
            if let Some(writer) = &writer {
                self.write_batch(writer, topic, &source, partitions, batch, redrive)?;
            }
            summary.redriven += batch.letters.len() as u64;
            batch.letters.clear();
            Ok::<_, InspectError>(())
        };
        self.letters(topic, &redrive.filter, |letter| {
            if is_redriven(&redriven, &letter) {
                summary.already += 1;
            } else if letter.original_topic().is_some_and(|t| t != topic.source) {
                summary.misplaced += 1;
            } else if letter.redrives() >= redrive.max_redrives {
                summary.held_back += 1;
            } else {
                let taken = summary.redriven + batch.letters.len() as u64;
                if redrive.limit.is_some_and(|limit| taken >= limit) {
                    return Ok(Flow::Stop);
                }
                batch.letters.push(letter);
            }
            if batch.letters.len() >= batch.size {
                send(&mut batch, &mut summary)?;
                progress(&summary);
                if redrive.execute {
                    pace(started, summary.redriven, redrive.rate);
                }
            }
            Ok::<_, InspectError>(Flow::Next)
        })?;
        if !batch.letters.is_empty() {
            send(&mut batch, &mut summary)?;
            progress(&summary);
        }
        Ok(summary)
    }

    fn redrive_writer(&self, topic: &DeadLetterTopic) -> Result<Writer<Operations>, InspectError> {
        self.require_audit_log()?;
        match self.settings.delivery {
            Delivery::AtLeastOnce => Writer::start(&self.settings),
            Delivery::ExactlyOnce => {
                let name = format!("algotrade-redrive-{}", self.logical(&topic.name));
                Writer::start_transactional(&self.settings, &name)
            }
        }
    }

    fn write_batch(
        &self,
        writer: &Writer<Operations>,
        topic: &DeadLetterTopic,
        source: &str,
        partitions: i32,
        batch: &Batch,
        redrive: &Redrive,
    ) -> Result<(), InspectError> {
        let mut records: Vec<Outgoing> = batch
            .letters
            .iter()
            .map(|letter| outgoing(letter, source, partitions))
            .collect();
        let mut offsets: BTreeMap<i32, Ranges> = BTreeMap::new();
        for letter in &batch.letters {
            let of_partition = offsets.entry(letter.partition).or_default();
            of_partition.insert(letter.offset, letter.offset);
        }
        let told: Vec<String> = offsets
            .iter()
            .map(|(partition, offsets)| format!("partition {partition} offsets {offsets}"))
            .collect();
        let subject = format!(
            "{} -> {source}: {} record(s), {}",
            topic.name,
            batch.letters.len(),
            told.join("; ")
        );
        records.push(self.audit_record(&redrive.actor, "dlq.redrive", subject)?);
        let notes: Vec<Outgoing> = offsets
            .iter()
            .map(|(partition, offsets)| note(topic, *partition, offsets))
            .collect();
        let written = match self.settings.delivery {
            Delivery::ExactlyOnce => {
                records.extend(notes);
                writer.write(&records).map(drop)
            }
            Delivery::AtLeastOnce => writer
                .write(&records)
                .and_then(|_| writer.write(&notes))
                .map(drop),
        };
        written.map_err(|error| match error.is_fenced() {
            true => InspectError::Fenced(topic.name.clone()),
            false => error,
        })
    }
}

/// A letter as it goes back. Its key decides the partition, as it did before; without a key it goes
/// where it was.
fn outgoing(letter: &Letter, source: &str, partitions: i32) -> Outgoing {
    let has_key = letter.key.as_ref().is_some_and(|key| !key.is_empty());
    let partition = letter
        .original_partition()
        .filter(|partition| !has_key && (0..partitions).contains(partition));
    Outgoing {
        topic: source.to_owned(),
        partition,
        key: letter.key.clone(),
        value: letter.value.clone(),
        headers: letter.redriven_headers(),
    }
}

fn note(topic: &DeadLetterTopic, partition: i32, offsets: &Ranges) -> Outgoing {
    let text = offsets.to_string();
    let headers = OwnedHeaders::new().insert(Header {
        key: REDRIVEN,
        value: Some(text.as_str()),
    });
    Outgoing {
        topic: topic.name.clone(),
        partition: Some(partition),
        key: None,
        value: None,
        headers,
    }
}

/// Waits until so many records are due.
fn pace(started: Instant, sent: u64, rate: Option<NonZeroU32>) {
    let Some(rate) = rate else { return };
    let due = Duration::from_secs_f64(sent as f64 / f64::from(rate.get()));
    std::thread::sleep(due.saturating_sub(started.elapsed()));
}
