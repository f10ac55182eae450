//! What a target is sent, by its form.

use kafka_common::messages::Severity;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Told, letter, severity_name};

/// Longest text that Discord takes, in characters.
const DISCORD_CHARACTERS: usize = 2_000;
/// Longest text that Telegram takes.
const TELEGRAM_CHARACTERS: usize = 4_096;
/// Slack cuts texts that are longer.
const SLACK_CHARACTERS: usize = 4_000;

/// How a target wants to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub(crate) enum Form {
    /// The notification as JSON, signed.
    Webhook,
    /// Slack's incoming webhooks.
    Slack,
    /// Discord's webhooks.
    Discord,
    /// Telegram's `sendMessage`, with the chat's id.
    Telegram,
    /// A mail, to an address that its user confirmed.
    Email,
}

impl Form {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::Email => "email",
        }
    }

    /// The body of a call, or of a mail.
    pub(super) fn body(self, told: &Told, chat_id: Option<&str>) -> String {
        let body = match self {
            Self::Webhook => webhook(told),
            Self::Slack => json!({"text": cut(&slack(told), SLACK_CHARACTERS)}),
            // Nobody is called by a name that stands in a text.
            Self::Discord => json!({"content": cut(&text(told), DISCORD_CHARACTERS),
                "allowed_mentions": {"parse": []}}),
            Self::Telegram => json!({"chat_id": chat_id.unwrap_or_default(),
                "text": cut(&text(told), TELEGRAM_CHARACTERS),
                "link_preview_options": {"is_disabled": true}}),
            Self::Email => return letter::text(told),
        };
        body.to_string()
    }
}

/// As the Standard Webhooks specification shapes events: type, time, data.
fn webhook(told: &Told) -> Value {
    json!({
        "type": format!("notification.{}", told.kind),
        "timestamp": told.at,
        "data": {
            "id": told.id,
            "kind": told.kind,
            "title": told.title,
            "message": told.message,
            "severity": severity_name(told.severity),
        },
    })
}

/// Plain: neither Discord's nor Telegram's marks are made use of.
fn text(told: &Told) -> String {
    let mark = match told.severity {
        Severity::Info => "",
        Severity::Warning => "\u{26a0}\u{fe0f} ",
        Severity::Error => "\u{1f6d1} ",
    };
    format!("{mark}{}\n{}", told.title, told.message)
}

/// The three characters that Slack takes for marks; with them nothing can call `<!channel>`.
fn slack(told: &Told) -> String {
    let text = text(told).replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(characters - 1).collect();
            format!("{kept}\u{2026}")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn told(message: &str, severity: Severity) -> Told {
        Told {
            id: Uuid::from_u128(7),
            kind: "session_error".to_owned(),
            title: "A session on BTCUSD was halted".to_owned(),
            message: message.to_owned(),
            severity,
            at: DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
        }
    }

    fn body(form: Form, told: &Told) -> Value {
        serde_json::from_str(&form.body(told, Some("-100"))).unwrap()
    }

    #[test]
    fn a_webhook_gets_the_notification_as_it_is() {
        let body = body(Form::Webhook, &told("a < b & \"c\"", Severity::Error));
        assert_eq!(body["type"], "notification.session_error");
        assert_eq!(body["timestamp"], "2026-01-01T00:00:00Z");
        assert_eq!(body["data"]["message"], "a < b & \"c\"");
        assert_eq!(body["data"]["severity"], "error");
        assert_eq!(body["data"]["id"], Uuid::from_u128(7).to_string());
    }

    #[test]
    fn nobody_is_called_by_a_text() {
        let told = told("<!channel> @everyone &", Severity::Info);
        let slack = body(Form::Slack, &told);
        let slack = slack["text"].as_str().unwrap();
        assert!(
            slack.ends_with("&lt;!channel&gt; @everyone &amp;"),
            "{slack}"
        );
        let discord = body(Form::Discord, &told);
        assert_eq!(discord["allowed_mentions"]["parse"], json!([]));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = told(&"\u{e9}".repeat(9_000), Severity::Warning);
        for (form, field, most) in [
            (Form::Discord, "content", DISCORD_CHARACTERS),
            (Form::Telegram, "text", TELEGRAM_CHARACTERS),
            (Form::Slack, "text", SLACK_CHARACTERS),
        ] {
            let body = body(form, &long);
            let text = body[field].as_str().unwrap();
            assert_eq!(text.chars().count(), most, "{form:?}");
            assert!(text.ends_with('\u{2026}'));
        }
        assert_eq!(body(Form::Telegram, &long)["chat_id"], "-100");
    }
}
