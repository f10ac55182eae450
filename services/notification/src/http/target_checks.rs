//! What a target's fields may be; every mistake is told with its field.

use reqwest::Url;
use service_kit::FieldError;

use crate::outside::{Client, Form, MAILTO, mail_address};

const MAX_NAME_CHARACTERS: usize = 60;
const MAX_URL_BYTES: usize = 2_048;
const MAX_CHAT_CHARACTERS: usize = 64;

pub(super) fn name(text: &str, errors: &mut Vec<FieldError>) -> String {
    let name = text.trim();
    let characters = name.chars().count();
    if characters == 0 || characters > MAX_NAME_CHARACTERS || has_controls(name) {
        let detail = format!("a name has 1 to {MAX_NAME_CHARACTERS} characters");
        errors.push(invalid("name", detail, "name it as you will find it again"));
    }
    name.to_owned()
}

/// Where a target is, as a URL: of a mailbox, `mailto:` and its address.
pub(super) fn place(
    form: Form,
    text: Option<&str>,
    email: Option<&str>,
    client: &Client,
    errors: &mut Vec<FieldError>,
) -> String {
    let (field, other) = match form {
        Form::Email => ("email", text.map(|_| "url")),
        _ => ("url", email.map(|_| "email")),
    };
    if let Some(other) = other {
        let detail = format!("a target of this form has no {other}");
        errors.push(invalid(other, detail, "leave it out"));
    }
    match form {
        Form::Email => {
            let address = email.unwrap_or_default().trim();
            if mail_address(address).is_none() {
                let detail = "this is no address of a mailbox".to_owned();
                errors.push(invalid(field, detail, "as alice@example.com"));
            }
            format!("{MAILTO}{address}")
        }
        _ => {
            let text = text.unwrap_or_default();
            url(text, client, errors);
            text.to_owned()
        }
    }
}

/// A mailbox was confirmed under its address.
pub(super) fn not_of_mailboxes(form: Form, errors: &mut Vec<FieldError>) {
    if form == Form::Email {
        let detail = "a mailbox has no URL".to_owned();
        errors.push(invalid(
            "url",
            detail,
            "make another target for another address",
        ));
    }
}

pub(super) fn url(text: &str, client: &Client, errors: &mut Vec<FieldError>) {
    let hint = "copy it from where the webhook was made, as https://hooks.example.com/\u{2026}";
    let Ok(url) = Url::parse(text) else {
        errors.push(invalid("url", "this is not a URL".to_owned(), hint));
        return;
    };
    let plain = url.scheme() == "http" && client.accepts_plain();
    let named = url.username().is_empty() && url.password().is_none();
    if text.len() > MAX_URL_BYTES {
        let detail = format!("a URL has at most {MAX_URL_BYTES} bytes");
        errors.push(invalid("url", detail, hint));
    } else if url.scheme() != "https" && !plain {
        let detail = "the URL must begin with https://".to_owned();
        errors.push(invalid("url", detail, hint));
    } else if !named || url.host_str().is_none() {
        let detail = "a URL with a host, and without a user's name".to_owned();
        errors.push(invalid("url", detail, hint));
    } else if !client.accepts(&url) {
        errors.push(FieldError {
            field: "url".to_owned(),
            code: "private_target".to_owned(),
            detail: "the address is not on the public internet".to_owned(),
            hint: "the operator can allow it: notifications.allow_private_targets".to_owned(),
        });
    }
}

pub(super) fn chat_id(
    form: Form,
    text: Option<&str>,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    match (form, text) {
        (Form::Telegram, Some(id))
            if id.chars().count() <= MAX_CHAT_CHARACTERS && !has_controls(id) =>
        {
            Some(id.to_owned())
        }
        (Form::Telegram, _) => {
            let detail = format!("a chat's id of 1 to {MAX_CHAT_CHARACTERS} characters");
            let hint = "a number, or @channel; Telegram's getUpdates tells it";
            errors.push(invalid("chat_id", detail, hint));
            None
        }
        (_, None) => None,
        (_, Some(_)) => {
            let detail = "only Telegram has chats".to_owned();
            errors.push(invalid("chat_id", detail, "leave it out"));
            None
        }
    }
}

fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn invalid(field: &str, detail: String, hint: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code: "invalid_target".to_owned(),
        detail,
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use service_kit::settings::NotificationsSettings;

    use super::*;

    fn client(private: bool) -> Client {
        service_kit::service::install_crypto_provider();
        let settings = NotificationsSettings {
            allow_private_targets: private,
            ..NotificationsSettings::default()
        };
        Client::new(&settings).unwrap()
    }

    fn codes(text: &str, private: bool) -> Vec<String> {
        let mut errors = Vec::new();
        url(text, &client(private), &mut errors);
        errors.into_iter().map(|error| error.code).collect()
    }

    #[test]
    fn only_public_urls_with_tls_are_taken() {
        for (text, code) in [
            ("https://hooks.example.com/a/b", None),
            ("https://hooks.example.com:8443/a?b=c", None),
            ("http://hooks.example.com/a", Some("invalid_target")),
            ("ftp://hooks.example.com/a", Some("invalid_target")),
            ("hooks.example.com", Some("invalid_target")),
            ("https://u:p@hooks.example.com/", Some("invalid_target")),
            ("https://192.168.1.1/a", Some("private_target")),
            ("https://[::1]/a", Some("private_target")),
        ] {
            let expected: Vec<&str> = code.into_iter().collect();
            assert_eq!(codes(text, false), expected, "{text}");
        }
        assert!(codes("http://192.168.1.1/a", true).is_empty());
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(codes(&long, true), ["invalid_target"]);
    }

    #[test]
    fn a_target_is_at_a_url_or_an_address() {
        let (hook, mail) = (Some("https://example.com/a"), Some(" alice@example.com "));
        for (form, text, email, kept, wrong) in [
            (Form::Webhook, hook, None, "https://example.com/a", vec![]),
            (Form::Email, None, mail, "mailto:alice@example.com", vec![]),
            (
                Form::Webhook,
                hook,
                mail,
                "https://example.com/a",
                vec!["email"],
            ),
            (
                Form::Email,
                hook,
                mail,
                "mailto:alice@example.com",
                vec!["url"],
            ),
            (Form::Slack, None, None, "", vec!["url"]),
            (Form::Email, None, None, "mailto:", vec!["email"]),
            (
                Form::Email,
                None,
                Some("alice"),
                "mailto:alice",
                vec!["email"],
            ),
        ] {
            let mut errors = Vec::new();
            let found = place(form, text, email, &client(false), &mut errors);
            let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!((found.as_str(), fields), (kept, wrong), "{form:?}");
        }
    }

    #[test]
    fn a_chat_is_telegrams() {
        for (form, text, ok) in [
            (Form::Telegram, Some(" -100123 "), true),
            (Form::Telegram, Some(" "), false),
            (Form::Telegram, None, false),
            (Form::Slack, Some("1"), false),
            (Form::Slack, None, true),
        ] {
            let mut errors = Vec::new();
            let read = chat_id(form, text, &mut errors);
            assert_eq!(errors.is_empty(), ok, "{form:?} {text:?}");
            assert_eq!(
                read.as_deref(),
                (ok && form == Form::Telegram).then_some("-100123")
            );
        }
    }
}
