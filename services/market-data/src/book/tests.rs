#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::time::Duration;

use chrono::DateTime;
use coinbase::Side;
use rust_decimal::Decimal;

use super::*;

/// A trade of half a unit, one second after the other.
pub fn trade(product: &str, trade_id: u64, price: i64) -> Trade {
    Trade {
        product_id: ProductId::parse(product).unwrap(),
        trade_id,
        sequence: None,
        price: Decimal::from(price),
        size: Decimal::new(5, 1),
        side: Some(Side::Buy),
        time: DateTime::from_timestamp(i64::try_from(trade_id).unwrap(), 0).unwrap(),
        bid: None,
        ask: None,
    }
}

/// A trade as the lane passes it on.
pub fn tick(product: &str, trade_id: u64, price: i64) -> Tick {
    Tick {
        trade: trade(product, trade_id, price),
        quote_age_ms: None,
        backfilled: false,
    }
}

pub fn rules(source: FeedSource) -> Rules {
    Rules {
        source,
        limits: Limits {
            max_trades: 1_000,
            max_wait: Duration::from_secs(60),
            max_held: 5_000,
        },
        quote_max_age: TimeDelta::seconds(2),
    }
}

/// A book that has passed on so many trades of a product.
pub fn markets_with(product: &str, ids: impl IntoIterator<Item = u64>) -> Markets {
    let markets = Markets::new(rules(FeedSource::Simulator), HashMap::new());
    let first = trade(product, 1, 1);
    markets.lock().carry(first.product_id);
    pass_on(&markets, product, ids);
    markets
}

/// Passes trades of these ids through a book.
pub fn pass_on(markets: &Markets, product: &str, ids: impl IntoIterator<Item = u64>) {
    let items: Vec<Item> = ids
        .into_iter()
        .map(|id| Item::Trade(trade(product, id, 1)))
        .collect();
    let now = Instant::now();
    let mut book = markets.lock();
    book.take(&items, now);
    book.release(usize::MAX, now, &mut Vec::new());
}

fn btc() -> ProductId {
    ProductId::parse("BTC-USD").unwrap()
}

fn book(source: FeedSource, logged: Option<(u64, u64)>) -> Book {
    let logged = logged.map(|(first, last)| {
        let anchor = Some(Anchor::from(&trade("BTC-USD", last, 1)));
        (
            btc().symbol(),
            Logged {
                first,
                last,
                anchor,
            },
        )
    });
    let mut book = Book::new(rules(source), logged.into_iter().collect());
    book.carry(btc());
    book
}

/// Passes on what can be, after REST has refused what was asked of it: the ids, and negative ones
/// for both ends of a gap.
fn released(book: &mut Book) -> Vec<i64> {
    let now = Instant::now();
    let mut out = Vec::new();
    loop {
        book.release(usize::MAX, now, &mut out);
        let asks = book.asks(now);
        if asks.is_empty() {
            break;
        }
        for (product, ask) in asks {
            book.answer(product, &ask, Answer::Refused, now);
        }
    }
    let ids = out.iter().flat_map(|outgoing| match outgoing.entry {
        Entry::Trade(tick) => vec![tick.trade.trade_id as i64],
        Entry::Gap(missing) => vec![-(missing.first as i64), -(missing.last as i64)],
    });
    ids.collect()
}

/// Gives trades of these ids; returns what is passed on.
fn give(book: &mut Book, ids: &[u64]) -> (Vec<i64>, Judged) {
    let items: Vec<Item> = ids
        .iter()
        .map(|id| Item::Trade(trade("BTC-USD", *id, 100)))
        .collect();
    let judged = book.take(&items, Instant::now());
    (released(book), judged)
}

fn last_match(book: &mut Book, id: u64) {
    let old = Item::LastMatch(trade("BTC-USD", id, 1));
    book.take(&[old], Instant::now());
}

const NOTHING: [i64; 0] = [];

#[test]
fn each_trade_once_in_order_and_gaps_marked() {
    let mut book = book(FeedSource::Coinbase, None);
    let (out, judged) = give(&mut book, &[5, 5, 6, 6, 4, 9, 9]);
    assert_eq!(out, [5, 6, -7, -8, 9]);
    assert_eq!(judged.duplicates, 4);
    let latest = book.latest(btc());
    assert_eq!((latest.trades, latest.gaps), (3, 1));
    assert_eq!(latest.trade.unwrap().trade_id, 9);
    assert_eq!(book.waiting(), 0);
}

#[test]
fn one_products_gap_leaves_the_others_alone() {
    let mut book = book(FeedSource::Coinbase, None);
    book.carry(ProductId::parse("ETH-USD").unwrap());
    let items = [
        ("BTC-USD", 1),
        ("ETH-USD", 5),
        ("BTC-USD", 4),
        ("ETH-USD", 6),
    ]
    .map(|(product, id)| Item::Trade(trade(product, id, 1)));
    let now = Instant::now();
    book.take(&items, now);
    let mut out = Vec::new();
    book.release(2, now, &mut out);
    assert_eq!(out.len(), 2, "no more than there is room for");
    book.release(10, now, &mut out);
    assert_eq!(out.len(), 3, "BTC's second trade waits");
    assert_eq!(book.waiting(), 2);
}

