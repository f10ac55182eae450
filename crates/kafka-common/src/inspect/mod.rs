//! What an operator asks of a broker, and changes on it: topics, records, groups, lag, offsets,
//! dead letters.
//!
//! Results are typed and nothing is printed. Everything here blocks, as librdkafka does: call it
//! from a thread that may wait. Nothing joins a group or commits for one, except
//! [`Broker::reset_offsets`], whose purpose that is.
//!
//! Topics and groups are named as in the catalogue; a deployment's prefixes are put before them.
//! What isn't ours is found under its name on the broker.

mod audit;
mod broker;
mod dead_letters;
mod error;
mod groups;
mod lag;
mod letter;
mod native;
mod offsets;
mod position;
mod produce;
mod purge;
mod ranges;
mod read;
mod redrive;
mod schema;
mod suggest;
mod topics;
mod view;
mod writer;

pub use audit::Actor;
pub use broker::{Bounds, Broker};
pub use dead_letters::{DeadLetterCount, DeadLetterTopic};
pub use error::InspectError;
pub use groups::{Group, Member, TopicPartition};
pub use lag::PartitionLag;
pub use letter::{Letter, LetterFilter};
pub use offsets::{PlannedOffset, ResetTarget};
pub use position::Position;
pub use produce::{Input, Prepared};
pub use purge::{PlannedPurge, PurgeTarget};
pub use read::{Flow, Span};
pub use redrive::{Redrive, RedriveSummary};
pub use schema::{InvalidMessage, check, derived_key, is_catalogued};
pub use topics::{TopicKind, TopicSummary};
pub use view::{Content, RecordFilter, View};
