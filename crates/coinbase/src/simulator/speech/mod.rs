//! What a client asks for, and how it is told: in the language of the feed that it chose.

mod advanced;
mod exchange;
mod subscription;

use std::collections::BTreeSet;

use axum::extract::ws::Utf8Bytes;

use self::advanced::Advanced;
use self::exchange::Exchange;
use super::history::History;
use super::hub::Latest;
use super::source::SimFrame;
use crate::exchange::FrameKind;
use crate::products::ProductId;

/// Which feed a client has connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Exchange,
    Advanced,
}

/// What answers are made of.
pub(super) struct Knowledge<'a> {
    pub listed: &'a BTreeSet<ProductId>,
    /// The `status` frame of the Exchange feed.
    pub status: &'a str,
    pub latest: &'a Latest,
    pub history: &'a History,
    /// Whether chaos keeps this frame's trade from all clients.
    pub is_lost: &'a dyn Fn(&SimFrame) -> bool,
}

/// One client's side of the conversation.
pub(super) enum Speech {
    Exchange(Exchange),
    Advanced(Advanced),
}

impl Speech {
    /// `trades` is the kind of frame that brings each trade of the source once.
    pub fn new(language: Language, trades: FrameKind) -> Self {
        match language {
            Language::Exchange => Self::Exchange(Exchange::default()),
            Language::Advanced => Self::Advanced(Advanced::new(trades)),
        }
    }

    /// Carries out a request, wholly or not at all. Returns the answers.
    ///
    /// # Errors
    /// The error to answer with.
    pub fn apply(&mut self, request: &str, known: &Knowledge<'_>) -> Result<Vec<String>, String> {
        match self {
            Self::Exchange(exchange) => exchange.apply(request, known),
            Self::Advanced(advanced) => advanced.apply(request, known),
        }
    }

    /// The answer to a message that is no text.
    pub fn not_text(&self) -> String {
        r#"{"type":"error","message":"Malformed JSON"}"#.to_owned()
    }

    /// Whether it is subscribed to what a source plays, and not only to signs of life.
    pub fn wants_data(&self) -> bool {
        match self {
            Self::Exchange(exchange) => exchange.subscription.wants_data(),
            Self::Advanced(advanced) => advanced.wants_data(),
        }
    }

    /// Whether a frame goes to this client.
    pub fn wants(&self, frame: &SimFrame) -> bool {
        match self {
            Self::Exchange(exchange) => exchange.subscription.wants(frame.kind, frame.product),
            Self::Advanced(advanced) => advanced.wants(frame),
        }
    }

    /// Tells a frame. Some may be kept for the next message.
    pub fn say(&mut self, frame: &SimFrame, messages: &mut Vec<Utf8Bytes>) {
        match self {
            Self::Exchange(_) => messages.push(frame.text.clone()),
            Self::Advanced(advanced) => advanced.say(frame, messages),
        }
    }

    /// Tells what was kept.
    pub fn finish(&mut self, messages: &mut Vec<Utf8Bytes>) {
        if let Self::Advanced(advanced) = self {
            advanced.finish(messages);
        }
    }

    /// A message is lost on the way: whoever counts them sees it.
    pub fn lose(&mut self, messages: &mut Vec<Utf8Bytes>) {
        if let Self::Advanced(advanced) = self {
            advanced.finish(messages);
            advanced.skip();
        }
    }
}