#[test]
fn a_last_match_is_never_passed_on() {
    let mut book = book(FeedSource::Coinbase, None);
    last_match(&mut book, 4);
    assert_eq!(released(&mut book), NOTHING);
    assert_eq!(give(&mut book, &[4, 5]).0, [5]);
}

#[test]
fn a_restart_repeats_nothing_and_marks_the_outage() {
    let mut restarted = book(FeedSource::Coinbase, Some((1, 10)));
    assert_eq!(give(&mut restarted, &[9, 10]).0, NOTHING);
    assert_eq!(give(&mut restarted, &[14]).0, [-11, -13, 14]);
    let mut hidden = book(FeedSource::Coinbase, Some((5, 10)));
    last_match(&mut hidden, 14);
    assert_eq!(give(&mut hidden, &[15]).0, [-11, -14, 15]);
}

#[test]
fn a_simulator_that_goes_on_or_plays_again_repeats_nothing() {
    let mut goes_on = book(FeedSource::Simulator, Some((5, 10)));
    assert_eq!(give(&mut goes_on, &[10, 11]).0, [11]);
    let mut again = book(FeedSource::Simulator, Some((5, 10)));
    last_match(&mut again, 4);
    let (out, judged) = give(&mut again, &[5, 6, 10, 11, 12]);
    assert_eq!(
        (out.as_slice(), judged.duplicates),
        ([11, 12].as_slice(), 3)
    );
}

#[test]
fn a_simulator_that_began_anew_is_believed() {
    let mut lower = book(FeedSource::Simulator, Some((5, 10)));
    assert_eq!(give(&mut lower, &[1, 2]).0, [1, 2]);
    let mut higher = book(FeedSource::Simulator, Some((5, 10)));
    assert_eq!(give(&mut higher, &[900, 903]).0, [900, -901, -902, 903]);
}

#[test]
fn what_was_traded_while_nobody_wanted_it_is_no_gap() {
    let mut book = book(FeedSource::Coinbase, None);
    give(&mut book, &[1, 2]);
    book.drop_product(btc());
    assert_eq!(give(&mut book, &[3]).0, NOTHING, "late frames");
    book.carry(btc());
    let (out, judged) = give(&mut book, &[2, 9]);
    assert_eq!((out.as_slice(), judged.duplicates), ([9].as_slice(), 1));
    assert_eq!(give(&mut book, &[11]).0, [-10, -10, 11]);
}

#[test]
fn a_trade_carries_the_quote_of_its_time() {
    let mut book = book(FeedSource::Coinbase, None);
    let quoted = |id, seconds: i64, bid: Option<i64>| {
        let mut trade = trade("BTC-USD", id, 100);
        trade.time = DateTime::from_timestamp(seconds, 0).unwrap();
        trade.bid = bid.map(Decimal::from);
        Item::Trade(trade)
    };
    let items = [
        quoted(1, 10, None),
        quoted(2, 11, Some(99)),
        quoted(3, 12, None),
        quoted(4, 13, None),
        quoted(5, 14, None),
        quoted(6, 10, None),
        quoted(7, 20, Some(98)),
    ];
    let now = Instant::now();
    book.take(&items, now);
    let mut out = Vec::new();
    book.release(10, now, &mut out);
    let quotes = out.iter().map(|outgoing| match outgoing.entry {
        Entry::Trade(tick) => (tick.trade.bid.map(|bid| bid.to_string()), tick.quote_age_ms),
        Entry::Gap(_) => panic!("no gap"),
    });
    let with = |bid: &str, age| (Some(bid.to_owned()), Some(age));
    let expected = [
        (None, None),
        with("99", 0),
        with("99", 1_000),
        with("99", 2_000),
        (None, None),
        (None, None),
        with("98", 0),
    ];
    assert_eq!(quotes.collect::<Vec<_>>(), expected);
}

#[test]
fn quotes_and_ticks_are_taken_once_and_bounded() {
    let mut book = book(FeedSource::Coinbase, None);
    assert!(book.take_changed().is_empty());
    let ids: Vec<u64> = (1..=2_500).collect();
    give(&mut book, &ids);
    assert_eq!(book.take_changed()[0].trade.trade_id, 2_500);
    assert!(book.take_changed().is_empty());
    let unsaved = book.take_unsaved();
    assert_eq!(unsaved[0].1.len(), KEPT_TICKS);
    assert_eq!(unsaved[0].1[0].trade.trade_id, 1_501);
    assert!(book.take_unsaved().is_empty());
    give(&mut book, &[2_501, 2_502]);
    assert_eq!(book.take_unsaved()[0].1.len(), 2);
    assert_eq!(book.ticks(btc(), 1)[0].trade.trade_id, 2_502);
    assert_eq!(book.ticks(btc(), usize::MAX).len(), KEPT_TICKS);
}
