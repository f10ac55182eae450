//! What a client has subscribed to, and its requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::exchange::{Channel, ErrorFrame, FrameKind};
use crate::products::ProductId;

#[derive(Deserialize)]
struct RawRequest {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    channels: Vec<RawChannel>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawChannel {
    Name(String),
    Full {
        name: String,
        #[serde(default)]
        product_ids: Vec<String>,
    },
}

/// What has been added by a request.
pub(in crate::simulator) type Added = Vec<(Channel, ProductId)>;

/// What one client is subscribed to.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Subscription {
    channels: BTreeMap<Channel, BTreeSet<ProductId>>,
    /// The same, to be looked up for each frame: a bit for each channel.
    by_product: HashMap<ProductId, u8>,
}

impl Subscription {
    /// Carries out a request, wholly or not at all.
    ///
    /// # Errors
    /// The `error` frame to answer with.
    pub fn apply(
        &mut self,
        request: &str,
        listed: &BTreeSet<ProductId>,
    ) -> Result<Added, ErrorFrame> {
        // Serde would take an array for a struct, too.
        let is_object = request.trim_start().starts_with('{');
        let request: Option<RawRequest> = if is_object {
            serde_json::from_str(request).ok()
        } else {
            None
        };
        let request = request.ok_or_else(|| error("Malformed JSON", None))?;
        let subscribe = match request.kind.as_deref() {
            Some("subscribe") => true,
            Some("unsubscribe") => false,
            _ => {
                return Err(error(
                    "Type has to be either subscribe or unsubscribe",
                    None,
                ));
            }
        };
        let message = if subscribe {
            "Failed to subscribe"
        } else {
            "Failed to unsubscribe"
        };
        let refused = |reason: String| error(message, Some(reason));
        if request.channels.is_empty() {
            return Err(refused("No channels specified".to_owned()));
        }
        let mut wanted = Vec::with_capacity(request.channels.len());
        for channel in &request.channels {
            let (name, product_ids) = match channel {
                RawChannel::Name(name) => (name, &request.product_ids),
                RawChannel::Full { name, product_ids } if product_ids.is_empty() => {
                    (name, &request.product_ids)
                }
                RawChannel::Full { name, product_ids } => (name, product_ids),
            };
            let channel = channel_named(name).map_err(refused)?;
            let products = products_named(product_ids, listed).map_err(refused)?;
            if products.is_empty() && subscribe && channel != Channel::Status {
                return Err(refused(format!("{name} needs product_ids")));
            }
            wanted.push((channel, products));
        }
        let added = if subscribe {
            self.add(wanted)
        } else {
            self.remove(wanted)
        };
        self.index();
        Ok(added)
    }

    fn add(&mut self, wanted: Vec<(Channel, BTreeSet<ProductId>)>) -> Added {
        let mut added = Vec::new();
        for (channel, products) in wanted {
            let subscribed = self.channels.entry(channel).or_default();
            let new = products
                .into_iter()
                .filter(|product| subscribed.insert(*product));
            added.extend(new.map(|product| (channel, product)));
        }
        added
    }

    fn remove(&mut self, unwanted: Vec<(Channel, BTreeSet<ProductId>)>) -> Added {
        for (channel, products) in unwanted {
            // Without products: all of the channel.
            if products.is_empty() {
                self.channels.remove(&channel);
            } else if let Some(subscribed) = self.channels.get_mut(&channel) {
                subscribed.retain(|product| !products.contains(product));
                if subscribed.is_empty() {
                    self.channels.remove(&channel);
                }
            }
        }
        Vec::new()
    }

    fn index(&mut self) {
        self.by_product.clear();
        for (channel, products) in &self.channels {
            for product in products {
                *self.by_product.entry(*product).or_default() |= bit(*channel);
            }
        }
    }

    /// Whether a frame goes to this client.
    pub fn wants(&self, kind: FrameKind, product: Option<ProductId>) -> bool {
        let Some(channel) = kind.channel() else {
            return false;
        };
        match product {
            // States of all products.
            None => self.channels.contains_key(&channel),
            Some(product) => self
                .by_product
                .get(&product)
                .is_some_and(|bits| bits & bit(channel) != 0),
        }
    }

    /// Whether it is subscribed to the channel at all.
    pub fn has(&self, channel: Channel) -> bool {
        self.channels.contains_key(&channel)
    }

    /// Whether it is subscribed to what a source plays, and not only to signs of life.
    pub fn wants_data(&self) -> bool {
        [Channel::Ticker, Channel::Matches, Channel::Level2Batch]
            .iter()
            .any(|c| self.has(*c))
    }

    /// The `subscriptions` frame.
    pub fn to_frame(&self) -> String {
        let channels = self
            .channels
            .iter()
            .map(|(channel, products)| AnsweredChannel {
                name: match channel {
                    // That is what Coinbase calls it in its answer.
                    Channel::Level2Batch => "level2_50",
                    other => other.as_str(),
                },
                product_ids: products,
                account_ids: None,
            });
        let answer = Answer {
            kind: "subscriptions",
            channels: channels.collect(),
        };
        // Only strings: it can't fail.
        serde_json::to_string(&answer).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    channels: Vec<AnsweredChannel<'a>>,
}

#[derive(Serialize)]
struct AnsweredChannel<'a> {
    name: &'static str,
    product_ids: &'a BTreeSet<ProductId>,
    /// Always null: accounts belong to channels that need a login.
    account_ids: Option<()>,
}

