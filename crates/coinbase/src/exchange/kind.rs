//! The types of frames that this crate knows.

use super::request::Channel;

/// A frame's type, where only that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FrameKind {
    /// `ticker`
    Ticker,
    /// `match`
    Match,
    /// `last_match`
    LastMatch,
    /// `heartbeat`
    Heartbeat,
    /// `snapshot`
    Snapshot,
    /// `l2update`
    L2Update,
    /// `status`
    Status,
    /// `subscriptions`
    Subscriptions,
    /// `error`
    Error,
}

impl FrameKind {
    /// The type that Coinbase spells so.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "ticker" => Self::Ticker,
            "match" => Self::Match,
            "last_match" => Self::LastMatch,
            "heartbeat" => Self::Heartbeat,
            "snapshot" => Self::Snapshot,
            "l2update" => Self::L2Update,
            "status" => Self::Status,
            "subscriptions" => Self::Subscriptions,
            "error" => Self::Error,
            _ => return None,
        })
    }

    /// The channel that such frames belong to; `None` for answers.
    pub fn channel(self) -> Option<Channel> {
        match self {
            Self::Ticker => Some(Channel::Ticker),
            Self::Match | Self::LastMatch => Some(Channel::Matches),
            Self::Heartbeat => Some(Channel::Heartbeat),
            Self::Snapshot | Self::L2Update => Some(Channel::Level2Batch),
            Self::Status => Some(Channel::Status),
            Self::Subscriptions | Self::Error => None,
        }
    }
}
