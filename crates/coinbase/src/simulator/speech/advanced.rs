//! The Advanced Trade feed: the same trades, in its envelope.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Knowledge;
use crate::advanced::{Channel, alias, text};
use crate::exchange::FrameKind;
use crate::products::ProductId;
use crate::simulator::history::Page;
use crate::simulator::source::SimFrame;
use crate::trade::Trade;

/// How many old trades a subscription begins with.
const SNAPSHOT: usize = 100;

/// How many trades one message has at most.
const TRADES: usize = 10;

#[derive(Deserialize)]
struct RawRequest {
    #[serde(rename = "type")]
    kind: Option<String>,
    channel: Option<String>,
    #[serde(default)]
    product_ids: Vec<String>,
}

pub(in crate::simulator) struct Advanced {
    /// The kind of frame that brings each trade of the source once.
    trades: FrameKind,
    /// Those without products, as heartbeats, have an empty set.
    channels: BTreeMap<Channel, BTreeSet<ProductId>>,
    sequence_num: u64,
    /// Trades of one product that go into the next message.
    waiting: Vec<Trade>,
    /// The second of the last heartbeat.
    second: Option<i64>,
    heartbeats: u64,
}

impl Advanced {
    pub fn new(trades: FrameKind) -> Self {
        Self {
            trades,
            channels: BTreeMap::new(),
            sequence_num: 0,
            waiting: Vec::new(),
            second: None,
            heartbeats: 0,
        }
    }

    /// Answers with a snapshot of what is new, and all that is subscribed to.
    pub fn apply(&mut self, request: &str, known: &Knowledge<'_>) -> Result<Vec<String>, String> {
        // Serde would take an array for a struct, too.
        let is_object = request.trim_start().starts_with('{');
        let request = if is_object {
            serde_json::from_str::<RawRequest>(request).ok()
        } else {
            None
        };
        let request = request.ok_or_else(|| error("Malformed JSON"))?;
        let Some(name) = request.channel else {
            return Err(error("channel is missing: one a message"));
        };
        let channel: Channel = name
            .parse()
            .map_err(|()| error(&format!("{} is not a valid channel", excerpt(&name))))?;
        let products = products_named(&request.product_ids, known.listed)?;
        let mut answers = Vec::new();
        match request.kind.as_deref() {
            Some("subscribe") => {
                let needs_products = matches!(channel, Channel::MarketTrades | Channel::Ticker);
                if needs_products && products.is_empty() {
                    return Err(error(&format!("{channel} needs product_ids")));
                }
                for product in self.add(channel, products) {
                    answers.extend(self.snapshot(channel, product, known));
                }
            }
            Some("unsubscribe") => self.remove(channel, &products),
            _ => return Err(error("type has to be either subscribe or unsubscribe")),
        }
        answers.push(self.subscriptions());
        Ok(answers)
    }

    /// Returns the products that are new.
    fn add(&mut self, channel: Channel, products: BTreeSet<ProductId>) -> Vec<ProductId> {
        let subscribed = self.channels.entry(channel).or_default();
        let products = products.into_iter();
        products
            .filter(|product| subscribed.insert(*product))
            .collect()
    }

    fn remove(&mut self, channel: Channel, products: &BTreeSet<ProductId>) {
        let Some(subscribed) = self.channels.get_mut(&channel) else {
            return;
        };
        subscribed.retain(|product| !products.contains(product));
        // Without products: all of the channel.
        if subscribed.is_empty() || products.is_empty() {
            self.channels.remove(&channel);
        }
    }

    fn snapshot(
        &mut self,
        channel: Channel,
        product: ProductId,
        known: &Knowledge<'_>,
    ) -> Option<String> {
        let latest = known.latest.of(product)?;
        let time = latest.time;
        let event = match channel {
            Channel::MarketTrades => {
                let page = Page {
                    after: None,
                    before: None,
                    limit: SNAPSHOT,
                };
                let mut trades = known.history.page(product, page);
                // The history goes ahead of what this client has been told so far.
                trades.retain(|trade| trade.trade_id <= latest.trade_id);
                trades.retain(|trade| !(known.is_lost)(&SimFrame::of_trade(*trade)));
                text::trades("snapshot", trades.iter())
            }
            Channel::Ticker => text::ticker("snapshot", &latest),
            Channel::Heartbeats | Channel::Status => return None,
        };
        Some(self.message(channel.as_str(), time, &event))
    }