fn bit(channel: Channel) -> u8 {
    match channel {
        Channel::Ticker => 1,
        Channel::Matches => 2,
        Channel::Heartbeat => 4,
        Channel::Status => 8,
        Channel::Level2Batch => 16,
    }
}

fn channel_named(name: &str) -> Result<Channel, String> {
    match name {
        "level2" | "level3" | "full" | "user" => Err(format!(
            "{name} requires authentication, which the simulator does not offer"
        )),
        _ => name
            .parse()
            .map_err(|()| format!("{} is not a valid channel", excerpt(name))),
    }
}

fn products_named(
    names: &[String],
    listed: &BTreeSet<ProductId>,
) -> Result<BTreeSet<ProductId>, String> {
    let known = |name: &String| match ProductId::parse(name) {
        Ok(product) if listed.contains(&product) => Ok(product),
        _ => Err(format!("{} is not a valid product", excerpt(name))),
    };
    names.iter().map(known).collect()
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

fn error(message: &str, reason: Option<String>) -> ErrorFrame {
    ErrorFrame {
        message: message.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn listed() -> BTreeSet<ProductId> {
        ["BTC-USD", "ETH-USD"]
            .iter()
            .map(|id| id.parse().unwrap())
            .collect()
    }

    fn btc() -> ProductId {
        "BTC-USD".parse().unwrap()
    }

    fn reason(request: &str) -> String {
        let mut subscription = Subscription::default();
        let error = subscription.apply(request, &listed()).unwrap_err();
        assert!(
            subscription.channels.is_empty(),
            "a refused request changes nothing"
        );
        error.to_string()
    }

    #[test]
    fn both_ways_to_name_channels() {
        let mut subscription = Subscription::default();
        let request = r#"{"type":"subscribe","product_ids":["BTC-USD"],
            "channels":["ticker",{"name":"heartbeat","product_ids":["ETH-USD"]}]}"#;
        let added = subscription.apply(request, &listed()).unwrap();
        assert_eq!(added.len(), 2);
        assert!(subscription.wants(FrameKind::Ticker, Some(btc())));
        assert!(!subscription.wants(FrameKind::Heartbeat, Some(btc())));
        assert!(!subscription.wants(FrameKind::Match, Some(btc())));
        let again = subscription.apply(request, &listed()).unwrap();
        assert!(again.is_empty(), "nothing is new");
        assert_eq!(
            subscription.to_frame(),
            concat!(
                r#"{"type":"subscriptions","channels":["#,
                r#"{"name":"ticker","product_ids":["BTC-USD"],"account_ids":null},"#,
                r#"{"name":"heartbeat","product_ids":["ETH-USD"],"account_ids":null}]}"#
            )
        );
    }

    #[test]
    fn unsubscribing_some_and_all() {
        let mut subscription = Subscription::default();
        let request = |kind: &str, products: &str| {
            format!(
                r#"{{"type":"{kind}","channels":[{{"name":"matches","product_ids":{products}}}]}}"#
            )
        };
        let both = r#"["BTC-USD","ETH-USD"]"#;
        subscription
            .apply(&request("subscribe", both), &listed())
            .unwrap();
        subscription
            .apply(&request("unsubscribe", r#"["BTC-USD"]"#), &listed())
            .unwrap();
        assert!(!subscription.wants(FrameKind::Match, Some(btc())));
        assert!(subscription.wants_data());
        subscription
            .apply(&request("unsubscribe", "[]"), &listed())
            .unwrap();
        assert!(!subscription.wants_data());
    }

    #[test]
    fn refusals_say_why() {
        assert_eq!(reason("{"), "Malformed JSON");
        assert_eq!(
            reason(r#"["subscribe",["BTC-USD"],["ticker"]]"#),
            "Malformed JSON"
        );
        assert!(reason("{}").starts_with("Type has to be"));
        assert_eq!(
            reason(r#"{"type":"subscribe","channels":["ticker"],"product_ids":["XYZ-USD"]}"#),
            "Failed to subscribe: XYZ-USD is not a valid product"
        );
        assert_eq!(
            reason(r#"{"type":"subscribe","channels":["tickers"],"product_ids":["BTC-USD"]}"#),
            "Failed to subscribe: tickers is not a valid channel"
        );
        assert!(reason(r#"{"type":"subscribe","channels":["ticker"]}"#).contains("product_ids"));
        assert!(reason(r#"{"type":"subscribe"}"#).contains("No channels"));
        let full = r#"{"type":"subscribe","channels":["full"],"product_ids":["BTC-USD"]}"#;
        assert!(reason(full).contains("authentication"));
    }

    #[test]
    fn one_bad_channel_refuses_the_good_ones_too() {
        let request = r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["ticker","x"]}"#;
        assert!(reason(request).contains("x is not a valid channel"));
    }
}
