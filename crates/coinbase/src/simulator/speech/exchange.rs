//! The Exchange feed: frames as they are.

use super::Knowledge;
use super::subscription::Subscription;
use crate::exchange::{Channel, ErrorFrame};

#[derive(Default)]
pub(in crate::simulator) struct Exchange {
    pub(super) subscription: Subscription,
}

impl Exchange {
    /// Answers, and repeats what comes before the stream: the last trade, and the states.
    pub fn apply(&mut self, request: &str, known: &Knowledge<'_>) -> Result<Vec<String>, String> {
        let added = self.subscription.apply(request, known.listed);
        let added = added.map_err(|error| error_frame(&error))?;
        let mut answers = vec![self.subscription.to_frame()];
        for (channel, product) in added {
            let latest = known.latest;
            let repeated = match channel {
                Channel::Ticker => latest
                    .tickers
                    .get(&product)
                    .filter(|frame| !(known.is_lost)(frame))
                    .map(|frame| frame.text.to_string()),
                Channel::Matches => latest
                    .matches
                    .get(&product)
                    .map(|frame| last_match(&frame.text)),
                _ => None,
            };
            answers.extend(repeated);
        }
        if self.subscription.has(Channel::Status) {
            answers.push(known.status.to_owned());
        }
        Ok(answers)
    }
}

fn error_frame(error: &ErrorFrame) -> String {
    #[derive(serde::Serialize)]
    struct Answer<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(flatten)]
        error: &'a ErrorFrame,
    }
    // Only strings: it can't fail.
    serde_json::to_string(&Answer {
        kind: "error",
        error,
    })
    .unwrap_or_default()
}

fn last_match(match_frame: &str) -> String {
    match_frame.replacen(r#""type":"match""#, r#""type":"last_match""#, 1)
}
