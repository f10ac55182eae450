//! The two feeds' languages, as far as a connection speaks them.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use chrono::TimeDelta;

use super::config::{FeedConfig, FeedKind};
use super::event::{FeedEvent, Item};
use super::handle::Counters;
use crate::advanced::{self, Body, Quote};
use crate::exchange::{self, Frame};
use crate::malformed::Malformed;
use crate::products::ProductId;
use crate::trade::Trade;

/// How old a quote may be that a trade of the Advanced Trade feed is given.
const QUOTE_AGE: TimeDelta = TimeDelta::seconds(2);

/// One connection's language, and what has to be remembered to understand it.
pub(super) enum Dialect {
    Exchange,
    Advanced(Memory),
}

/// What the messages of one connection of the Advanced Trade feed mean depends on those before.
#[derive(Default)]
pub(super) struct Memory {
    /// The number that the next message must have.
    next: u64,
    asked: BTreeSet<ProductId>,
    quotes: HashMap<ProductId, Quote>,
}

impl Dialect {
    /// A new connection's.
    pub fn of(config: &FeedConfig) -> Self {
        match config.kind {
            FeedKind::Exchange => Self::Exchange,
            FeedKind::Advanced => Self::Advanced(Memory::default()),
        }
    }

    /// The requests for these products.
    pub fn subscribe(&mut self, config: &FeedConfig, products: &[ProductId]) -> Vec<String> {
        match self {
            Self::Exchange => {
                vec![exchange::Request::subscribe(&config.channels, products).to_json()]
            }
            Self::Advanced(memory) => {
                memory.ask(products);
                let one = |channel| advanced::Request::subscribe(channel, products).to_json();
                advanced_channels(config).map(one).collect()
            }
        }
    }

    /// The requests not to send these products any more. Heartbeats go on: they are everybody's.
    pub fn unsubscribe(&mut self, config: &FeedConfig, products: &[ProductId]) -> Vec<String> {
        match self {
            Self::Exchange => {
                vec![exchange::Request::unsubscribe(&config.channels, products).to_json()]
            }
            Self::Advanced(memory) => {
                for product in products {
                    memory.asked.remove(product);
                }
                let one = |channel| advanced::Request::unsubscribe(channel, products).to_json();
                advanced_channels(config)
                    .filter(|channel| *channel != advanced::Channel::Heartbeats)
                    .map(one)
                    .collect()
            }
        }
    }

    /// Reads a frame: what it tells goes to `items`, what is no item is returned.
    pub fn read(
        &mut self,
        bytes: &[u8],
        items: &mut Vec<Item>,
        counters: &Counters,
    ) -> Result<Option<FeedEvent>, Malformed> {
        let malformed = |error| Malformed::frame(bytes, error);
        match self {
            Self::Exchange => match exchange::parse_bytes(bytes).map_err(malformed)? {
                Frame::Subscriptions(told) => Ok(Some(FeedEvent::Subscribed(told))),
                Frame::Error(error) => Ok(Some(FeedEvent::ServerError(error))),
                frame => {
                    items.extend(exchange_item(frame, counters));
                    Ok(None)
                }
            },
            Self::Advanced(memory) => {
                let message = advanced::parse_bytes(bytes)
                    .map_err(|error| memory.named_as_asked(malformed(error)))?;
                memory.count(message.sequence_num, items);
                match message.body {
                    Body::Subscriptions(told) => return Ok(Some(FeedEvent::Subscribed(told))),
                    Body::Error(error) => return Ok(Some(FeedEvent::ServerError(error))),
                    body => memory.take(body, items, counters),
                }
                Ok(None)
            }
        }
    }
}

fn advanced_channels(config: &FeedConfig) -> impl Iterator<Item = advanced::Channel> {
    let channels = config.channels.iter().copied();
    channels.filter_map(advanced::Channel::like)
}

fn exchange_item(frame: Frame<'_>, counters: &Counters) -> Option<Item> {
    match frame {
        Frame::Ticker(ticker) => ticker.trade().map(Item::Trade),
        Frame::Match(found) => Some(Item::Trade(found.trade())),
        Frame::LastMatch(found) => Some(Item::LastMatch(found.trade())),
        Frame::Heartbeat(heartbeat) => Some(Item::Heartbeat(heartbeat)),
        Frame::Unknown { kind } => Some(unknown(&kind, counters)),
        _ => None,
    }
}

fn unknown(kind: &str, counters: &Counters) -> Item {
    counters.unknown.fetch_add(1, Ordering::Relaxed);
    Item::Unknown(kind.chars().take(64).collect())
}

impl Memory {
    fn ask(&mut self, products: &[ProductId]) {
        self.asked.extend(products);
        for product in products {
            let alias = advanced::alias(*product).filter(|alias| self.asked.contains(alias));
            if let Some(alias) = alias {
                tracing::warn!(%product, %alias, "both are subscribed to; trades of one order book \
                    are told as the latter's only");
            }
        }
    }

    /// A number that is skipped is a message that was lost. One that comes late was told as lost
    /// before.
    fn count(&mut self, sequence_num: Option<u64>, items: &mut Vec<Item>) {
        let Some(number) = sequence_num else { return };
        if number > self.next {
            items.push(Item::FramesLost(number - self.next));
        }
        self.next = self.next.max(number.saturating_add(1));
    }

    fn take(&mut self, body: Body<'_>, items: &mut Vec<Item>, counters: &Counters) {
        match body {
            Body::Trades(told) => {
                let malformed = told.malformed.len() as u64;
                counters.malformed.fetch_add(malformed, Ordering::Relaxed);
                let unread = told.malformed.into_iter();
                items.extend(unread.map(|one| Item::Malformed(self.named_as_asked(one))));
                let trades = told.trades.into_iter();
                items.extend(trades.map(|trade| Item::Trade(self.complete(trade))));
            }
            Body::Quotes(quotes) => {
                for quote in quotes {
                    self.quotes.insert(quote.product_id, quote);
                }
            }
            Body::Heartbeat { counter } => items.push(Item::Alive(counter)),
            Body::Unknown { channel } => items.push(unknown(&channel, counters)),
            Body::Subscriptions(_) | Body::Error(_) | Body::Status(_) | Body::Other => {}
        }
    }

    /// Gives a trade the name by which it was asked for, and the quote of its time.
    fn complete(&self, mut trade: Trade) -> Trade {
        let quote = self.quotes.get(&trade.product_id);
        let fresh = quote.filter(|quote| (trade.time - quote.time).abs() <= QUOTE_AGE);
        if let Some(quote) = fresh {
            trade.bid = quote.bid.map(|bid| bid.normalize());
            trade.ask = quote.ask.map(|ask| ask.normalize());
        }
        trade.product_id = self.asked_as(trade.product_id);
        trade
    }

    fn named_as_asked(&self, mut malformed: Malformed) -> Malformed {
        malformed.product = malformed.product.map(|product| self.asked_as(product));
        malformed
    }

    /// The name by which a product was asked for that arrives under this one.
    fn asked_as(&self, arrived: ProductId) -> ProductId {
        if self.asked.contains(&arrived) {
            return arrived;
        }
        let mut asked = self.asked.iter().copied();
        asked
            .find(|product| advanced::alias(*product) == Some(arrived))
            .unwrap_or(arrived)
    }
}
