//! What the server's `error` frames mean for a subscription.

use std::collections::BTreeSet;

use crate::exchange::ErrorFrame;
use crate::products::ProductId;

/// What to do about an `error` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// It isn't about a subscription: go on.
    GoOn,
    /// This product isn't there: subscribe to the others without it.
    Drop(ProductId),
    /// It may work later.
    Retry,
    /// It won't work as it is: somebody must change something.
    Stop,
}

/// What to do about an error, where `wanted` is what was asked for. Refused requests are refused as
/// a whole: one wrong product leaves the others without data, on a socket that looks healthy.
pub(super) fn action(error: &ErrorFrame, wanted: &BTreeSet<ProductId>) -> Action {
    let reason = error.reason.as_deref().unwrap_or_default();
    let text = format!("{} {reason}", error.message);
    let lower = text.to_ascii_lowercase();
    if lower.contains("rate limit") || lower.contains("too many") {
        return Action::Retry;
    }
    if !lower.contains("failed to subscribe") {
        return Action::GoOn;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let named = text
        .split(|c| !is_part(c))
        .filter_map(|word| ProductId::parse(word).ok())
        .find(|product| wanted.contains(product));
    if let Some(product) = named {
        return Action::Drop(product);
    }
    let hopeless = ["auth", "signature", "valid channel", "malformed"];
    match hopeless.iter().any(|word| lower.contains(word)) {
        true => Action::Stop,
        false => Action::Retry,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_error_has_its_action() {
        let product = |id| ProductId::parse(id).unwrap();
        let wanted = BTreeSet::from([product("BTC-USD"), product("XYZ-USD")]);
        let error = |message: &str, reason: &str| ErrorFrame {
            message: message.to_owned(),
            reason: Some(reason.to_owned()),
        };
        let failed = "Failed to subscribe";
        for (error, expected) in [
            (
                error(failed, "XYZ-USD is not a valid product"),
                Action::Drop(product("XYZ-USD")),
            ),
            (
                error(failed, "\"XYZ-USD\" is delisted."),
                Action::Drop(product("XYZ-USD")),
            ),
            (
                error(failed, "ABC-USD is not a valid product"),
                Action::Retry,
            ),
            (
                error(
                    failed,
                    "level2, level3, and full channels now require authentication.",
                ),
                Action::Stop,
            ),
            (error(failed, "foo is not a valid channel"), Action::Stop),
            (error(failed, "internal error"), Action::Retry),
            (error("Rate limit exceeded", ""), Action::Retry),
            (error("Failed to unsubscribe", "XYZ-USD"), Action::GoOn),
            (error("something else", "BTC-USD"), Action::GoOn),
        ] {
            assert_eq!(action(&error, &wanted), expected, "{error}");
        }
    }
}