    fn subscriptions(&mut self) -> String {
        let channels = self.channels.iter();
        let named = channels.map(|(channel, products)| {
            (
                channel.as_str(),
                products.iter().copied().collect::<Vec<_>>(),
            )
        });
        let event = text::subscriptions(named);
        self.message("subscriptions", Utc::now(), &event)
    }

    pub fn wants_data(&self) -> bool {
        [Channel::MarketTrades, Channel::Ticker]
            .iter()
            .any(|channel| self.channels.contains_key(channel))
    }

    pub fn wants(&self, frame: &SimFrame) -> bool {
        let Some(product) = frame.product else {
            return false;
        };
        if frame.kind == FrameKind::Heartbeat {
            return self.channels.contains_key(&Channel::Heartbeats);
        }
        frame.trade.is_some()
            && (self.tells_trade(frame.kind, product) || self.tells_quote(frame.kind, product))
    }

    fn tells_trade(&self, kind: FrameKind, product: ProductId) -> bool {
        kind == self.trades && self.has(Channel::MarketTrades, product)
    }

    fn tells_quote(&self, kind: FrameKind, product: ProductId) -> bool {
        kind == FrameKind::Ticker && self.has(Channel::Ticker, product)
    }

    fn has(&self, channel: Channel, product: ProductId) -> bool {
        self.channels
            .get(&channel)
            .is_some_and(|products| products.contains(&product))
    }

    pub fn say(&mut self, frame: &SimFrame, messages: &mut Vec<Utf8Bytes>) {
        let Some(product) = frame.product else { return };
        if let Some(trade) = frame.trade {
            if self.tells_quote(frame.kind, product) {
                let event = text::ticker("update", &trade);
                let message = self.message("ticker", trade.time, &event);
                messages.push(message.into());
            }
            if self.tells_trade(frame.kind, product) {
                let other = self.waiting.first().map(|first| first.product_id) != Some(product);
                if other || self.waiting.len() == TRADES {
                    self.finish(messages);
                }
                self.waiting.push(trade);
            }
            return;
        }
        // One for all products.
        let second = frame.due.div_euclid(1_000_000);
        if self.second.replace(second) != Some(second) {
            self.finish(messages);
            self.heartbeats += 1;
            let time = DateTime::from_timestamp_micros(frame.due).unwrap_or_default();
            let event = text::heartbeat(time, self.heartbeats);
            let message = self.message("heartbeats", time, &event);
            messages.push(message.into());
        }
    }

    /// The trades that wait, the newest first.
    pub fn finish(&mut self, messages: &mut Vec<Utf8Bytes>) {
        let Some(newest) = self.waiting.last() else {
            return;
        };
        let time = newest.time;
        let event = text::trades("update", self.waiting.iter().rev());
        self.waiting.clear();
        let message = self.message("market_trades", time, &event);
        messages.push(message.into());
    }

    /// A message is lost.
    pub fn skip(&mut self) {
        self.sequence_num += 1;
    }

    fn message(&mut self, channel: &str, time: DateTime<Utc>, event: &str) -> String {
        let number = self.sequence_num;
        self.sequence_num += 1;
        text::message(channel, number, time, event)
    }
}

/// A product that isn't listed may be another name of one that is.
fn products_named(
    names: &[String],
    listed: &BTreeSet<ProductId>,
) -> Result<BTreeSet<ProductId>, String> {
    let known = |name: &String| {
        let product = ProductId::parse(name).ok();
        let alias = product.and_then(alias);
        let mut found = product.into_iter().chain(alias);
        found
            .find(|product| listed.contains(product))
            .ok_or_else(|| error(&format!("{} is not a valid product", excerpt(name))))
    };
    names.iter().map(known).collect()
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Errors come without an envelope.
fn error(message: &str) -> String {
    let message = serde_json::Value::from(message);
    format!(r#"{{"type":"error","message":{message}}}"#)
}
