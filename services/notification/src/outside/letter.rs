//! What an e-mail looks like, and which addresses one may go to.

use std::time::SystemTime;

use kafka_common::messages::Severity;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::{Address, Message};
use uuid::Uuid;

use super::{Told, severity_name};

/// Longest subject, in characters: the title is the platform's, but may name what users named.
const MAX_SUBJECT_CHARACTERS: usize = 200;
/// Longest address that a mail server has to take.
const MAX_ADDRESS_BYTES: usize = 254;

type Letter = Result<Message, lettre::error::Error>;

/// An address as people have them: without quotes, comments and addresses of machines, which a mail
/// server might take for something else than what was checked here.
pub(crate) fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    let local_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+/=?^_`{|}~.-".contains(&byte);
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-')
    };
    let named = domain.rsplit('.').next();
    let named = named.is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    let plain = text.len() <= MAX_ADDRESS_BYTES
        && local.bytes().all(local_byte)
        && domain.contains('.')
        && domain.split('.').all(label)
        && named;
    plain.then(|| text.parse().ok()).flatten()
}

/// A notification.
pub(super) fn notification(from: &Mailbox, to: Address, told: &Told) -> Letter {
    letter(from, to, told.id, &told.title, text(told))
}

/// The code for an address that nobody confirmed yet. It tells who asked for it, so that somebody
/// who didn't can complain about them.
pub(super) fn confirmation(from: &Mailbox, to: Address, user_id: &str, code: &str) -> Letter {
    let user_id = one_line(user_id);
    let text = format!(
        "The user {user_id} of AlgoTrade wants to be told at this address.\n\n\
         If that is you, enter this code there, under Settings, Notifications:\n\n    {code}\n\n\
         It is good for 30 minutes. If it isn't you, do nothing: nothing else will come.\n"
    );
    letter(from, to, Uuid::now_v7(), "Your code for AlgoTrade", text)
}

/// The text of a notification's mail.
pub(super) fn text(told: &Told) -> String {
    let severity = match told.severity {
        Severity::Info => String::new(),
        severity => format!(", {}", severity_name(severity)),
    };
    let at = told.at.format("%Y-%m-%d %H:%M:%S UTC");
    format!(
        "{}\n\n{at}{severity}\n\n-- \nAlgoTrade sends this because you confirmed this address. \
         What goes out is up to you: Settings, Notifications.\n",
        told.message
    )
}

/// Of several attempts all have the same id, by which mail programs tell that it is one mail.
fn letter(from: &Mailbox, to: Address, id: Uuid, subject: &str, text: String) -> Letter {
    let subject: String = one_line(subject)
        .chars()
        .take(MAX_SUBJECT_CHARACTERS)
        .collect();
    // So that no holiday answers come back (RFC 3834).
    let automatic = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(format!("AlgoTrade: {subject}"))
        .date(SystemTime::now())
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .raw_header(automatic)
        .singlepart(SinglePart::plain(text))
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::DateTime;

    use super::*;

    #[test]
    fn addresses_of_people_are_taken() {
        for (text, good) in [
            ("alice@example.com", true),
            ("alice.o'hara+trade@mail.example.co.uk", true),
            ("a@xn--bcher-kva.example", true),
            ("alice", false),
            ("@example.com", false),
            ("alice@", false),
            ("alice@localhost", false),
            ("alice@127.0.0.1", false),
            ("alice@[127.0.0.1]", false),
            ("alice@-a.com", false),
            ("alice@example..com", false),
            ("\"alice bob\"@example.com", false),
            ("alice@evil.example@example.com", false),
            ("alice%evil.example@example.com", false),
            ("alice@example.com\r\nBcc: bob@example.com", false),
            ("alice@example.com>", false),
            ("alice, bob@example.com", false),
            ("älice@example.com", false),
        ] {
            assert_eq!(address(text).is_some(), good, "{text}");
        }
        let long = format!("{}@example.com", "a".repeat(MAX_ADDRESS_BYTES));
        assert!(address(&long).is_none());
    }

    fn told(title: &str, message: &str) -> Told {
        Told {
            id: Uuid::from_u128(7),
            kind: "session_error".to_owned(),
            title: title.to_owned(),
            message: message.to_owned(),
            severity: Severity::Error,
            at: DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
        }
    }

    fn written(told: &Told) -> String {
        let from = "AlgoTrade <a@example.com>".parse().unwrap();
        let to = address("bob@example.org").unwrap();
        let letter = notification(&from, to, told).unwrap();
        String::from_utf8(letter.formatted()).unwrap()
    }

    #[test]
    fn a_letter_says_what_when_and_why() {
        let text = written(&told("A session was halted", "The order 7 was refused."));
        for line in [
            "From: AlgoTrade <a@example.com>\r\n",
            "To: bob@example.org\r\n",
            "Subject: AlgoTrade: A session was halted\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000007@example.com>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "The order 7 was refused.\r\n",
            "2026-01-01 00:00:00 UTC, error\r\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }

    #[test]
    fn no_text_becomes_a_header() {
        let text = written(&told(
            "x\r\nBcc: eve@example.com\r\n\r\nhello",
            "y\r\n.\r\nQUIT",
        ));
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        let long = written(&told(&"\u{e9}".repeat(5_000), "y"));
        assert!(long.lines().all(|line| line.len() <= 998));
    }
}
